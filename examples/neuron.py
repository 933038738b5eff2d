"""A neuron, 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))), as a circuit of primitive gates and with the one
gate that graphc makes of its last five.

Source: CS231n notes, "Backpropagation, Intuitions".
"""

import graphc as gr

WEIGHTS = {"w0": 2, "w1": -3, "w2": -3}
INPUTS = {"x0": -1, "x1": -2}


@gr.graph
def neuron(w0, x0, w1, x1, w2):
    score = w0 * x0 + w1 * x1 + w2
    f = 1 / (1 + gr.exp(-score))
    return f


if __name__ == "__main__":
    for without, what in (("group", "every gate as written"), ((), "with one sigmoid gate")):
        program = gr.compile(neuron, wrt=[*WEIGHTS, *INPUTS], without=without)
        print(f"{what}:\n{program.trace(WEIGHTS | INPUTS)}\n")

    f, gradients = program(WEIGHTS | INPUTS)
    print(f"f = {f:.2f}")
    for vector, names in (("dw", WEIGHTS), ("dx", INPUTS)):
        print(f"{vector} = [{', '.join(f'{gradients[name]:.3f}' for name in names)}]")
