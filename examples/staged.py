"""f(x, y) = (x + sigmoid(y)) / (sigmoid(x) + (x + y)**2) in eight stages, and its gradient stage by
stage.

Source: CS231n notes, "Backpropagation, Intuitions", Backprop in practice: Staged computation.
"""

import graphc as gr


@gr.graph
def staged(x, y):
    sigy = gr.sigmoid(y)  # sigmoid in the numerator
    num = x + sigy  # numerator
    sigx = gr.sigmoid(x)  # sigmoid in the denominator
    xpy = x + y
    xpysqr = xpy**2
    den = sigx + xpysqr  # denominator
    invden = 1 / den
    f = num * invden
    return f


RULES = ("group", "stabilise", "simplify", "share")


if __name__ == "__main__":
    program = gr.compile(staged, wrt=["x", "y"])
    f, gradients = program(x=3, y=-4)
    print(f"f = {f}, dx = {gradients['x']}, dy = {gradients['y']}\n")
    print(program.source("forward_backward"))

    plain = gr.compile(staged, wrt=["x", "y"], without=RULES)
    print("Without the rewrite rules it is the chain rule, term by term:\n")
    print(plain.source("forward_backward"))
