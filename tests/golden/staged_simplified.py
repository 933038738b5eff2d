"""staged: both sweeps, emitted by graphc. Edit the graph, not this file.

    stage                       type
    (1)    sigy = sigmoid(y)    f64
    (2)    num = x + sigy       f64
    (3)    sigx = sigmoid(x)    f64
    (4)    xpy = x + y          f64
    (5)    xpysqr = xpy**2      f64
    (6)    den = sigx + xpysqr  f64
    (7)    invden = 1 / den     f64
    (8)    f = num * invden     f64

    (k) computes stage k; d(k) carries the gradient back through stage k; u updates.
    d_v is d(f)/dv.
"""
from graphc_prelude import FLAGS, KERNEL, at_f64, njit, ptr, sigmoid


@njit(**FLAGS)
def forward_backward(x, y):
    """Both sweeps."""
    # forward sweep
    sigy = sigmoid(y)    # (1)
    num = x + sigy       # (2)
    sigx = sigmoid(x)    # (3)
    xpy = x + y          # (4)
    xpysqr = xpy * xpy   # (5)  xpysqr = xpy**2
    den = sigx + xpysqr  # (6)
    invden = 1.0 / den   # (7)  invden = 1 / den
    f = num * invden     # (8)

    # backward sweep, last stage first
    d_num = invden                         # d(8)  f = num * invden
    d_invden = num                         # d(8)
    d_den = -d_invden / (den * den)        # d(7)  invden = 1 / den
    d_sigx = d_xpysqr = d_den              # d(6)  den = sigx + xpysqr
    d_xpy = d_xpysqr * (2.0 * xpy)         # d(5)  xpysqr = xpy**2
    d_x = d_y = d_xpy                      # d(4)  xpy = x + y
    d_x += d_sigx * (sigx * (1.0 - sigx))  # d(3)  sigx = sigmoid(x)
    d_x += d_num                           # d(2)  num = x + sigy
    d_sigy = d_num                         # d(2)
    d_y += d_sigy * (sigy * (1.0 - sigy))  # d(1)  sigy = sigmoid(y)
    return f, d_x, d_y
