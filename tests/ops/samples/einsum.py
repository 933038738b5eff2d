"""Samples of sums of products over named axes, and of what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from specs import Sample, Spec, batch, integer, one, real


def _einsum(spec: str, *specs: Spec, **options: Any) -> Sample:
    return one(lambda m, *args: m.einsum(spec, *args, **options), *specs)


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "einsum":    [
        _einsum("ij,jk->ik", real(2, 3), real(3, 4)),
        _einsum("ij,kj->ki", real(2, 3), real(4, 3)),
        _einsum("ij,jk,kl->il", real(2, 3), real(3, 4), real(4, 2)),
        _einsum("ij,jk,kl,lm->m", real(2, 3), real(3, 4), real(4, 2), real(2, 3), optimize="optimal"),
        _einsum("ij,jk,kl", real(2, 3), real(3, 4), real(4, 2), optimize=False),
        _einsum("bij,bjk->bik", batch(4, 2, 3), batch(4, 3, 2)),
        _einsum("bsk,btk->bst", batch(4, 2, 3), batch(4, 3, 3)),
        _einsum("bhk,km->bhm", batch(4, 2, 3), real(3, 2)),
        _einsum("...ij,...jk->...ik", real(2, 1, 2, 3), real(3, 3, 2)),
        _einsum("ii->i", real(3, 3)), _einsum("bii->b", batch(4, 2, 2)),
        _einsum("iij,jj->i", real(2, 2, 3), real(3, 3)),
        _einsum("ij->", real(2, 3)), _einsum("ij,ij->i", real(2, 3), real(1, 3)),
        _einsum("i,j,k->", real(2), real(3), real(2)), _einsum("ij,jk->ik", integer(2, 3), integer(3, 2, dtype="i64")),
        _einsum("ij,jk->ik", real(2, 0), real(0, 3)), _einsum(",i->i", real(), real(3)),
        one(lambda m, a, b: m.einsum(a, [0, 1], b, [1, 2], [2, 0]), real(2, 3), real(3, 4)),
    ],
    "tensordot": [
        one(lambda m, a, b: m.tensordot(a, b, 1), real(2, 3), real(3, 4)), one(lambda m, a, b: m.tensordot(a, b, 0), real(2), real(3)),
        one(lambda m, a, b: m.tensordot(a, b, ((0, 2), (1, 0))), real(2, 3, 4), real(4, 2, 3)),
    ],
    "inner":     [one(lambda m, a, b: m.inner(a, b), real(2, 3), real(4, 3)), one(lambda m, a, b: m.inner(a, b), real(3), real(3)), one(lambda m, a, b: m.inner(a, b), real(), real(3))],
    "vecdot":    [one(lambda m, a, b: m.vecdot(a, b), batch(4, 3), real(3)), one(lambda m, a, b: m.vecdot(a, b, axis=0), real(3, 2), real(3, 1))],
    "dot":       [one(lambda m, a, b: m.dot(a, b), real(2, 3), real(2, 3, 4)), one(lambda m, a, b: m.dot(a, b), real(2), real())],
    "cross":     [
        one(lambda m, a, b: m.cross(a, b), batch(4, 3), real(3)), one(lambda m, a, b: m.cross(a, b, axis=0), real(3, 2), real(3, 2)),
        one(lambda m, a, b: m.cross(a, b), real(2, 1, 3), real(4, 3)),
    ],
    "multi_dot": [
        one(lambda m, *a: m.multi_dot(a), real(2, 5), real(5, 1), real(1, 4), real(4, 3)),
        one(lambda m, *a: m.multi_dot(a), real(2), real(2, 3), real(3)), one(lambda m, *a: m.multi_dot(a), batch(4, 2), real(2, 3)),
    ],
    "vander":    [one(lambda m, x: m.vander(x), real(3)), one(lambda m, x: m.vander(x, 4, increasing=True), batch(3))],
}
# fmt: on

NUMPY: dict[str, Callable[..., Any]] = {"multi_dot": np.linalg.multi_dot}


def _torch(name: str) -> Callable[..., Any]:
    """PyTorch's function, which is looked up when it is called."""
    return lambda *args, **_: getattr(import_module("torch"), name)(*args)


TORCH: dict[str, Callable[..., Any]] = {
    name: _torch(name) for name in ("einsum", "tensordot", "inner")
}
