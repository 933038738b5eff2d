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
    FLAGS, KERNEL, at_bool, at_f64, log, njit, ptr, select,
)


@njit(**KERNEL)
def forward_backward(n, x, out):
    """Both sweeps."""
    d_x = at_f64(out, 0)  # f64[n]

    f = 0.0                                                  # (3)  f = sum(y)
    for i in range(n):
        greater_x = x[i] > 0.0                               # (1)  x > 0
        y = select(greater_x, log(x[i]), -(x[i] * x[i]))     # (2)  y = where(x > 0, log(x), -x**2)
        f += y                                               # (3)
        d_x_i = select(greater_x, 0.0, -1.0 * (2.0 * x[i]))  # d(2)  y = where(x > 0, log(x), -x**2)
        d_x[i] = d_x_i + select(greater_x, 1.0 / x[i], 0.0)  # d(2)
    return f
