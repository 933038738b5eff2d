"""branch: both sweeps, emitted by graphc. Edit the graph, not this file.

    stage                                   type
    (1)    x > 0                            bool[n]
    (2)    y = where(x > 0, log(x), -x**2)  f64[n]
    (3)    f = sum(y)                       f64

    (k) computes stage k; d(k) carries the gradient back through stage k; u updates.
    d_v is d(f)/dv.
    n may be up to 4.
"""
from graphc_prelude import (
    FLAGS, KERNEL, at_bool, at_f64, keep, log, njit, part4, part8, ptr, select, splat4, splat8,
    store_part, sum_lanes,
)


@njit(**KERNEL)
def forward_backward(n, x, out):
    """Both sweeps."""
    d_x = at_f64(out, 0)  # f64[n]

    f_lanes = splat4(0.0)                                   # (3)  f = sum(y)
    for i in range(0, n, 4):
        left = n - i
        x_i = part4(x, i, left)                             # (1)  x > 0
        greater_x = x_i > 0.0                               # (1)
        y = select(greater_x, log(x_i), -(x_i * x_i))       # (2)  y = where(x > 0, log(x), -x**2)
        f_lanes += keep(y, left, 0.0)                       # (3)
        d_x_i = select(greater_x, 0.0, -1.0 * (2.0 * x_i))  # d(2)  y = where(x > 0, log(x), -x**2)
        store_part(d_x, i, d_x_i + select(greater_x, 1.0 / x_i, 0.0), left)  # d(2)
    f = sum_lanes(f_lanes)                                  # (3)
    return f
