"""What the samples' calls mean in NumPy and PyTorch, where these have no function of the name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import samples


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    return x - _logsumexp(x, axis, True)


def _class_losses(x: Any, t: Any) -> Any:
    return -np.take_along_axis(_log_softmax(x), t[..., None].astype(int), -1)[..., 0]


def _hinge(s: Any, t: Any, margin: float = 1.0) -> Any:
    s = s.reshape(-1, s.shape[-1])
    rows = [
        [max(0, r[j] - r[y] + margin) for j in range(len(r)) if j != y]
        for r, y in zip(s, t.ravel(), strict=True)
    ]
    return np.mean(np.sum(rows, axis=1))


def _scatter_add(x: Any, i: Any, v: Any) -> Any:
    total = np.array(x)
    np.add.at(total, i, np.broadcast_to(v, total[i].shape))
    return total


def _others(x: Any, axis: tuple[int, ...]) -> Any:
    found = np.empty_like(x)
    for at in np.ndindex(x.shape):
        rest = np.array(x)
        rest[at] = 1
        line = tuple(slice(None) if i in axis else k for i, k in enumerate(at))
        found[at] = np.prod(rest[line])
    return found


def _place(x: Any) -> Any:
    found = np.zeros((4, 7), x.dtype)
    found[2:0:-1, 1::2] = x
    return found


def _iota(x: Any, shape: Any, axes: Any) -> Any:
    counts = np.arange(np.prod([shape[a] for a in axes])).reshape(
        [n if a in axes else 1 for a, n in enumerate(shape)]
    )
    return np.broadcast_to(counts, shape)


EXTRA: dict[str, Any] = {
    "abs": np.abs,
    "reciprocal": lambda x: 1 / x,
    "quotient": np.divide,
    "stop_gradient": lambda x: x,
    "alias": lambda x: x,
    "copy": lambda x: x,
    "astype": lambda x, dtype: x.astype(dtype),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "relu": lambda x: np.where(x > 0, x, 0),
    "logsumexp": _logsumexp,
    "others": _others,
    "place": _place,
    "iota": _iota,
    "index_add": lambda g, i, shape: _scatter_add(np.zeros(shape, g.dtype), i, g),
    "scatter": lambda g, i, shape: _scatter_add(np.zeros(shape, g.dtype), i, g),
    "scatter_add": _scatter_add,
    "gather": lambda x, i: x[i],
    "check": lambda i: i,
    "one_hot": lambda t, k: np.eye(k)[t],
    "product": np.matmul,
    "softmax": lambda x, axis=-1: np.exp(_log_softmax(x, axis)),
    "log_softmax": _log_softmax,
    "class_losses": _class_losses,
    "hinge": _hinge,
    "l2": lambda *ws, strength=1.0: strength * sum((w**2).sum() for w in ws),
}
NUMPY = SimpleNamespace(**{**vars(np), **EXTRA, **samples.NUMPY})


def torch_namespace(torch: Any) -> SimpleNamespace:
    """The same names as PyTorch spells them."""
    f = torch.nn.functional
    every = lambda x: tuple(range(x.ndim))  # noqa: E731

    names: dict[str, Any] = {
        "power": torch.pow,
        "maximum": torch.maximum,
        "relu": f.relu,
        "softplus": f.softplus,
        "max": lambda x, axis=None, keepdims=False: torch.amax(
            x, every(x) if axis is None else axis, keepdims
        ),
        "min": lambda x, axis=None, keepdims=False: torch.amin(
            x, every(x) if axis is None else axis, keepdims
        ),
        "logsumexp": lambda x, axis=None, keepdims=False: torch.logsumexp(
            x, every(x) if axis is None else axis, keepdims
        ),
        "permute_dims": torch.permute,
        "matrix_transpose": lambda x: x.mT,
        "expand_dims": torch.unsqueeze,
        "concat": torch.cat,
        "softmax": torch.softmax,
        "log_softmax": torch.log_softmax,
        "l2": lambda *ws, strength=1.0: strength * sum((w**2).sum() for w in ws),
    }
    return SimpleNamespace(**{**vars(torch), **names, **samples.TORCH})


_NAMES = """
    add subtract multiply divide negative reciprocal square power abs maximum minimum where
    sqrt exp log log1p expm1 sin cos tanh sigmoid softplus relu sum prod mean max min logsumexp
    reshape transpose broadcast_to expand_dims squeeze flip slice concat stack index matmul
    softmax log_softmax l2
"""
TORCH = frozenset(_NAMES.split()) | samples.TORCH.keys()
"""The operations that PyTorch has under one of these names."""
