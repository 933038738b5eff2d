"""relu on a vector of 4096: the lecture's warning is its Jacobian, 4096 x 4096 numbers that are 0
off the diagonal. No Jacobian is formed: the backward sweep holds as many numbers as the vector has.
"""

import graphc as gr


def memory(size: int, jit: bool = True) -> int:
    """The bytes that both sweeps of f = sum(relu(x)) write, the gradient of x among them."""
    g = gr.Graph("relu_memory")
    x = g.input("x", (size,))
    f = gr.sum(gr.relu(x)).named("f")
    plan = gr.compile(f, wrt=[x], jit=jit).plan
    return plan.work_bytes + plan.out_bytes


if __name__ == "__main__":
    for size in (1024, 2048, 4096):
        print(f"{size} numbers: {memory(size)} bytes, a Jacobian would have {8 * size**2}")
