"""Samples of what repeats, cuts up, joins and turns arrays, of diagonals and triangles, and of
arrays that a formula makes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from specs import Sample, batch, integer, one, real

# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "tile":          [one(lambda m, x, r=r: m.tile(x, r), real(2, 3)) for r in (2, (2, 1), (2, 1, 3), 0)]
                     + [one(lambda m, x: m.tile(x, (3, 2)), batch(4, 2)), one(lambda m, x: m.tile(x, 3), real())],
    "repeat":        [
        one(lambda m, x: m.repeat(x, 3, 1), real(2, 3)), one(lambda m, x: m.repeat(x, 2), real(2, 3)),
        one(lambda m, x: m.repeat(x, 2, 0), batch(3, 2)),
    ],
    "repeat_counts": [one(lambda m, x: m.repeat(x, [1, 0, 2], 0), real(3, 2))],
    "roll":          [
        one(lambda m, x: m.roll(x, 2), real(2, 3)), one(lambda m, x: m.roll(x, (1, -1), (0, 1)), real(3, 4)),
        one(lambda m, x: m.roll(x, -7, 0), real(5)), one(lambda m, x: m.roll(x, 1, 0), batch(4, 2)),
        one(lambda m, x: m.roll(x, 1, (0, 0)), real(3, 2)),
    ],
    "split":         [
        one(lambda m, x: m.split(x, 3, 1)[1], real(2, 6)), one(lambda m, x: m.split(x, [1, 4], 1)[2], real(2, 6)),
        one(lambda m, x: m.split(x, [1])[1], batch(4, 2)), one(lambda m, x: m.array_split(x, 3)[0], real(4)),
        one(lambda m, x: m.array_split(x, 3)[2], real(4)),
        one(lambda m, x: m.hsplit(x, 2)[1], real(2, 4)), one(lambda m, x: m.vsplit(x, 2)[1], real(2, 4)),
        one(lambda m, x: m.dsplit(x, 2)[0], real(1, 2, 4)),
    ],
    "chunk":         [one(lambda m, x: m.chunk(x, 3, 1)[-1], real(2, 5))],
    "unstack":       [one(lambda m, x: m.unstack(x, axis=1)[2], real(2, 3))],
    # diagonals
    "diagonal":      [
        one(lambda m, x: m.diagonal(x), real(3, 4)), one(lambda m, x: m.diagonal(x, -1), real(4, 3)),
        one(lambda m, x: m.diagonal(x, 1, 2, 0), real(3, 2, 4)), one(lambda m, x: m.diagonal(x, 5), real(3, 3)),
        one(lambda m, x: m.diagonal(x, 0, 1, 2), batch(4, 3, 3)),
    ],
    "onto_diagonal": [one(lambda m, v: m.onto_diagonal(v, shape=(3, 4), offset=1), real(2, 3))],
    "diag_embed":    [
        one(lambda m, x: m.diag_embed(x), batch(4, 3)), one(lambda m, x: m.diag_embed(x, -1, 0, 2), real(2, 3)),
        one(lambda m, x: m.diag_embed(x), batch(4)), one(lambda m, x: m.diag_embed(x, -2), batch(4)),
    ],
    "diag":          [one(lambda m, x: m.diag(x), real(3)), one(lambda m, x: m.diag(x, 2), real(3)), one(lambda m, x: m.diag(x, 1), real(3, 3))],
    "diagflat":      [one(lambda m, x: m.diagflat(x, -1), real(2, 2))],
    "diagonal_scatter": [one(lambda m, x, v: m.diagonal_scatter(x, v, 1), real(3, 4), real(3)), one(lambda m, x, v: m.diagonal_scatter(x, v, 0, 2, 0), real(3, 2, 3), real())],
    "trace":         [one(lambda m, x: m.trace(x), real(3, 4)), one(lambda m, x: m.trace(x, 1, 1, 2), batch(4, 3, 3)), one(lambda m, x: m.trace(x), integer(3, 3))],
    "tril":          [one(lambda m, x, k=k: m.tril(x, k), real(3, 4)) for k in (0, -1, 2)] + [one(lambda m, x: m.tril(x), batch(4, 2, 2))],
    "triu":          [one(lambda m, x, k=k: m.triu(x, k), real(4, 3)) for k in (0, 1)] + [one(lambda m, x: m.triu(x), batch(4, 3))],
    # joined and turned
    "moveaxis":      [one(lambda m, x: m.moveaxis(x, 0, -1), real(2, 3, 4)), one(lambda m, x: m.moveaxis(x, (0, 1), (2, 0)), real(2, 3, 4))],
    "swapaxes":      [one(lambda m, x: m.swapaxes(x, 0, -1), real(2, 3, 4))],
    "rot90":         [one(lambda m, x, k=k: m.rot90(x, k), real(2, 3)) for k in (1, 2, 3)],
    "fliplr":        [one(lambda m, x: m.fliplr(x), real(2, 3))],
    "flipud":        [one(lambda m, x: m.flipud(x), batch(2, 3))],
    "flatten":       [one(lambda m, x: m.flatten(x, 1, 2), real(2, 3, 4)), one(lambda m, x: m.flatten(x), real())],
    "unflatten":     [one(lambda m, x: m.unflatten(x, 1, (2, -1)), real(2, 6)), one(lambda m, x: m.unflatten(x, 0, (-1, 1)), batch(4, 2))],
    "atleast":       [one(lambda m, x: m.atleast_1d(x), real()), one(lambda m, x: m.atleast_2d(x), real(3)), one(lambda m, x: m.atleast_3d(x), real(2, 3))],
    "vstack":        [one(lambda m, x, y: m.vstack([x, y]), real(3), real(2, 3))],
    "hstack":        [one(lambda m, x, y: m.hstack([x, y]), real(2, 1), real(2, 3)), one(lambda m, x, y: m.hstack([x, y]), real(), real(3))],
    "dstack":        [one(lambda m, x, y: m.dstack([x, y]), real(2, 3), real(2, 3))],
    "column_stack":  [one(lambda m, x, y: m.column_stack([x, y]), real(2), real(2, 3))],
    "block_diag":    [one(lambda m, x, y: m.block_diag(x, y), real(2, 3), real(2))],
    "broadcast_arrays": [one(lambda m, x, y: m.broadcast_arrays(x, y)[0], real(3), real(2, 1))],
    "meshgrid":      [one(lambda m, x, y, z, k=k: m.meshgrid(x, y, z)[k], real(2), real(3), real(4)) for k in (0, 1, 2)]
                     + [one(lambda m, x, y: m.meshgrid(x, y, indexing="ij")[1], real(2), real(3))],
    "kron":          [one(lambda m, x, y: m.kron(x, y), real(2, 3), real(2, 2)), one(lambda m, x, y: m.kron(x, y), real(3), real(2, 2))],
    # from formulas
    "arange":        [
        one(lambda m, x: m.arange(5, like=x), real()), one(lambda m, x: m.arange(7, 0, -2, like=x), real()),
        one(lambda m, x: m.arange(1, 2, 0.25, like=x), real()), one(lambda m, x: m.arange(x.shape[0], like=x), batch(4)),
    ],
    "linspace":      [
        one(lambda m, a, b: m.linspace(a, b, 5), real(2), real()), one(lambda m, a, b: m.linspace(a, b, 4, endpoint=False, axis=-1), real(2), real(3, 2)),
        one(lambda m, x: m.linspace(0, x, 1), real()), one(lambda m, x: m.logspace(x, 2, 3, base=2.0), real()),
    ],
    "eye":           [one(lambda m, x: m.eye(3, like=x), real()), one(lambda m, x: m.eye(2, 4, 1, like=x), real()), one(lambda m, x: m.identity(2, like=x), real())],
    "tri":           [one(lambda m, x: m.tri(3, 4, -1, like=x), real())],
    "full":          [one(lambda m, x: m.full((2, 3), 1.5, like=x), real()), one(lambda m, x: m.zeros((2, 3), like=x), real()), one(lambda m, x: m.ones(3, like=x), real())],
}
# fmt: on


def _diag_embed(x: Any, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Any:
    size = x.shape[-1] + abs(offset)
    found = np.zeros((*x.shape[:-1], size, size))
    count = np.arange(x.shape[-1])
    found[..., count + max(-offset, 0), count + max(offset, 0)] = x
    return np.moveaxis(found, (-2, -1), (axis1, axis2))


def _onto(v: Any, shape: tuple[int, int], offset: int) -> Any:
    found = np.zeros((*v.shape[:-1], *shape))
    for at in range(v.shape[-1]):
        found[..., at + max(-offset, 0), at + max(offset, 0)] = v[..., at]
    return found


def _diagonal_scatter(x: Any, v: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    found = np.array(x)
    rows = np.moveaxis(found, (axis1, axis2), (-2, -1))
    values = np.broadcast_to(v, np.diagonal(rows, offset, -2, -1).shape)
    for at in range(values.shape[-1]):
        rows[..., at + max(-offset, 0), at + max(offset, 0)] = values[..., at]
    return found


def _block_diag(*blocks: Any) -> Any:
    blocks = tuple(map(np.atleast_2d, blocks))
    found = np.zeros(tuple(np.sum([b.shape for b in blocks], axis=0)))
    at = np.zeros(2, int)
    for b in blocks:
        found[at[0] : at[0] + b.shape[0], at[1] : at[1] + b.shape[1]] = b
        at += b.shape
    return found


def _flatten(x: Any, start: int = 0, end: int = -1) -> Any:
    end %= max(x.ndim, 1)
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


NUMPY: dict[str, Callable[..., Any]] = {
    "diag_embed": _diag_embed,
    "onto_diagonal": _onto,
    "diagonal_scatter": _diagonal_scatter,
    "block_diag": _block_diag,
    "flatten": _flatten,
    "unflatten": lambda x, axis, sizes: x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :]),
    "chunk": lambda x, n, axis: np.split(
        x, range(size := -(-x.shape[axis] // n), x.shape[axis], size), axis
    ),
}
TORCH: dict[str, Callable[..., Any]] = {
    "diagonal": lambda x, offset=0, axis1=0, axis2=1: x.diagonal(offset, axis1, axis2),
    "diag_embed": lambda x, offset=0, axis1=-2, axis2=-1: x.diag_embed(offset, axis1, axis2),
    "diagonal_scatter": lambda x, v, *at: x.diagonal_scatter(v, *at),
}
