"""softmax_row: both sweeps, emitted by graphc. Edit the graph, not this file.

    stage                   type
    (1)    p = softmax(x)   f64[m,10]
    (2)    f = sum(up * p)  f64

    (k) computes stage k; d(k) carries the gradient back through stage k; u updates.
    d_v is d(f)/dv.
    m may be up to 3.
"""
from math import inf

from graphc_prelude import (
    FLAGS, KERNEL, absolute, at_f64, exp, maximum, njit, ptr, select,
)


@njit(**KERNEL)
def forward_backward(m, x, up, work, out):
    """Both sweeps."""
    d_x = at_f64(out, 0)           # f64[m,10]
    exp_x = p = at_f64(work, 320)  # f64[10]

    f = 0.0                                                 # (2)  f = sum(up * p)
    for i in range(m):
        max_x = -inf                                        # (1)  p = softmax(x)
        for j in range(10):
            max_x = maximum(max_x, x[i*10 + j])             # (1)
        top_x = select(absolute(max_x) < inf, max_x, 0.0)   # (1)
        total_x = 0.0                                       # (1)
        for j in range(10):
            exp_x_ij = exp(x[i*10 + j] - top_x)             # (1)
            exp_x[j] = exp_x_ij                             # (1)
            total_x += exp_x_ij                             # (1)
        sum_up = 0.0                                        # d(1)  p = softmax(x)
        for j in range(10):
            p_ij = exp_x[j] / total_x                       # (1)
            p[j] = p_ij                                     # (1)
            f += up[i*10 + j] * p_ij                        # (2)
            sum_up += up[i*10 + j] * p_ij                   # d(1)
        for j in range(10):
            d_x[i*10 + j] = p[j] * (up[i*10 + j] - sum_up)  # d(1)
    return f
