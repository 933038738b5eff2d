"""Sums of products over named axes, in Einstein's notation: einsum.

A sum of several arrays is taken two at a time, in an order that is chosen by their sizes; each
pair is one product of matrices. Its gradient is another such sum. Note [Pairs].
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError, UsageError
from graphc.graph import FUNCTIONS, Node, Op, declare, graph_of, public
from graphc.ops.elementwise.arith import astype, multiply
from graphc.ops.products.linear import product as matrix_product
from graphc.ops.shaping.layout import broadcast_to, expand_dims, permute_dims, reshape, squeeze
from graphc.ops.spell import Expand
from graphc.types import Dim, Size, Type, promote
from graphc.types import product as multiplied

__all__ = [
    "einsum",
]

NOMINAL = 64
"""What a named size counts as where an order is chosen."""

Labelled = tuple[Node, str]
"""An array and the letters of its axes, each letter once."""


# What a text says


def _split(spec: str) -> tuple[list[str], str]:
    inputs, _, output = spec.partition("->")
    return inputs.split(","), output


def _sizes(spec: str, shapes: Sequence[Sequence[Dim]]) -> dict[str, Dim]:
    """The size of each letter; raises ShapeError (G102) where two differ and neither is 1."""
    found: dict[str, Dim] = {}
    for letters, shape in zip(_split(spec)[0], shapes, strict=True):
        own: dict[str, Dim] = {}
        for letter, dim in zip(letters, shape, strict=True):
            known = found.setdefault(letter, dim)
            twice = own.setdefault(letter, dim) != dim
            if twice or (known != dim and 1 not in (known, dim)):
                raise ShapeError(
                    f"the axes called {letter!r} in {spec!r} have sizes {known} and {dim}",
                    code="G102",
                )
            found[letter] = dim if known == 1 else known
    return found


def _einsum_type(*args: Type, spec: str, order: str) -> Type:
    dtype = promote(*(a.dtype for a in args))
    if dtype == "bool":
        raise DTypeError("a sum of products has numbers, not bools", hint="gr.astype(x, 'float32')")
    sizes = _sizes(spec, [a.shape for a in args])
    return Type(dtype, tuple(sizes[letter] for letter in _split(spec)[1]))


# One array at a time


def _single(x: Node, letters: str, sizes: dict[str, Dim]) -> Labelled:
    """`x` with each letter once: diagonals where one comes twice, no axis of 1 that is spread."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            x = FUNCTIONS["diagonal"](x, 0, first, second)
            letters = letters[:first] + letters[first + 1 : second] + letters[second + 1 :] + letter
    lone = tuple(a for a, c in enumerate(letters) if x.shape[a] == 1 and sizes[c] != 1)
    kept = "".join(c for a, c in enumerate(letters) if a not in lone)
    return (squeeze(x, lone) if lone else x), kept


def _summed(x: Node, letters: str, kept: Iterable[str]) -> Labelled:
    """The sum over the letters that nobody asks for."""
    gone = tuple(a for a, c in enumerate(letters) if c not in kept)
    if not gone:
        return x, letters
    total = FUNCTIONS["sum"](x, axis=gone, dtype=x.dtype)
    return total, "".join(c for c in letters if c in kept)


def _ordered(x: Node, letters: str, wanted: str) -> Node:
    order = tuple(letters.index(c) for c in wanted)
    return x if order == tuple(range(x.ndim)) else permute_dims(x, order)


def _spread(x: Node, letters: str, wanted: str, sizes: dict[str, Dim]) -> Node:
    """`x` with its axes in the wanted order, spread along those that it has not."""
    x = _ordered(x, letters, "".join(c for c in wanted if c in letters))
    missing = tuple(a for a, c in enumerate(wanted) if c not in letters)
    x = expand_dims(x, missing) if missing else x
    shape = tuple(sizes[c] for c in wanted)
    return x if x.shape == shape else broadcast_to(x, shape)


# Two arrays


def _pair(left: Labelled, right: Labelled, kept: set[str]) -> Labelled:
    """The sum of their products over the letters that nobody asks for."""
    (a, la), (b, lb) = _summed(*left, kept | set(right[1])), _summed(*right, kept | set(left[1]))
    gone = "".join(c for c in la if c in lb and c not in kept)
    batch = "".join(c for c in la if c in lb and c in kept)
    rows, columns = (
        "".join(c for c in own if c not in other) for own, other in ((la, lb), (lb, la))
    )
    sizes = dict(zip(la + lb, a.shape + b.shape, strict=True))
    dims = [_joined(sizes, letters) for letters in (rows, gone, columns)]
    if not gone or not (rows or columns) or None in dims or not a.type.is_float:
        return _multiplied((a, la), (b, lb), batch + rows + columns, gone)
    m, k, n = dims
    lead = tuple(sizes[c] for c in batch)
    x = _shaped(_ordered(a, la, batch + rows + gone), (*lead, m, k))
    y = _shaped(_ordered(b, lb, batch + gone + columns), (*lead, k, n))
    shape = tuple(sizes[c] for c in batch + rows + columns)
    return _shaped(matrix_product(x, y), shape), batch + rows + columns


def _joined(sizes: dict[str, Dim], letters: str) -> Dim | None:
    """How long the axes are as one, None where that is not affine in named sizes."""
    try:
        return multiplied(sizes[c] for c in letters)
    except ShapeError:
        return None


def _shaped(x: Node, shape: tuple[Any, ...]) -> Node:
    return x if x.shape == shape else reshape(x, shape)


def _multiplied(left: Labelled, right: Labelled, wanted: str, gone: str) -> Labelled:
    """Products of elements, summed: where there is nothing to multiply as matrices."""
    spread = []
    for x, letters in (left, right):
        order = _ordered(x, letters, "".join(c for c in wanted + gone if c in letters))
        missing = tuple(i for i, c in enumerate(wanted + gone) if c not in letters)
        spread.append(expand_dims(order, missing) if missing else order)
    return _summed(multiply(*spread), wanted + gone, wanted)


# All of them


def _einsum_define(*args: Node, spec: str, order: str) -> Node:
    inputs, output = _split(spec)
    sizes = _sizes(spec, [a.shape for a in args])
    dtype = promote(*(a.dtype for a in args))
    terms = [
        _single(astype(x, dtype), letters, sizes) for x, letters in zip(args, inputs, strict=True)
    ]
    for step in _path(terms, output, order):
        chosen = [terms[i] for i in step]
        terms = [t for i, t in enumerate(terms) if i not in step]
        kept = set(output).union(*(letters for _, letters in terms))
        found = chosen[0]
        for place, other in enumerate(chosen[1:], 2):
            later = kept.union(*(letters for _, letters in chosen[place:]))
            found = _pair(*_turned(found, other, output), later)
        terms.append(found)
    return _spread(*_summed(*terms[0], output), output, sizes)


def _turned(left: Labelled, right: Labelled, output: str) -> tuple[Labelled, Labelled]:
    """The two in the order in which the result has their axes, so that it need not be turned."""
    own = [
        [output.index(c) for c in mine if c in output and c not in other]
        for mine, other in ((left[1], right[1]), (right[1], left[1]))
    ]
    swap = all(own) and min(own[1]) < min(own[0])
    return (right, left) if swap else (left, right)


def _path(terms: Sequence[Labelled], output: str, order: str) -> list[tuple[int, ...]]:
    """Which arrays to take together, one step after the other; each result comes last."""
    if len(terms) < 2:
        return []
    if order == "left" or len(terms) == 2:
        later = [(0, len(terms) - k - 1) for k in range(1, len(terms) - 1)]
        return [(0, 1), *later]
    known = "".join(letters for _, letters in terms)
    spec = (
        ",".join(letters for _, letters in terms) + "->" + "".join(c for c in output if c in known)
    )
    shapes = [tuple(_nominal(d) for d in x.shape) for x, _ in terms]
    empty = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    return [tuple(step) for step in np.einsum_path(spec, *empty, optimize=order)[0][1:]]


def _nominal(dim: Dim) -> int:
    return NOMINAL if isinstance(dim, Size) else max(dim, 1)


def _einsum_numpy(*args: np.ndarray, spec: str, order: str) -> np.ndarray:
    return np.einsum(spec, *args, dtype=np.result_type(*args))


def _einsum_vjp(g: Node, y: Node, *args: Node, spec: str, order: str) -> list[Node]:
    """For each array, the sum of g times all the others over the axes that it has not."""
    sizes = _sizes(spec, [a.shape for a in args])
    inputs, output = _split(spec)
    return [
        _term(k, [g, *args[:k], *args[k + 1 :]], args[k], inputs, output, sizes, order)
        for k in range(len(args))
    ]


def _term(
    k: int, others: list[Node], x: Node, inputs: list[str], output: str,
    sizes: dict[str, Dim], order: str,
) -> Node:  # fmt: skip
    rest = [output, *inputs[:k], *inputs[k + 1 :]]
    kept = "".join(
        dict.fromkeys(
            c for a, c in enumerate(inputs[k])
            if any(c in letters for letters in rest) and x.shape[a] == sizes[c]
        )
    )  # fmt: skip
    found = _einsum(*others, spec=f"{','.join(rest)}->{kept}", order=order)
    return _laid(found, kept, x, inputs[k], sizes)


def _laid(found: Node, have: str, x: Node, letters: str, sizes: dict[str, Dim]) -> Node:
    """A term under the axes of `x`: spread where `x` alone was summed, on diagonals where a letter
    comes twice.
    """
    once = "".join(dict.fromkeys(letters))
    own = {c: x.shape[letters.index(c)] for c in once}
    found = _spread(found, have, once, own)
    for letter in once:
        while once.count(letter) < letters.count(letter):
            at = once.index(letter)
            found = FUNCTIONS["diag_embed"](FUNCTIONS["moveaxis"](found, at, -1))
            once = once[:at] + once[at + 1 :] + letter * 2
    return _ordered_twice(found, once, letters)


def _ordered_twice(x: Node, have: str, wanted: str) -> Node:
    """As `_ordered`, where letters may come twice."""
    left, order = list(have), []
    for letter in wanted:
        at = left.index(letter)
        left[at] = ""
        order.append(at)
    return x if order == list(range(x.ndim)) else permute_dims(x, order)


_einsum = declare(Op("einsum", _einsum_type, Expand(_einsum_define), _einsum_numpy, _einsum_vjp))


# What a user calls


@public
def einsum(subscripts: Any, *operands: Any, optimize: Any = "greedy") -> Node:
    """The sum of products that `subscripts` say: einsum("ij,jk->ik", a, b) is a @ b.

    A letter stands for an axis, "..." for those that broadcast; a letter twice in one array takes
    its diagonal, letters without a place in the result are summed. Without "->" the result has the
    letters that come once, in alphabetical order. einsum(a, [0, 1], b, [1, 2], [0, 2]) says the
    same with numbers. `optimize` chooses the order of several arrays: "greedy", "optimal", or False
    for left to right. Integers give integers. Source: numpy.einsum. Raises UsageError for what is
    no subscript, ShapeError (G102, G103), DTypeError for bools.
    """
    if not isinstance(subscripts, str):
        subscripts, operands = _from_numbers((subscripts, *operands))
    if not operands:
        raise UsageError("einsum takes one array or more", hint='gr.einsum("ij,jk->ik", a, b)')
    nodes = graph_of(*operands).lift(operands)
    spec = _plain(subscripts, [x.ndim for x in nodes])
    return _einsum(*nodes, spec=spec, order=_order(optimize))


def _order(optimize: Any) -> str:
    named = {
        True: "greedy",
        "greedy": "greedy",
        "optimal": "optimal",
        False: "left",
        "left": "left",
    }
    if not isinstance(optimize, (bool, str)) or optimize not in named:
        raise UsageError(f"optimize is 'greedy', 'optimal' or False, not {optimize!r}")
    return named[optimize]


def _from_numbers(given: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The text that sublists say, and the arrays between them."""
    arrays, lists = given[: len(given) // 2 * 2 : 2], given[1::2]
    output = given[-1] if len(given) % 2 else None
    try:
        spec = ",".join(map(_word, lists)) + ("" if output is None else "->" + _word(output))
    except (TypeError, IndexError):
        raise UsageError(
            "einsum takes text, or arrays each with a list of numbers from 0 to 51",
            hint='gr.einsum("ij,jk->ik", a, b)',
        ) from None
    return spec, tuple(arrays)


def _word(numbers: Any) -> str:
    return "".join("..." if n is Ellipsis else ascii_letters[n] for n in numbers)


def _plain(subscripts: str, ranks: Sequence[int]) -> str:
    """The subscripts with a result and without dots; raises UsageError, ShapeError (G103)."""
    inputs, output = _parts("".join(subscripts.split()))
    if len(inputs) != len(ranks):
        raise UsageError(f"{subscripts!r} is about {len(inputs)} arrays, not {len(ranks)}")
    hidden = []
    for letters, rank in zip(inputs, ranks, strict=True):
        extra = rank - len(letters.replace(".", ""))
        if extra < 0 or (extra and "..." not in letters):
            raise ShapeError(
                f"{letters!r} in {subscripts!r} is no array of {rank} axes", code="G103"
            )
        hidden.append(extra if "..." in letters else 0)
    free = [c for c in ascii_letters if c not in subscripts][: max(hidden)]
    if len(free) < max(hidden):
        raise UsageError("there are not letters enough for so many axes")
    dots = "".join(free)
    words = [w.replace("...", dots[len(dots) - n :]) for w, n in zip(inputs, hidden, strict=True)]
    if output is None:
        joined = "".join(inputs).replace(".", "")
        once = "".join(c for c in sorted(set(joined)) if joined.count(c) == 1)
        output = "..." + once
    return ",".join(words) + "->" + output.replace("...", dots)


def _parts(text: str) -> tuple[list[str], str | None]:
    """The words of the arrays and that of the result; raises UsageError."""
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    for word in (*inputs, output):
        letters = word.replace("...", "", 1)
        if letters and not (letters.isascii() and letters.isalpha()):
            raise UsageError(f"{word!r} in {text!r} is not letters", hint='"...ij,jk->...ik"')
    known = set("".join(inputs))
    for letter in output.replace("...", ""):
        if letter not in known or output.count(letter) > 1:
            raise UsageError(f"the result in {text!r} has {letter!r}, which it cannot have there")
    return inputs, output if arrow else None


# Note [Pairs]. Letters of two arrays are of four kinds: in both and in the result (a batch), in
# both and not (summed), in one of them alone (rows, columns). Axes brought into that order and
# joined make one product of matrices for each place of the batch. Where there are neither rows nor
# columns, or nothing is summed, elements are multiplied instead, in one loop with the sum.
