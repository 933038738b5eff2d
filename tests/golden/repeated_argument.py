"""repeated_argument: both sweeps, emitted by graphc. Edit the graph, not this file.

    stage                          type
    (1)    twice = x + x           f64
    (2)    square = twice * twice  f64
    (3)    f = square * x          f64

    (k) computes stage k; d(k) carries the gradient back through stage k; u updates.
    d_v is d(f)/dv.
"""
from graphc_prelude import FLAGS, KERNEL, at_f64, njit, ptr


@njit(**FLAGS)
def forward_backward(x):
    """Both sweeps."""
    # forward sweep
    twice = x + x           # (1)
    square = twice * twice  # (2)
    f = square * x          # (3)

    # backward sweep, last stage first
    d_square = x                  # d(3)  f = square * x
    d_x = square                  # d(3)
    d_twice = d_square * twice    # d(2)  square = twice * twice
    d_twice2 = d_twice + d_twice  # d(2)
    d_x += d_twice2               # d(1)  twice = x + x
    d_x += d_twice2               # d(1)
    return f, d_x
