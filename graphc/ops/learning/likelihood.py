"""Cross-entropy and likelihood of classes, with all that changes how much a row or a class counts:
each one stage, with the gradient that its formula has on paper.

A row counts by its weight, times the weight of its class; one of the ignored label counts for
nothing. Note [What a row is to be].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import Node, Op, declare, public
from graphc.ops.elementwise.arith import astype, equal, not_equal, where
from graphc.ops.indexing.index import one_hot
from graphc.ops.learning.classes import (
    as_labels,
    check_weights,
    checked_numpy,
    labelled,
    plain_cross_entropy,
    reduction_of,
)
from graphc.ops.learning.neural import log_softmax, log_softmax_numpy, softmax
from graphc.ops.reductions.reduce import count, sum
from graphc.ops.shaping.layout import expand_dims
from graphc.ops.spell import Expand
from graphc.types import DTYPES, FLOATS, Type, dtype_name, floating, promote, shape_text

__all__ = [
    "cross_entropy",
    "nll",
]


@dataclass(frozen=True)
class _Rows:
    """Rows of logarithms of probabilities, what each row is to be, and how much it counts."""

    logs: Node
    target: Node
    rows: Node | None
    classes: Node | None
    ignore: int | None
    smoothing: float
    reduction: str

    @property
    def labelled(self) -> bool:
        """Whether targets are labels, not probabilities."""
        return not self.target.type.is_float

    @property
    def kept(self) -> Node | None:
        """Which rows count; None: all."""
        return None if self.ignore is None else not_equal(astype(self.target, "i64"), self.ignore)

    def kept_of(self, values: Node) -> Node:
        """Values of rows, 0 where a row is ignored."""
        kept = self.kept
        if kept is None:
            return values
        return where(expand_dims(kept, -1) if values.ndim > kept.ndim else kept, values, 0)

    def sharp(self) -> Node:
        """The probability that each row is to give each class."""
        if not self.labelled:
            return self.target
        labels = self.target if self.kept is None else where(self.kept, self.target, 0)
        return one_hot(labels, self.logs.shape[-1], self.logs.dtype)

    def aim(self) -> Node:
        """The same, a part of it spread over all classes."""
        if not self.smoothing:
            return self.sharp()
        part = self.smoothing / count(self.logs, (self.logs.ndim - 1,), self.logs.dtype)
        return (1 - self.smoothing) * self.sharp() + part

    def wanted(self) -> Node:
        """What each row is to be, times the weights of the classes."""
        return times(self.classes, self.aim())

    def losses(self) -> Node:
        """Minus the sum over classes of what is wanted times its logarithm."""
        wanted = self.wanted()
        return self.kept_of(-sum(where(equal(wanted, 0), 0, wanted * self.logs), -1))

    def least(self) -> Node | None:
        """How much each row counts in the mean beside its own weight; None: 1."""
        if self.labelled and self.classes is not None:
            return self.kept_of(sum(self.classes * self.sharp(), -1))
        return None if self.kept is None else astype(self.kept, self.logs.dtype)

    def total(self) -> Any:
        """What the mean divides by, a number or a stage."""
        least = self.least()
        if least is None and self.rows is None:
            return count(self.logs, tuple(range(self.logs.ndim - 1)), self.logs.dtype)
        return sum(self.rows if least is None else times(self.rows, least))  # type: ignore[arg-type]

    def share(self, g: Node) -> Node:
        """The upstream gradient of a row before its own weight."""
        return (g / self.total()).hinted("share") if self.reduction == "mean" else g


def times(weights: Node | None, x: Node) -> Node:
    """`x` times its weights, where it has some."""
    return x if weights is None else weights * x


def _rows(
    x: Node, target: Node, *weights: Node, by: Sequence[str] = (), ignore: int | None = None,
    smoothing: float = 0.0, reduction: str = "mean", logarithms: bool = False,
) -> _Rows:  # fmt: skip
    given = dict(zip(by, weights, strict=True))
    x = astype(x, _float(x.dtype, target.dtype, weights))
    logs = x if logarithms else log_softmax(x)
    rows, classes = given.get("rows"), given.get("classes")
    return _Rows(logs, target, rows, classes, ignore, smoothing, reduction)


def _rows_type(
    x: Type, target: Type, *weights: Type, by: Sequence[str] = (), reduction: str = "mean",
    **_: Any,
) -> Type:  # fmt: skip
    probabilities = target.is_float and target.rank == x.rank
    shape = x.shape[:-1] if probabilities else labelled(x, target)
    if probabilities and target.shape != x.shape:
        raise ShapeError(
            f"scores of shape {shape_text(x.shape)} do not fit "
            f"probabilities of shape {shape_text(target.shape)}"
        )
    for kind, weight in zip(by, weights, strict=True):
        wanted = shape if kind == "rows" else x.shape[-1:]
        check_weights(weight, wanted, f"{kind} of shape {shape_text(wanted)}")
    return Type(_float(x.dtype, target.dtype, weights), shape if reduction == "none" else ())


def _float(x: str, target: str, weights: Sequence[Any]) -> str:
    """The element type of a likelihood; labels have no part in it."""
    more = (target,) if target in FLOATS else ()
    return floating(promote(x, *more, *(w.dtype for w in weights)))


def _rows_define(x: Node, target: Node, *weights: Node, **attrs: Any) -> Node:
    rows = _rows(x, target, *weights, **attrs)
    losses = times(rows.rows, rows.losses())
    if rows.reduction == "none":
        return losses
    return sum(losses) / rows.total() if rows.reduction == "mean" else sum(losses)


def _rows_numpy(
    x: np.ndarray, target: np.ndarray, *weights: np.ndarray, by: Sequence[str] = (),
    ignore: int | None = None, smoothing: float = 0.0, reduction: str = "mean",
    logarithms: bool = False,
) -> Any:  # fmt: skip
    x = x.astype(DTYPES[floating(dtype_name(x.dtype))])
    logs = x if logarithms else log_softmax_numpy(x, (-1,))
    given, by_label = dict(zip(by, weights, strict=True)), target.dtype.kind != "f"
    kept = np.ones(x.shape[:-1], bool) if ignore is None else target != ignore
    sharp = target
    if by_label:
        labels = checked_numpy(np.where(kept, target, 0), x.shape[-1])
        sharp = labels[..., None] == np.arange(x.shape[-1])
    classes = given.get("classes", np.ones(x.shape[-1]))
    wanted = classes * ((1 - smoothing) * sharp + smoothing / x.shape[-1])
    weight = np.where(kept, given.get("rows", 1), 0)
    with np.errstate(invalid="ignore"):
        losses = np.where(wanted == 0, 0, -wanted * logs).sum(-1)
        losses = np.where(weight == 0, 0, weight * losses)
    if reduction == "none":
        return losses
    least = np.sum(classes * sharp, -1) if by_label else 1
    return np.sum(losses) / (np.sum(weight * least) if reduction == "mean" else 1)


def _rows_vjp(g: Node, y: Node, x: Node, target: Node, *weights: Node, **attrs: Any) -> list[Any]:
    """With a row's share s of g, its weight r, and a what it is to be times the weights w of the
    classes: dx = s r (sum(a) S - a), or -s r a where x are logarithms.

    Of probabilities p it is -s r w log S, of a row's weight s times its loss, of a class's weight
    the sum of what it multiplies; from a mean, both less y times what they add to the divisor.
    """
    rows = _rows(x, target, *weights, **attrs)
    share, wanted, averaged = rows.share(g), rows.wanted(), rows.reduction == "mean"
    own = times(rows.rows, share)
    own = expand_dims(own, -1) if own.ndim else own
    slope = -wanted
    if not attrs.get("logarithms"):
        slope = sum(wanted, -1, keepdims=True) * softmax(x) - wanted
    terms: list[Any] = [rows.kept_of(slope * own), None]
    if not rows.labelled:
        terms[1] = (rows.smoothing - 1) * times(rows.classes, rows.logs) * own
    if rows.rows is not None:
        least = rows.least()
        terms.append(share * (rows.losses() - (times(least, y) if averaged else 0)))
    if rows.classes is not None:
        each = -rows.logs * rows.aim()
        each = each - y * rows.sharp() if averaged and rows.labelled else each
        terms.append(sum(rows.kept_of(each * own), tuple(range(x.ndim - 1))))
    return terms


_weighted_cross_entropy, _nll = (
    declare(Op(name, _rows_type, Expand(_rows_define), _rows_numpy, _rows_vjp))
    for name in ("weighted_cross_entropy", "nll")
)


def _told(weights: Any, class_weights: Any, **attrs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The weights that are given, and all attributes."""
    given = {"rows": weights, "classes": class_weights}
    by = tuple(name for name, w in given.items() if w is not None)
    attrs["reduction"] = reduction_of(attrs["reduction"])
    return tuple(given[name] for name in by), {"by": by, **attrs}


def _smoothing(smoothing: Any) -> float:
    if isinstance(smoothing, Node) or not 0 <= smoothing <= 1:
        raise UsageError(f"smoothing is a number from 0 to 1, not {smoothing!r}")
    return float(smoothing)


@public
def cross_entropy(
    logits: Node,
    labels: Any,
    weights: Any = None,
    *,
    class_weights: Any = None,
    ignore: int | None = None,
    smoothing: float = 0.0,
    reduction: str = "mean",
) -> Node:
    """-log softmax(logits) at integer `labels`; the mean over rows, with `weights` w of the rows
    sum(w l) / sum(w).

    `logits` (..., classes), `labels` and `weights` (...), or in place of labels probabilities p
    (..., classes): -sum(p log softmax(logits)). `class_weights` (classes,) multiply what is wanted
    of a class, and with labels the weights of rows that the mean divides by. Rows of the label
    `ignore` count for nothing. `smoothing` spreads that part of what is wanted over all classes.
    `reduction`: "mean", "sum", or "none" for the losses of all rows. Raises ShapeError or
    DTypeError for what does not fit; a label that is not one of the classes raises LabelError in a
    call. Source: PyTorch's torch.nn.functional.cross_entropy; Szegedy et al. 2016 for smoothing.
    """
    target, part = as_labels(labels), _smoothing(smoothing)
    special = class_weights is not None or ignore is not None or part or reduction != "mean"
    if not special and not _is_float(target):
        return plain_cross_entropy(logits, target, *(() if weights is None else (weights,)))
    _check_ignored(target, ignore)
    given, attrs = _told(
        weights, class_weights, ignore=ignore, smoothing=part, reduction=reduction
    )  # fmt: skip
    return _weighted_cross_entropy(logits, target, *given, **attrs)


def _is_float(target: Any) -> bool:
    return Type(dtype_name(target.dtype)).is_float


def _check_ignored(target: Any, ignore: int | None) -> None:
    if ignore is not None and _is_float(target):
        raise UsageError("a label can be ignored, but these are probabilities of classes")


@public
def nll(
    logp: Node,
    labels: Any,
    weights: Any = None,
    *,
    class_weights: Any = None,
    ignore: int | None = None,
    reduction: str = "mean",
) -> Node:
    """Minus the element of `logp`, logarithms of probabilities (..., classes), at integer `labels`
    (...): the negative log likelihood.

    Weights, `ignore` and `reduction` are as for cross_entropy, which is nll of log_softmax. Raises
    ShapeError or DTypeError for what does not fit; a label that is not one of the classes raises
    LabelError in a call. Source: PyTorch's torch.nn.functional.nll_loss.
    """
    target = as_labels(labels)
    if _is_float(target):
        raise DTypeError("class labels are integers", hint="gr.cross_entropy takes probabilities")
    given, attrs = _told(weights, class_weights, ignore=ignore, reduction=reduction)
    return _nll(logp, target, *given, **attrs, logarithms=True)


# Note [What a row is to be]. With labels y, a row is to be I_y: 1 at its class, 0 elsewhere; with
# probabilities it is to be these. Smoothing e makes of it a = (1 - e) I + e / classes. Weights of
# classes multiply a, the weight of a row its loss. The mean with labels divides by the sum of the
# weights of the rows times those of their own classes, without those of what smoothing adds; with
# probabilities by the sum of the weights of the rows, or their number: as PyTorch defines it.
