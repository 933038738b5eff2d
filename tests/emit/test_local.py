"""Kernels that others run have names of their own."""

from __future__ import annotations

import numpy as np

import graphc as gr


def test_a_step_calls_what_it_reads_by_the_users_names() -> None:
    g = gr.Graph("loops")
    W, xs = g.param("W", (3,), init=np.ones(3)), g.input("xs", ("steps", 3))

    def cell(h, x):
        a = h * W + x
        return gr.tanh(a), a

    last, _ = gr.scan(cell, np.zeros(3), xs)
    again, _ = gr.scan(cell, last, xs, reverse=True)
    program = gr.compile(gr.sum(again**2), wrt=["W"], jit=False, form="plain")
    text, _, _ = program.source().partition("def forward_backward(")
    assert text.count("a = h[i] * W[i] + x[t*3 + i]") == 2
    assert text.count("d_h[i] = multiply_d_h") == 2
    report = gr.check_gradient(gr.sum(again**2), {"xs": np.ones((4, 3))}, wrt=["W"])
    assert report.ok
