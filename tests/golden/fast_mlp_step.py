"""two_layer_net: training steps, emitted by graphc. Edit the graph, not this file.

    stage                                   type
    (1)    X @ W1                           f32[batch,100]
    (2)    Z1 = relu(X @ W1)                f32[batch,100]
    (3)    scores = Z1 @ W2                 f32[batch,10]
    (4)    loss = cross_entropy(scores, y)  f32

    (k) computes stage k; d(k) carries the gradient back through stage k; u updates.
    d_v is d(loss)/dv.
    batch may be up to 100.
    multiply(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc, ...): as BLAS' gemm.
    barrier(team, me): all threads arrive before any goes on.
"""
from math import inf, nan

from graphc_prelude import (
    FLAGS, KERNEL, absolute, at_f32, at_f64, at_i64, at_u8, barrier, count8, exp, f32, f64,
    gather_rows, give_back, given_at_f32, given_at_i64, given_at_u8, given_i64, i64, keep, log,
    max_lanes, maximum, multiply, njit, outside, part, part8, ptr, report, returned_f64, select,
    send, shift, splat8, store_part, sum_lanes, to_f32, to_f64, total,
)


@njit(**KERNEL)
def step(me, team, batch, X, y, state, work):
    """One training step: both sweeps and the update of state."""
    own = 3136                                     # bytes of a thread's own
    mine = shift(work, 84096 + me*own)
    W1 = at_f32(state, 0)                          # f32[784,100]
    W2 = at_f32(state, 313600)                     # f32[100,10]
    optimizer_lr = at_f64(state, 317632)           # f64
    optimizer_steps = at_i64(state, 317696)        # i64
    matmul_X = Z1 = d_matmul_X = at_f32(work, 64)  # f32[batch,100]
    scores = d_Z1 = at_f32(work, 40064)            # f32[batch,10]
    exp_scores = at_f32(mine, 3072)                # f32[10]
    d_scores = at_f32(work, 80064)                 # f32[batch,10]

    # forward sweep
    count = f32(batch)                                        # (4)  loss = cross_entropy(scores, y)
    bad = outside(y, batch, 0, 10)                            # (4)
    if bad >= 0:
        report(work, 1, bad, i64(y[bad]))
        return nan
    batch_lo = part(team, me, batch, 1)
    batch_hi = part(team, me + 1, batch, 1)
    # (1)  X @ W1
    multiply(0, 0, batch_hi - batch_lo, 100, 784, 1, shift(X, batch_lo*784), 784, W1, 100, 0,
        shift(matmul_X, batch_lo*100), 100, 0, 0, 0)
    for i in range(batch_lo * 100, batch_hi * 100, 8):
        left = batch_hi * 100 - i
        store_part(Z1, i, maximum(part8(matmul_X, i, left), f32(0)), left)  # (2)  Z1 = relu(X @ W1)
    # (3)  scores = Z1 @ W2
    multiply(0, 0, batch_hi - batch_lo, 10, 100, 1, shift(Z1, batch_lo*100), 100, W2, 10, 0,
        shift(scores, batch_lo*10), 10, 0, 0, 0)
    sum_scores = 0.0                                          # (4)
    # d(4)  loss = cross_entropy(scores, y)
    d_loss = f32(1)
    share = d_loss / count                                    # d(4)
    for i in range(batch_lo, batch_hi):
        max_scores_lanes = splat8(f32(-inf))                  # (4)
        for j in range(0, 10, 8):
            left = 10 - j
            max_scores_lanes = maximum(max_scores_lanes, keep(part8(scores, i*10 + j, left), left, f32(-inf)))  # (4)
        max_scores = max_lanes(max_scores_lanes)              # (4)
        top_scores = select(absolute(max_scores) < f32(inf), max_scores, f32(0))  # (4)
        total_scores_lanes = splat8(0.0)                      # (4)
        for j in range(0, 10, 8):
            left = 10 - j
            exp_scores_ij = exp(part8(scores, i*10 + j, left) - top_scores)  # (4)
            store_part(exp_scores, j, exp_scores_ij, left)    # (4)
            total_scores_lanes += keep(to_f64(exp_scores_ij), left, 0.0)  # (4)
        total_scores = sum_lanes(total_scores_lanes)          # (4)
        add_scores = log(f32(total_scores)) + top_scores      # (4)
        astype_y = i64(y[i])                                  # (4)
        own_scores = scores[astype_y + i*10]                  # (4)
        sum_scores += f64(add_scores - own_scores)            # (4)
        for j in range(0, 10, 8):
            left = 10 - j
            d_scores_j = (part8(exp_scores, j, left) / f32(total_scores) - to_f32(astype_y == count8(j))) * share  # d(4)
            store_part(d_scores, i*10 + j, d_scores_j, left)  # d(4)
    sum_scores = total(team, me, 0, sum_scores)
    loss = f32(sum_scores) / count                            # (4)

    # backward sweep, last stage first
    # d(3)  scores = Z1 @ W2
    multiply(0, 1, batch_hi - batch_lo, 100, 10, 1, shift(d_scores, batch_lo*10), 10, W2, 10, 0,
        shift(d_Z1, batch_lo*100), 100, mine, 16, 0)
    lr = f32(optimizer_lr[0])                          # u
    rows_lo = part(team, me, 100, 1)
    rows_hi = part(team, me + 1, 100, 1)
    barrier(team, me)
    # d(3) u  W2 -= lr * d_W2
    multiply(1, 0, rows_hi - rows_lo, 10, batch, -lr, shift(Z1, rows_lo), 100, d_scores, 10, 1,
        shift(W2, rows_lo*10), 10, 0, 0, 0)
    barrier(team, me)
    for i in range(batch_lo * 100, batch_hi * 100, 8):
        left = batch_hi * 100 - i
        # d(2)  Z1 = relu(X @ W1)
        d_matmul_X_i = select(part8(Z1, i, left) > f32(0), part8(d_Z1, i, left), f32(0))
        store_part(d_matmul_X, i, d_matmul_X_i, left)  # d(2)
    rows_lo2 = part(team, me, 784, 1)
    rows_hi2 = part(team, me + 1, 784, 1)
    barrier(team, me)
    # d(1) u  W1 -= lr * d_W1
    multiply(1, 0, rows_hi2 - rows_lo2, 100, batch, -lr, shift(X, rows_lo2), 784, d_matmul_X, 100,
        1, shift(W1, rows_lo2*100), 100, 0, 0, 0)

    # update
    if me == 0:
        optimizer_steps[0] += 1  # u
    barrier(team, me)
    return loss
