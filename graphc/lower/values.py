"""Values to expressions: where an operand is read, and what a stage's spelling says with its
operands in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from graphc.expr import Binary, Call, Expr, Item, Name, Number, Unary, as_expr, primitive
from graphc.graph import CONST, INPUT, Node
from graphc.ops.spell import Along, Each, Extent, Fold, Gather, View
from graphc.plan.access import Access, identity, resolve
from graphc.plan.memory import Slot, long_strides
from graphc.plan.sizes import Sizes
from graphc.plan.task import Task, broadcast_index, counted, gather_reads
from graphc.types import Dim, Size, Type

LETTERS = ("i", "j", "k", "l", "m", "n", "p", "q", *(f"i{d}" for d in range(8, 64)))
Typed = tuple[Expr, str]


def extent(dim: Dim, sizes: Sizes) -> Expr:
    """A size as an expression: a literal, or of the sizes that come at run time."""
    dim = sizes.resolved(dim)
    return Number(dim, "i64") if not isinstance(dim, Size) else total(words(dim, sizes), dim.const)


def words(size: Size, sizes: Sizes) -> list[tuple[Expr, int]]:
    """The terms of a size, its names as the module spells them."""
    return [(Name(sizes.word(name)), c) for name, c in size.terms]


def total(terms: Iterable[tuple[Expr, int]], const: int = 0) -> Expr:
    """The sum of terms with whole coefficients, as one would write it."""
    parts: list[Expr] = [e if c == 1 else Binary("*", e, Number(c, "i64")) for e, c in terms if c]
    if const or not parts:
        parts.append(Number(const, "i64"))
    written = parts[0]
    for part in parts[1:]:
        if isinstance(part, Number) and part.value < 0:
            written = Binary("-", written, Number(-part.value, "i64"))
        else:
            written = Binary("+", written, part)
    return written


def places(access: Access, slot: Slot, sizes: Sizes) -> tuple[int, ...]:
    """Elements from one index to the next along each long axis of what the access sees."""
    if access.whole:
        return slot.strides
    return long_strides([sizes.capacity(d) for d in access.shape], access.shape)


def offset_of(
    access: Access, slot: Slot, sizes: Sizes, variable: Callable[[int], Expr | None]
) -> Expr:
    """The element's index in its buffer; `variable` gives the loop's name for an axis of the
    reader's domain.
    """
    begin, const = begin_of(slot, sizes)
    terms: dict[Expr, int] = dict(begin)
    for along, stride in zip(access.long(), places(access, slot, sizes), strict=True):
        const += _shift(along, stride, sizes, terms)
        for axis, scale in along.terms if stride else ():
            if (name := variable(axis)) is not None:
                terms[name] = terms.get(name, 0) + stride * scale
    return total(terms.items(), const)


def begin_of(slot: Slot, sizes: Sizes) -> tuple[list[tuple[Expr, int]], int]:
    """Where a value begins in its buffer, in elements: terms and a constant."""
    at = sizes.resolved(slot.at)
    return (words(at, sizes), at.const) if isinstance(at, Size) else ([], at)


def _shift(along: Along, stride: int, sizes: Sizes, terms: dict[Expr, int]) -> int:
    offset = sizes.resolved(along.offset)
    if isinstance(offset, Size):
        for word, c in words(offset, sizes):
            terms[word] = terms.get(word, 0) + c * stride
        offset = offset.const
    return offset * stride


@dataclass
class Values:
    """What is known while one kernel is written: names, places, and which elements are in local
    variables.
    """

    ident: Callable[[Node], str]
    slots: Mapping[Node, Slot]
    sizes: Sizes
    inlined: frozenset[Node]
    local: dict[Node, Typed]
    bind: Callable[[Node, Typed], Expr]

    def element(self, access: Access, task: Task) -> Typed:
        """The element that a task's access reads, in the current loops."""
        base = access.base
        if base.op is CONST and base.value.size == 1:
            return Number(base.value.item(), base.dtype), base.dtype
        if base in self.inlined and not base.args:
            return self._counted(access, task)
        if base in self.local and access.aligned(task.loops) == len(access.long()):
            return self.local[base]
        slot = self.slots[base]
        if slot.arena in ("", "arg") and not base.shape and slot.at == 0:
            return Name(self.ident(base)), base.dtype
        return Item(
            self.ident(base), offset_of(access, slot, self.sizes, self.variable(task))
        ), base.dtype

    def _counted(self, access: Access, task: Task) -> Typed:
        """A value that only the loops' own indices make, or a size."""
        base = access.base
        if isinstance(base.op.spell, Extent):
            return extent(base.attrs["dim"], self.sizes), "i64"
        variable = self.variable(task)
        at = tuple(self._along(along, variable) for along in access.index)
        attrs = {k: self.plain(v) for k, v in base.attrs.items()}
        return typed(as_expr(base.op.spell.expr(at=at, **attrs)), base.dtype), base.dtype

    def _along(self, along: Along, variable: Callable[[int], Expr | None]) -> Expr:
        offset = self.sizes.resolved(along.offset)
        named = ((variable(axis), scale) for axis, scale in along.terms)
        terms = [(name, scale) for name, scale in named if name is not None]
        if isinstance(offset, Size):
            terms += words(offset, self.sizes)
            offset = offset.const
        return total(terms, offset)

    def variable(self, task: Task) -> Callable[[int], Expr | None]:
        """The loop variable of an axis of the task's domain; None for an axis without a loop."""
        letters = dict(zip(task.loops, LETTERS, strict=False))
        return lambda axis: Name(letters[axis]) if axis in letters else None

    def operand(self, arg: Node, task: Task, domain: tuple[Dim, ...]) -> Typed:
        """An argument of a node of this task: an element, or the whole expression of an inlined
        node.
        """
        access = resolve(arg, broadcast_index(arg.shape, domain))
        if access.base in self.inlined and access.base.args:
            return self.spelled(access.base, task, domain)
        return self.element(access, task)

    def spelled(self, node: Node, task: Task, domain: tuple[Dim, ...]) -> Typed:
        """The value of a node, one expression of its operands."""
        return SPELLED[type(node.op.spell)](self, node, task, domain)

    def _each(self, node: Node, task: Task, domain: tuple[Dim, ...]) -> Typed:
        spell = node.op.spell
        wanted = spell.operands(tuple(a.type for a in node.args), node.type)
        pairs = [(a, self.operand(a, task, domain)) for a in node.args]
        operands = [cast(value, dtype) for (_, value), dtype in zip(pairs, wanted, strict=True)]
        return fitted(self._filled(node, spell.expr, operands, wanted), node.dtype), node.dtype

    def plain(self, value: Any) -> Any:
        """An attribute with its sizes as expressions or numbers."""
        if isinstance(value, tuple):
            return tuple(self.plain(v) for v in value)
        return extent(value, self.sizes) if isinstance(value, Size) else value

    def _filled(
        self, node: Node, expr: Any, operands: Sequence[Expr], dtypes: Sequence[str]
    ) -> Expr:
        """The spelling with operands in place; one that stands in it twice gets its own line."""
        holes = [o if isinstance(o, Number) else Name(f"?{n}") for n, o in enumerate(operands)]
        inner = dtypes[-1] if dtypes else node.dtype
        shape = typed(as_expr(expr(*holes)), inner)
        uses = _uses(shape)
        filled: dict[str, Expr] = {}
        for n, (arg, operand) in enumerate(zip(node.args, operands, strict=True)):
            twice = uses.get(f"?{n}", 0) > 1 and not isinstance(operand, (Name, Item, Number))
            filled[f"?{n}"] = self.bind(arg, (operand, dtypes[n])) if twice else operand
        return substituted(shape, filled)

    def _view(self, node: Node, task: Task, domain: tuple[Dim, ...]) -> Typed:
        return self.operand(node.args[0], task, domain)

    def _fold(self, node: Node, task: Task, domain: tuple[Dim, ...]) -> Typed:
        return cast(self.operand(node.args[0], task, domain), node.dtype), node.dtype

    def _gather(self, node: Node, task: Task, domain: tuple[Dim, ...]) -> Typed:
        x, *indices = node.args
        *picks, source = gather_reads(node)
        free = [a.axis is None and d != 1 for a, d in zip(source.index, x.shape, strict=True)]
        if not any(free):
            return self.element(source, task)
        slot = self.slots[source.base]
        index = offset_of(source, slot, self.sizes, self.variable(task))
        strides = _by_axis(source, places(source, slot, self.sizes))
        rest = iter(picks)
        for axis, i in enumerate(indices):
            access = None if counted(i) else next(rest)
            if access is not None and free[axis]:
                picked = self.wrapped(self.element(access, task), x.shape[axis], i)
                index = _plus(index, picked, strides[axis])
        return Item(self.ident(source.base), index), node.dtype

    def wrapped(self, index: Typed, dim: Dim, node: Node) -> Expr:
        """An index as i64; negative ones count from the end where they may occur."""
        value = cast(index, "i64")
        if never_negative(node):
            return value
        return primitive("select")(
            Binary("<", value, Number(0, "i64")), value + extent(dim, self.sizes), value
        )


def never_negative(node: Node) -> bool:
    """Whether an index is known to be 0 or more: unsigned, counted, or checked from 0."""
    base = resolve(node, identity(node.ndim)).base
    while base.op.name == "astype":
        base = resolve(base.args[0], identity(base.ndim)).base
    return base.dtype.startswith("u") or base.op.name == "iota" or base.attrs.get("low") == 0


def _by_axis(access: Access, strides: Sequence[int]) -> tuple[int, ...]:
    rest = iter(strides)
    return tuple(0 if d == 1 else next(rest) for d in access.shape)


def _plus(index: Expr, term: Expr, factor: int) -> Expr:
    scaled = term if factor == 1 else Binary("*", term, Number(factor, "i64"))
    return scaled if index == Number(0, "i64") else Binary("+", scaled, index)


def cast(value: Typed, dtype: str) -> Expr:
    """The expression in another element type."""
    expr, have = value
    if have == dtype:
        return expr
    if isinstance(expr, Number):
        return Number(Type(dtype).numpy.type(expr.value).item(), dtype)
    return Call("boolean" if dtype == "bool" else dtype, (expr,))


NARROW = frozenset(("i8", "i16", "i32", "u8", "u16", "u32"))
"""Integers that compiled code computes with in 64 bits."""


def fitted(e: Expr, dtype: str) -> Expr:
    """The expression in a narrow integer type wraps around as NumPy's numbers do."""
    wide = dtype in NARROW and isinstance(e, (Binary, Unary))
    return Call(dtype, (e,)) if wide else e


def typed(e: Expr, dtype: str) -> Expr:
    """The expression with every number that has no type given this one."""
    return _rebuilt(
        e,
        lambda leaf: (
            Number(leaf.value, dtype) if isinstance(leaf, Number) and not leaf.dtype else leaf
        ),
    )


def substituted(e: Expr, filled: Mapping[str, Expr]) -> Expr:
    """The expression with holes filled."""
    return _rebuilt(e, lambda leaf: filled.get(leaf.text, leaf) if isinstance(leaf, Name) else leaf)


def _rebuilt(e: Expr, leaf: Callable[[Any], Expr]) -> Expr:
    rebuild = REBUILD.get(type(e))
    return rebuild(e, leaf) if rebuild else leaf(e)


REBUILD: dict[type, Callable[..., Expr]] = {
    Unary: lambda e, leaf: Unary(e.op, _rebuilt(e.arg, leaf)),
    Binary: lambda e, leaf: Binary(e.op, _rebuilt(e.left, leaf), _rebuilt(e.right, leaf)),
    Call: lambda e, leaf: Call(e.function, tuple(_rebuilt(a, leaf) for a in e.args)),
    Item: lambda e, leaf: Item(e.buffer, _rebuilt(e.index, leaf)),
}


def _uses(e: Expr) -> dict[str, int]:
    found: dict[str, int] = {}

    def seen(leaf: Expr) -> Expr:
        if isinstance(leaf, Name):
            found[leaf.text] = found.get(leaf.text, 0) + 1
        return leaf

    _rebuilt(e, seen)
    return found


SPELLED: dict[type, Callable[..., Typed]] = {
    Each: Values._each,
    View: Values._view,
    Fold: Values._fold,
    Gather: Values._gather,
}

__all__ = ["INPUT", "Values", "cast", "count", "extent", "offset_of", "total"]
