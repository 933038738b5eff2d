"""Circuits of a few gates: an add gate hands its gradient on, a multiply gate hands each input the
other one's value, a max gate gives everything to the input that won.

Source: CS231n notes, "Backpropagation, Intuitions".
"""

import graphc as gr


@gr.graph
def sum_times(x, y, z):
    """f = (x + y) z."""
    q = x + y
    f = q * z
    return f


@gr.graph
def product(x, y):
    """f = x y."""
    f = x * y
    return f


@gr.graph
def larger(x, y):
    """f = max(x, y); of two equal inputs the first one takes the gradient."""
    f = gr.maximum(x, y)
    return f


@gr.graph
def three_gates(x, y, z, w):
    """f = 2 (x y + max(z, w))."""
    xy = x * y
    top = gr.maximum(z, w)
    total = xy + top
    f = 2 * total
    return f


def show(graph: gr.Graph, **inputs: float) -> None:
    """Print the value of a circuit and the gradient on each of its wires."""
    wires = [name for name in graph.names if name != "f"]
    value, gradients = gr.compile(graph, wrt=wires)(**inputs)
    gradients = ", ".join(f"d{name} {gradients[name]:g}" for name in wires)
    print(f"{graph.title}({', '.join(f'{v:g}' for v in inputs.values())}) = {value:g}: {gradients}")


if __name__ == "__main__":
    show(sum_times, x=-2, y=5, z=-4)
    show(product, x=4, y=-3)
    show(larger, x=4, y=2)
    show(larger, x=2, y=2)
    show(three_gates, x=3, y=-4, z=2, w=-1)
