"""Factorisations of matrices in plain loops, for where no LAPACK is at hand.

Matrices lie row by row. A variable that sums is f64 whatever the elements are.
"""
# mypy: allow-untyped-calls, allow-untyped-decorators

from typing import Any

from numba import njit

from .functions import sqrt
from .jit import FLAGS
from .memory import at_f64, copy, fill, shift
from .numbers import absolute, select

NAN = float("nan")
SWEEPS = 60
"""Jacobi's method has long converged by then, if it ever will."""

TINY = 1e-32
"""What is left beside the diagonal, squared, when Jacobi's method has converged."""


@njit(**FLAGS)
def cholesky_by_loops(n: int, a: Any, y: Any) -> None:
    """Row after row of y from those before; see equations.cholesky."""
    fill(y, n * n, 0.0)
    for i in range(n):
        row = shift(y, i * n)
        for j in range(i + 1):
            rest = dot(a, i * n + j, y, i, j, n)
            if i > j:
                row[j] = rest / y[j * n + j]
            elif rest > 0:
                row[j] = sqrt(rest)
            else:
                fill(y, n * n, NAN)
                return


@njit(**FLAGS)
def dot(a: Any, at: int, y: Any, i: int, j: int, n: int) -> Any:
    """a[at] less the product of the first j elements of rows i and j of y."""
    left, right = shift(y, i * n), shift(y, j * n)
    rest = 0.0 + a[at]
    for p in range(j):
        rest -= left[p] * right[p]
    return rest


@njit(**FLAGS)
def lu_by_loops(n: int, a: Any, y: Any, pivots: Any) -> None:
    """Step after step on what is left of y; see equations.lu."""
    copy(y, a, n * n)
    for k in range(n):
        row = shift(y, k * n)
        best = k
        for j in range(k + 1, n):
            best = select(absolute(row[j]) > absolute(row[best]), j, best)
        pivots[k] = best
        for i in range(n):
            one, other = y[i * n + k], y[i * n + best]
            y[i * n + k], y[i * n + best] = other, one
        if row[k] != 0:
            for j in range(k + 1, n):
                row[j] /= row[k]
        for i in range(k + 1, n):
            line = shift(y, i * n)
            for j in range(k + 1, n):
                line[j] -= line[k] * row[j]


@njit(**FLAGS)
def substitute_by_loops(
    n: int, k: int, lower: int, transposed: int, unit: int, a: Any, x: Any
) -> None:
    """Solve op(T) X = X in place, where T is a triangle of a and op transposes or not."""
    forward = (lower != 0) ^ (transposed != 0)
    down, right = select(transposed != 0, 1, n), select(transposed != 0, n, 1)
    for step in range(n):
        i = select(forward, step, n - 1 - step)
        row = shift(x, i * k)
        pivot = select(unit != 0, 1.0, 0.0 + a[i * n + i])
        for c in range(k):
            row[c] /= pivot
        for r in range(select(forward, i + 1, 0), select(forward, n, i)):
            factor, line = a[r * down + i * right], shift(x, r * k)
            for c in range(k):
                line[c] -= factor * row[c]


# Householder's reflections


@njit(**FLAGS)
def qr_by_loops(m: int, n: int, k: int, a: Any, q: Any, r: Any, tau: Any) -> None:
    """n reflections of m >= n rows, then the first k columns of their product; see spectra.qr."""
    fill(q, m * k, 0.0)
    fill(r, k * n, 0.0)
    for i in range(m):
        copy(shift(q, i * k), shift(a, i * n), n)
    for j in range(n):
        tau[j] = _reflection(m, k, j, q)
        _reflect(m, k, j, tau[j], n, q)
    for i in range(n):
        copy(shift(r, i * n + i), shift(q, i * k + i), n - i)
    for j in range(n, k):
        q[j * k + j] = 1.0
    for j in range(n - 1, -1, -1):
        _reflect(m, k, j, tau[j], k, q)
        for i in range(m):
            q[i * k + j] *= select(i > j, -tau[j], 0.0)
        q[j * k + j] = 1.0 - tau[j]


@njit(**FLAGS)
def _reflection(m: int, k: int, j: int, q: Any) -> Any:
    """Leave in column j the vector v (below a 1 that is not written) and the element that the
    reflection I - tau v v^T makes of the column; tau.
    """
    below = 0.0
    for i in range(j + 1, m):
        below += q[i * k + j] * q[i * k + j]
    head = 0.0 + q[j * k + j]
    norm = sqrt(head * head + below)
    made = select(head > 0, -norm, norm)
    if below == 0:
        return 0.0
    for i in range(j + 1, m):
        q[i * k + j] /= head - made
    q[j * k + j] = made
    return (made - head) / made


@njit(**FLAGS)
def _reflect(m: int, k: int, j: int, tau: Any, stop: int, q: Any) -> None:
    """Apply the reflection that column j holds to the columns between it and `stop`."""
    for c in range(j + 1, stop):
        along = 0.0 + q[j * k + c]
        for i in range(j + 1, m):
            along += q[i * k + j] * q[i * k + c]
        q[j * k + c] -= tau * along
        for i in range(j + 1, m):
            q[i * k + c] -= tau * along * q[i * k + j]


# Jacobi's rotations


@njit(**FLAGS)
def eigh_by_loops(n: int, a: Any, w: Any, v: Any, scratch: Any) -> None:
    """Rotate pairs of axes until the matrix is diagonal; see spectra.eigh."""
    s, axes = at_f64(scratch, 0), at_f64(scratch, 8 * n * n)
    for i in range(n):
        for j in range(n):
            s[i * n + j] = a[select(i > j, i * n + j, j * n + i)]
            axes[i * n + j] = select(i == j, 1.0, 0.0)
    for _ in range(SWEEPS):
        if _diagonal(n, s):
            break
        for i in range(n):
            for j in range(i + 1, n):
                _diagonalise(n, i, j, s, axes)
    for place in range(n):
        i = _least(n, n + 1, s)
        w[place] = s[i * n + i]
        s[i * n + i] = NAN
        for j in range(n):
            v[j * n + place] = axes[i * n + j]


@njit(**FLAGS)
def _diagonal(n: int, s: Any) -> bool:
    """Whether next to nothing is left beside the diagonal."""
    beside, whole = 0.0, 0.0
    for i in range(n):
        for j in range(n):
            square = s[i * n + j] * s[i * n + j]
            whole += square
            beside += select(i == j, 0.0, square)
    return beside <= TINY * whole


@njit(**FLAGS)
def _diagonalise(n: int, i: int, j: int, s: Any, axes: Any) -> None:
    """Turn axes i and j so that s[i, j] becomes zero."""
    if s[i * n + j] != 0:
        c, t = angle(s[i * n + i], s[j * n + j], s[i * n + j])
        rotate(n, c, t, s, i * n, j * n, 1)
        rotate(n, c, t, s, i, j, n)
        rotate(n, c, t, axes, i * n, j * n, 1)


@njit(**FLAGS)
def angle(p: Any, q: Any, r: Any) -> Any:
    """The cosine and sine by which [[p, r], [r, q]] becomes diagonal."""
    theta = (q - p) / (2.0 * r)
    tangent = select(theta < 0, -1.0, 1.0) / (absolute(theta) + sqrt(theta * theta + 1.0))
    cosine = 1.0 / sqrt(tangent * tangent + 1.0)
    return cosine, tangent * cosine


@njit(**FLAGS)
def rotate(n: int, c: Any, s: Any, x: Any, first: int, second: int, step: int) -> None:
    """(x, y) becomes (c x - s y, s x + c y), for two lines of n elements `step` apart."""
    for p in range(n):
        i, j = first + p * step, second + p * step
        one, other = x[i], x[j]
        x[i], x[j] = c * one - s * other, s * one + c * other


@njit(**FLAGS)
def _least(n: int, step: int, x: Any) -> Any:
    """Where the least of n elements is that are `step` apart; NaN only where all are."""
    best = 0
    for i in range(1, n):
        smaller = (x[i * step] < x[best * step]) | (x[best * step] != x[best * step])
        best = select(smaller, i, best)
    return best


@njit(**FLAGS)
def svd_by_loops(
    m: int, n: int, p: int, q: int, a: Any, u: Any, s: Any, v: Any, scratch: Any
) -> None:
    """Turn the rows of A, or of its transpose if that has fewer, until they are orthogonal to each
    other: their lengths are the singular values. See spectra.svd.
    """
    flat = m <= n
    few, many, wide = select(flat, m, n), select(flat, n, m), select(flat, q, p)
    down, right = select(flat, n, 1), select(flat, 1, n)
    rows, turns = at_f64(scratch, 0), at_f64(scratch, 8 * few * many)
    sides = at_f64(scratch, 8 * few * (many + few))
    for i in range(few):
        for j in range(many):
            rows[i * many + j] = a[i * down + j * right]
        for j in range(few):
            turns[i * few + j] = select(i == j, 1.0, 0.0)
    for _ in range(SWEEPS):
        if _orthogonalised(few, many, rows, turns) == 0:
            break
    for i in range(few):
        _longest_first(i, few, many, rows, turns)
        s[i] = _normed(many, shift(rows, i * many), shift(sides, i * many))
    for i in range(wide):
        if i >= few or not s[select(i < few, i, 0)] > 0:
            _complete(i, many, sides)
    if flat:
        _turned(few, few, turns, u)
        _written(q * n, sides, v)
    else:
        _turned(p, many, sides, u)
        _written(n * n, turns, v)


@njit(**FLAGS)
def _orthogonalised(few: int, many: int, rows: Any, turns: Any) -> int:
    """Make every pair of rows orthogonal once, and note the rotations; how many it took."""
    count = 0
    for i in range(few):
        for j in range(i + 1, few):
            p = inner(many, shift(rows, i * many), shift(rows, i * many))
            q = inner(many, shift(rows, j * many), shift(rows, j * many))
            r = inner(many, shift(rows, i * many), shift(rows, j * many))
            if r * r > TINY * p * q:
                c, t = angle(p, q, r)
                rotate(many, c, t, rows, i * many, j * many, 1)
                rotate(few, c, t, turns, i * few, j * few, 1)
                count += 1
    return count


@njit(**FLAGS)
def inner(n: int, x: Any, y: Any) -> Any:
    """The inner product of two lines of n elements."""
    total = 0.0
    for i in range(n):
        total += x[i] * y[i]
    return total


@njit(**FLAGS)
def _longest_first(first: int, few: int, many: int, rows: Any, turns: Any) -> None:
    """Exchange row `first` with the longest of those from it on."""
    best, longest = first, -1.0
    for i in range(first, few):
        square = inner(many, shift(rows, i * many), shift(rows, i * many))
        best, longest = select(square > longest, i, best), select(square > longest, square, longest)
    if best != first:
        rotate(many, 0.0, 1.0, rows, first * many, best * many, 1)
        rotate(few, 0.0, 1.0, turns, first * few, best * few, 1)


@njit(**FLAGS)
def _normed(n: int, x: Any, y: Any) -> Any:
    """The length of x; y becomes x / length, or zero."""
    length = sqrt(inner(n, x, x))
    for i in range(n):
        y[i] = x[i] / select(length > 0, length, 1.0)
    return length


@njit(**FLAGS)
def _complete(i: int, n: int, rows: Any) -> None:
    """Make row i a unit vector that is orthogonal to those before it: what is left of the first
    axis that has a fair share outside of them.
    """
    row = shift(rows, i * n)
    for axis in range(n):
        for j in range(n):
            row[j] = select(j == axis, 1.0, 0.0)
        for twice in range(2):
            for k in range(i):
                along = inner(n, row, shift(rows, k * n))
                for j in range(n):
                    row[j] -= along * rows[k * n + j]
            if twice == 0 and inner(n, row, row) * n < 0.5:
                break
        if inner(n, row, row) * n >= 0.49:
            break
    _normed(n, row, row)


@njit(**FLAGS)
def _turned(rows: int, columns: int, x: Any, y: Any) -> None:
    for i in range(rows):
        for j in range(columns):
            y[j * rows + i] = x[i * columns + j]


@njit(**FLAGS)
def _written(n: int, x: Any, y: Any) -> None:
    for i in range(n):
        y[i] = x[i]
