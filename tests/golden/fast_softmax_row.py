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
    FLAGS, KERNEL, absolute, at_f64, exp, keep, max_lanes, maximum, njit, part4, ptr, select,
    splat4, store_part, sum_lanes,
)


@njit(**KERNEL)
def forward_backward(m, x, up, work, out):
    """Both sweeps."""
    d_x = at_f64(out, 0)           # f64[m,10]
    exp_x = p = at_f64(work, 320)  # f64[10]

    f = 0.0                                                   # (2)  f = sum(up * p)
    for i in range(m):
        max_x_lanes = splat4(-inf)                            # (1)  p = softmax(x)
        for j in range(0, 10, 4):
            left = 10 - j
            max_x_lanes = maximum(max_x_lanes, keep(part4(x, i*10 + j, left), left, -inf))  # (1)
        max_x = max_lanes(max_x_lanes)                        # (1)
        top_x = select(absolute(max_x) < inf, max_x, 0.0)     # (1)
        total_x_lanes = splat4(0.0)                           # (1)
        for j in range(0, 10, 4):
            left = 10 - j
            exp_x_ij = exp(part4(x, i*10 + j, left) - top_x)  # (1)
            store_part(exp_x, j, exp_x_ij, left)              # (1)
            total_x_lanes += keep(exp_x_ij, left, 0.0)        # (1)
        total_x = sum_lanes(total_x_lanes)                    # (1)
        f_lanes = splat4(0.0)
        sum_up_lanes = splat4(0.0)                            # d(1)  p = softmax(x)
        for j in range(0, 10, 4):
            left = 10 - j
            p_ij = part4(exp_x, j, left) / total_x            # (1)
            store_part(p, j, p_ij, left)                      # (1)
            up_j = part4(up, i*10 + j, left)                  # (2)
            f_lanes += keep(up_j * p_ij, left, 0.0)           # (2)
            sum_up_lanes += keep(up_j * p_ij, left, 0.0)      # d(1)
        f += sum_lanes(f_lanes)
        sum_up = sum_lanes(sum_up_lanes)                      # d(1)
        for j in range(0, 10, 4):
            left = 10 - j
            d_x_j = part4(p, j, left) * (part4(up, i*10 + j, left) - sum_up)  # d(1)
            store_part(d_x, i*10 + j, d_x_j, left)            # d(1)
    return f
