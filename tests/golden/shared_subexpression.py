"""shared_subexpression: both sweeps, emitted by graphc. Edit the graph, not this file.

    stage                      type
    (1)    a = exp(x + y)      f64
    (2)    b = exp(x + y) * y  f64
    (3)    1 + b               f64
    (4)    f = a / (1 + b)     f64

    (k) computes stage k; d(k) carries the gradient back through stage k; u updates.
    d_v is d(f)/dv.
"""
from graphc_prelude import FLAGS, KERNEL, at_f64, exp, njit, ptr


@njit(**FLAGS)
def forward_backward(x, y):
    """Both sweeps."""
    # forward sweep
    a = exp(x + y)   # (1)
    b = a * y        # (2)  b = exp(x + y) * y
    add_b = 1.0 + b  # (3)  1 + b
    f = a / add_b    # (4)  f = a / (1 + b)

    # backward sweep, last stage first
    d_f = 1.0             # d(4)  f = a / (1 + b)
    d_a = d_f / add_b     # d(4)
    d_add_b = -f / add_b  # d(4)
    d_b = d_add_b         # d(3)  1 + b
    d_a2 = d_b * y        # d(2)  b = exp(x + y) * y
    d_y = d_b * a         # d(2)
    d_add_x = d_a2 * a    # d(1)  a = exp(x + y)
    d_x = d_add_x         # d(1)
    d_y += d_add_x        # d(1)
    d_add_x2 = d_a * a    # d(1)
    d_x += d_add_x2       # d(1)
    d_y += d_add_x2       # d(1)
    return f, d_x, d_y
