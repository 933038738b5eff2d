"""least_squares: training steps, emitted by graphc. Edit the graph, not this file.

    stage                                       type
    (1)    prediction = X @ w                   f64[m]
    (2)    loss = squared_error(prediction, y)  f64

    (k) computes stage k; d(k) carries the gradient back through stage k; u updates.
    d_v is d(loss)/dv.
    m may be up to 4.
    gemm(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc): C = alpha A B + beta C.
"""
from graphc_prelude import (
    FLAGS, KERNEL, at_f64, at_i64, f64, gather_rows, gemm, njit, power, ptr, shift, sqrt,
)


@njit(**KERNEL)
def step(m, X, y, state, work):
    """One training step: both sweeps and the update of state."""
    w = at_f64(state, 0)                  # f64[5]
    optimizer_lr = at_f64(state, 64)      # f64
    optimizer_b1 = at_f64(state, 128)     # f64
    optimizer_b2 = at_f64(state, 192)     # f64
    optimizer_eps = at_f64(state, 256)    # f64
    optimizer_steps = at_i64(state, 320)  # i64
    optimizer_w_m = at_f64(state, 384)    # f64[5]
    optimizer_w_v = at_f64(state, 448)    # f64[5]
    prediction = d_w = at_f64(work, 64)   # f64[m]
    d_prediction = at_f64(work, 128)      # f64[m]

    # forward sweep
    # (2)  loss = squared_error(prediction, y)
    count = f64(m)
    gemm(0, 0, m, 1, 5, 1.0, X, 5, w, 1, 0.0, prediction, 1)  # (1)  prediction = X @ w
    sum_prediction = 0.0                                      # (2)
    # d(2)  loss = squared_error(prediction, y)
    d_loss = 1.0
    divide = d_loss / count                                   # d(2)
    for i in range(m):
        subtract_prediction = prediction[i] - y[i]            # (2)
        sum_prediction += subtract_prediction * subtract_prediction  # (2)
        d_prediction[i] = 2.0 * subtract_prediction * divide  # d(2)
    loss = sum_prediction / count                             # (2)

    # backward sweep, last stage first
    gemm(1, 0, 5, 1, m, 1.0, X, 5, d_prediction, 1, 0.0, d_w, 1)  # d(2)

    # update
    steps = optimizer_steps[0] + 1              # u
    astype_steps = f64(steps)                   # u
    sqrt_optimizer_b2 = sqrt(1.0 - power(optimizer_b2[0], astype_steps))  # u
    rate = optimizer_lr[0] * sqrt_optimizer_b2 / (1.0 - power(optimizer_b1[0], astype_steps))  # u
    eps = optimizer_eps[0] * sqrt_optimizer_b2  # u
    a1 = 1.0 - optimizer_b1[0]                  # u
    a2 = 1.0 - optimizer_b2[0]                  # u
    for i in range(5):
        w_m = optimizer_w_m[i] + a1 * (d_w[i] - optimizer_w_m[i])  # u
        w_v = optimizer_w_v[i] + a2 * (d_w[i] * d_w[i] - optimizer_w_v[i])  # u
        w[i] -= rate * w_m / (sqrt(w_v) + eps)  # u
        optimizer_w_m[i] = w_m                  # u
        optimizer_w_v[i] = w_v                  # u
    optimizer_steps[0] = steps                  # u
    return loss
