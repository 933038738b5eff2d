"""least_squares: training steps, emitted by graphc. Edit the graph, not this file.

    stage                                       type
    (1)    prediction = X @ w                   f64[m]
    (2)    loss = squared_error(prediction, y)  f64

    (k) computes stage k; d(k) carries the gradient back through stage k; u updates.
    d_v is d(loss)/dv.
    m may be up to 4.
    multiply(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc, ...): as BLAS' gemm.
"""
from graphc_prelude import (
    FLAGS, KERNEL, at_f64, at_i64, f64, gather_rows, keep, multiply, njit, part4, power, ptr, shift,
    splat4, sqrt, store_part, sum_lanes,
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
    count = f64(m)                                    # (2)  loss = squared_error(prediction, y)
    multiply(0, 0, m, 1, 5, 1, X, 5, w, 1, 0, prediction, 1, 0, 0, 0)  # (1)  prediction = X @ w
    d_loss = 1.0                                      # d(2)  loss = squared_error(prediction, y)
    divide = d_loss / count                           # d(2)
    sum_prediction_lanes = splat4(0.0)                # (2)
    for i in range(0, m, 4):
        left = m - i
        subtract_prediction = part4(prediction, i, left) - part4(y, i, left)  # (2)
        sum_prediction_lanes += keep(subtract_prediction * subtract_prediction, left, 0.0)  # (2)
        store_part(d_prediction, i, 2.0 * subtract_prediction * divide, left)  # d(2)
    sum_prediction = sum_lanes(sum_prediction_lanes)  # (2)
    loss = sum_prediction / count                     # (2)

    # backward sweep, last stage first
    multiply(1, 0, 5, 1, m, 1, X, 5, d_prediction, 1, 0, d_w, 1, 0, 0, 0)  # d(2)

    # update
    steps = optimizer_steps[0] + 1                              # u
    astype_steps = f64(steps)                                   # u
    sqrt_optimizer_b2 = sqrt(1.0 - power(optimizer_b2[0], astype_steps))  # u
    rate = optimizer_lr[0] * sqrt_optimizer_b2 / (1.0 - power(optimizer_b1[0], astype_steps))  # u
    eps = optimizer_eps[0] * sqrt_optimizer_b2                  # u
    a1 = 1.0 - optimizer_b1[0]                                  # u
    a2 = 1.0 - optimizer_b2[0]                                  # u
    for i in range(0, 5, 4):
        left = 5 - i
        optimizer_w_m_i = part4(optimizer_w_m, i, left)         # u
        d_w_i = part4(d_w, i, left)                             # u
        w_m = optimizer_w_m_i + a1 * (d_w_i - optimizer_w_m_i)  # u
        optimizer_w_v_i = part4(optimizer_w_v, i, left)         # u
        w_v = optimizer_w_v_i + a2 * (d_w_i * d_w_i - optimizer_w_v_i)  # u
        store_part(w, i, part4(w, i, left) - rate * w_m / (sqrt(w_v) + eps), left)  # u
        store_part(optimizer_w_m, i, w_m, left)                 # u
        store_part(optimizer_w_v, i, w_v, left)                 # u
    optimizer_steps[0] = steps                                  # u
    return loss
