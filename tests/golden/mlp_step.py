"""two_layer_net: training steps, emitted by graphc. Edit the graph, not this file.

    stage                                   type
    (1)    X @ W1                           f32[batch,100]
    (2)    Z1 = relu(X @ W1)                f32[batch,100]
    (3)    scores = Z1 @ W2                 f32[batch,10]
    (4)    loss = cross_entropy(scores, y)  f32

    (k) computes stage k; d(k) carries the gradient back through stage k; u updates.
    d_v is d(loss)/dv.
    batch may be up to 100.
    gemm(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc): C = alpha A B + beta C.
"""
from math import inf, nan

from graphc_prelude import (
    FLAGS, KERNEL, absolute, at_f32, at_f64, at_i64, at_u8, exp, f32, f64, gather_rows, gemm, i64,
    log, maximum, njit, outside, ptr, report, select, shift,
)


@njit(**KERNEL)
def step(batch, X, y, state, work):
    """One training step: both sweeps and the update of state."""
    W1 = at_f32(state, 0)                          # f32[784,100]
    W2 = at_f32(state, 313600)                     # f32[100,10]
    optimizer_lr = at_f64(state, 317632)           # f64
    optimizer_steps = at_i64(state, 317696)        # i64
    matmul_X = Z1 = d_matmul_X = at_f32(work, 64)  # f32[batch,100]
    scores = d_Z1 = at_f32(work, 40064)            # f32[batch,10]
    exp_scores = at_f32(work, 44096)               # f32[10]
    d_scores = at_f32(work, 80064)                 # f32[batch,10]

    # forward sweep
    # (4)  loss = cross_entropy(scores, y)
    count = f32(batch)
    bad = outside(y, batch, 0, 10)                              # (4)
    if bad >= 0:
        report(work, 1, bad, i64(y[bad]))
        return nan
    gemm(0, 0, batch, 100, 784, f32(1), X, 784, W1, 100, f32(0), matmul_X, 100)  # (1)  X @ W1
    for i in range(batch):
        for j in range(100):
            Z1[i*100 + j] = maximum(matmul_X[i*100 + j], f32(0))  # (2)  Z1 = relu(X @ W1)
    gemm(0, 0, batch, 10, 100, f32(1), Z1, 100, W2, 10, f32(0), scores, 10)  # (3)  scores = Z1 @ W2
    sum_scores = 0.0                                            # (4)
    # d(4)  loss = cross_entropy(scores, y)
    d_loss = f32(1)
    share = d_loss / count                                      # d(4)
    for i in range(batch):
        max_scores = f32(-inf)                                  # (4)
        for j in range(10):
            max_scores = maximum(max_scores, scores[i*10 + j])  # (4)
        top_scores = select(absolute(max_scores) < f32(inf), max_scores, f32(0))  # (4)
        total_scores = 0.0                                      # (4)
        for j in range(10):
            exp_scores_ij = exp(scores[i*10 + j] - top_scores)  # (4)
            exp_scores[j] = exp_scores_ij                       # (4)
            total_scores += f64(exp_scores_ij)                  # (4)
        add_scores = log(f32(total_scores)) + top_scores        # (4)
        astype_y = i64(y[i])                                    # (4)
        own_scores = scores[astype_y + i*10]                    # (4)
        sum_scores += f64(add_scores - own_scores)              # (4)
        for j in range(10):
            d_scores[i*10 + j] = (exp_scores[j] / f32(total_scores) - f32(astype_y == j)) * share  # d(4)
    loss = f32(sum_scores) / count                              # (4)

    # backward sweep, last stage first
    # d(3)  scores = Z1 @ W2
    gemm(0, 1, batch, 100, 10, f32(1), d_scores, 10, W2, 10, f32(0), d_Z1, 100)
    lr = f32(optimizer_lr[0])  # u
    # d(3) u  W2 -= lr * d_W2
    gemm(1, 0, 100, 10, batch, -lr, Z1, 100, d_scores, 10, f32(1), W2, 10)
    for i in range(batch):
        for j in range(100):
            # d(2)  Z1 = relu(X @ W1)
            d_matmul_X[i*100 + j] = select(Z1[i*100 + j] > f32(0), d_Z1[i*100 + j], f32(0))
    # d(1) u  W1 -= lr * d_W1
    gemm(1, 0, 784, 100, batch, -lr, X, 784, d_matmul_X, 100, f32(1), W1, 100)

    # update
    optimizer_steps[0] += 1  # u
    return loss
