"""Tasks with loops of their own: products by BLAS, pieces laid into slices, sums at computed
indices, checks of data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphc.expr import Binary, Call, Expr, Item, Name, Number, Unary
from graphc.graph import Node
from graphc.kernel import Add, If, Let, Loop, Return, Run, Stmt, Store
from graphc.lower.page import Page
from graphc.lower.values import (
    LETTERS,
    begin_of,
    cast,
    extent,
    never_negative,
    offset_of,
    places,
    total,
    words,
)
from graphc.ops.several import results_of
from graphc.ops.spell import (
    Along,
    Check,
    Overlap,
    Place,
    Product,
    Routine,
    Scatter,
    Scratch,
)
from graphc.ops.stack import signature
from graphc.plan.access import Access, identity, resolve
from graphc.plan.memory import row_major
from graphc.plan.task import Task
from graphc.types import Dim, product

NAN = Name("nan")


def _whole(n: int) -> Number:
    return Number(n, "i64")


def _loops(page: Page, extents: Sequence[Dim], body: Sequence[Stmt]) -> list[Stmt]:
    """The statements under a loop for each extent, outermost first."""
    lines = list(body)
    for depth in range(len(extents) - 1, -1, -1):
        lines = [
            Loop(LETTERS[depth], _whole(0), extent(extents[depth], page.sizes), 1, tuple(lines))
        ]
    return lines


@dataclass(frozen=True)
class Matrix:
    """A stack of matrices in a buffer: where each begins, the distance of its rows, and whether it
    lies transposed.
    """

    buffer: str
    begin: Expr
    lead: int
    transposed: bool


def matrix(page: Page, access: Access, rows: Dim, columns: Dim, rank: int) -> Matrix | None:
    """How BLAS can read the last two axes of an access, or None when neither runs one by one."""
    slot = page.part.slots[access.base]
    steps = dict.fromkeys(range(rank), 0)
    for along, stride in zip(access.long(), places(access, slot, page.sizes), strict=True):
        for axis, scale in along.terms:
            steps[axis] += stride * scale
    down, right = steps[rank - 2], steps[rank - 1]
    down, right = (0 if rows == 1 else down), (0 if columns == 1 else right)
    batch = {axis: Name(LETTERS[axis]) for axis in range(rank - 2)}
    begin = offset_of(access, slot, page.sizes, batch.get)
    name = page.labels.ident(access.base)
    if right in (0, 1) and (columns == 1 or right == 1):
        return Matrix(name, begin, down if rows != 1 else max(_cap(page, columns), 1), False)
    if down == 1 or (rows == 1 and right > 0):
        return Matrix(name, begin, right, True)
    return None


def _cap(page: Page, dim: Dim) -> int:
    return page.sizes.capacity(dim)


def _pointer(m: Matrix) -> Expr:
    return Name(m.buffer) if m.begin == _whole(0) else Call("shift", (Name(m.buffer), m.begin))


def _product(page: Page, task: Task) -> None:
    """C = A @ B for each matrix of the stack, by BLAS."""
    one, zero = Number(1, task.node.dtype), Number(0, task.node.dtype)
    page.lines += _multiplied(page, task.node, task.node, one, zero)


def accumulate(page: Page, task: Task) -> None:
    """state += factor * A @ B, or a sum's last term added to the others."""
    assert task.absorbs is not None
    found, dtype = task.absorbs, task.node.dtype
    alpha: Expr = Number(1, dtype)
    if found.factor is not None:
        alpha = cast(page.values.element(resolve(found.factor), task), dtype)
    alpha = Unary("neg", alpha) if found.sign < 0 else alpha
    into = task.node if task.state is None else task.state
    page.lines += _multiplied(page, found.product, into, alpha, Number(1, dtype))


def _multiplied(page: Page, node: Node, into: Node, alpha: Expr, beta: Expr) -> list[Stmt]:
    rank = node.ndim
    a, b = (_stacked(arg, rank) for arg in node.args)
    m, n, k = node.shape[-2], node.shape[-1], node.args[0].shape[-1]
    left, right = matrix(page, a, m, k, rank), matrix(page, b, k, n, rank)
    target = matrix(page, resolve(into), m, n, rank)
    if left is None or right is None or target is None:
        raise AssertionError("settled operands have an axis that runs one by one")
    flags = [_whole(int(left.transposed)), _whole(int(right.transposed))]
    sizes = [extent(d, page.sizes) for d in (m, n, k)]
    operands = (_pointer(left), _whole(left.lead), _pointer(right), _whole(right.lead))
    call = Call(
        "gemm", (*flags, *sizes, alpha, *operands, beta, _pointer(target), _whole(target.lead))
    )
    return _loops(page, node.shape[:-2], [Run(call, page.tag)])


def _stacked(arg: Node, rank: int) -> Access:
    """An operand of a product, its stack broadcast to `rank` axes."""
    shift = rank - arg.ndim
    batch = [Along(None) if d == 1 else Along(i + shift) for i, d in enumerate(arg.shape[:-2])]
    return resolve(arg, (*batch, Along(rank - 2), Along(rank - 1)))


def pointer_to(page: Page, node: Node) -> Expr:
    """Where a value begins."""
    begin, const = begin_of(page.part.slots[node], page.sizes)
    at = total(begin, const)
    name = Name(page.labels.ident(node))
    return name if at == _whole(0) else Call("shift", (name, at))


def fill(page: Page, node: Node) -> Stmt:
    """Zeros all over a node's buffer."""
    count = extent(_count(page, node), page.sizes)
    return Run(Call("fill", (pointer_to(page, node), count, _zero(node))), page.tag)


def _count(page: Page, node: Node) -> Dim:
    """The elements to clear: all at capacity, since a size behind the first may fall short of its
    stride.
    """
    if any(page.sizes.literal(d) is None for d in node.shape[1:]):
        return product([_cap(page, d) for d in node.shape])
    return product([page.sizes.resolved(d) for d in node.shape])


def _zero(node: Node) -> Number:
    return Number(node.type.numpy.type(0).item(), node.dtype)


def _scatter(page: Page, task: Task) -> None:
    """Zeros, then each row of g added at the index it came from."""
    node, (g, *indices) = task.node, task.node.args
    rank = indices[0].ndim
    strides = row_major([_cap(page, d) for d in node.shape])
    at: list[tuple[Expr, int]] = []
    for axis, index in enumerate(indices):
        if node.shape[axis] == 1:
            continue
        picked = page.values.element(resolve(index, identity(rank)), task)
        at.append((page.values.wrapped(picked, node.shape[axis], index), strides[axis]))
    for axis in range(len(indices), node.ndim):
        loop = page.values.variable(task)(rank + axis - len(indices))
        at += [(loop, strides[axis])] if loop is not None else []
    value = cast(page.values.element(resolve(g), task), node.dtype)
    add = Add(Item(page.labels.ident(node), total(at)), value, page.tag)
    page.lines += [fill(page, node), *_loops(page, task.extents, [add])]


def _place(page: Page, task: Task) -> None:
    """Zeros where the pieces leave any, then each piece into its slice."""
    node = task.node
    if not _covered(node):
        page.lines.append(fill(page, node))
    for piece, starts, steps in zip(
        node.args, node.attrs["starts"], node.attrs["steps"], strict=True
    ):
        page.lines += _piece(page, task, piece, starts, steps)


def _piece(
    page: Page, task: Task, piece: Node, starts: Sequence[Dim], steps: Sequence[int]
) -> list[Stmt]:
    node = task.node
    inner = Task(piece, piece.shape, (resolve(piece),))
    value = cast(page.values.element(inner.reads[0], inner), node.dtype)
    strides = row_major([_cap(page, d) for d in node.shape])
    variable = page.values.variable(inner)
    terms, const = begin_of(page.part.slots[node], page.sizes)
    for axis, (start, step, stride) in enumerate(zip(starts, steps, strides, strict=True)):
        begin = page.sizes.resolved(start)
        if isinstance(begin, int):
            const += begin * stride
        else:
            terms += [(name, c * stride) for name, c in words(begin, page.sizes)]
            const += begin.const * stride
        loop = variable(axis)
        terms += [(loop, step * stride)] if loop is not None else []
    store = Store(Item(page.labels.ident(node), total(terms, const)), value, page.tag)
    return _loops(page, inner.extents, [store])


def _covered(node: Node) -> bool:
    """Whether pieces leave nothing between them: they lie one behind the other along one axis."""
    whole, starts = node.shape, node.attrs["starts"]
    if any(step != 1 for steps in node.attrs["steps"] for step in steps):
        return False
    parts = [(a, p) for p in node.args for a, d in enumerate(p.shape) if d != whole[a]]
    axis = min((a for a, _ in parts), default=0)
    if any(a != axis for a, _ in parts):
        return False
    end: Dim = 0
    for piece, start in zip(node.args, starts, strict=True):
        if any(s != (end if a == axis else 0) for a, s in enumerate(start)):
            return False
        end = end + piece.shape[axis] if whole else 1
    return not whole or end == whole[axis]


def _overlap(page: Page, task: Task) -> None:
    """Zeros, then each window added at its place: the loops over outputs are the innermost, which
    run over neighbours where the stride is 1.
    """
    node, (g,) = task.node, task.node.args
    strides, dilations = node.attrs["strides"], node.attrs["dilations"]
    n = len(strides)
    lead = g.ndim - 2 * n
    order = (*range(lead), *range(lead + n, g.ndim), *range(lead, lead + n))
    index = tuple(Along(order.index(axis)) for axis in range(g.ndim))
    inner = Task(g, tuple(g.shape[axis] for axis in order), (resolve(g, index),))
    scales = row_major([_cap(page, d) for d in node.shape])
    kernel = [scale * d for scale, d in zip(scales[lead:], dilations, strict=True)]
    outputs = [scale * s for scale, s in zip(scales[lead:], strides, strict=True)]
    loops = map(page.values.variable(inner), range(g.ndim))
    pairs = zip(loops, (*scales[:lead], *kernel, *outputs), strict=True)
    at = total([(loop, scale) for loop, scale in pairs if loop is not None])
    value = cast(page.values.element(inner.reads[0], inner), node.dtype)
    add = Add(Item(page.labels.ident(node), at), value, page.tag)
    page.lines += [fill(page, node), *_loops(page, inner.extents, [add])]


def _check(page: Page, task: Task) -> None:
    """Leave before any state is written when an index is out of range; the header of `work` tells
    which.
    """
    if not task.node.shape:
        _check_scalar(page, task)
        return
    node = task.node
    access = resolve(node.args[0])
    low, high = (extent(node.attrs[k], page.sizes) for k in ("low", "high"))
    cut = _run_from(page, node)
    rows = [axis for axis in range(cut) if node.shape[axis] != 1]
    letters: dict[int, Expr] = {a: Name(x) for a, x in zip(rows, LETTERS, strict=False)}
    count = extent(product([page.sizes.resolved(d) for d in node.shape[cut:]]), page.sizes)
    begin = offset_of(access, page.part.slots[access.base], page.sizes, letters.get)
    name = page.labels.ident(access.base)
    buffer: Expr = Name(name) if begin == _whole(0) else Call("shift", (Name(name), begin))
    bad = page.labels.fresh("bad")
    item = Item(name, Name(bad) if begin == _whole(0) else Binary("+", Name(bad), begin))
    position = _linear([(letters[a], extent(node.shape[a], page.sizes)) for a in rows], bad, count)
    first = Let((bad,), Call("outside", (buffer, count, low, high)), page.tag)
    found = If(Binary(">=", Name(bad), _whole(0)), _leave(page, node, position, item))
    page.lines += _loops(page, [node.shape[a] for a in rows], [first, found])


def _run_from(page: Page, node: Node) -> int:
    """The axis from which on a value's elements lie one by one: rows of a size that comes at run
    time may be shorter than their stride.
    """
    loose = [axis for axis, d in enumerate(node.shape) if page.sizes.literal(d) is None]
    return max(loose, default=0)


def _linear(rows: Sequence[tuple[Expr, Expr]], last: str, count: Expr) -> Expr:
    """The position in row-major order of element `last` of a row of `count`."""
    if not rows:
        return Name(last)
    at = rows[0][0]
    for letter, size in rows[1:]:
        at = at * size + letter
    return at * count + Name(last)


def _check_scalar(page: Page, task: Task) -> None:
    node = task.node
    value = page.values.element(task.reads[0], task)
    page.local[node] = value
    low, high = (extent(node.attrs[k], page.sizes) for k in ("low", "high"))
    index = cast(value, "i64")
    out = Binary("|", Binary("<", index, low), Binary(">=", index, high))
    page.lines.append(If(out, _leave(page, node, _whole(0), value[0])))


def _leave(page: Page, node: Node, position: Expr, value: Expr) -> tuple[Stmt, ...]:
    """Note which check failed, where and on what, and return."""
    page.checks += 1
    returned = [r for r in page.part.results if r.returned]
    return (
        Run(
            Call(
                "report",
                (Name("work"), _whole(page.plan.checks[node]), position, Call("i64", (value,))),
            )
        ),
        Return(tuple(nothing(r.node) for r in returned)),
    )


def nothing(node: Node) -> Expr:
    """What a kernel returns in a result's place when it leaves early."""
    if node.dtype == "f64" or node.dtype == "f32":
        return NAN
    return Number(node.type.numpy.type(0).item(), node.dtype)


def _routine(page: Page, task: Task) -> None:
    """A call for each core of the stack, between pointers to where each begins."""
    call = task.stage
    found = signature(call.op.core or "")
    shapes = [a.shape for a in call.args]
    lead, sizes = found.lead(shapes), found.sizes(shapes)
    args = [_core(page, a, len(lead), axes) for a, axes in zip(call.args, found.args, strict=True)]
    known = results_of(call) if len(call.types) > 1 else {0: call}
    pairs = ((known[k], axes) for k, axes in enumerate(found.results))
    results = [_core(page, r, len(lead), axes) for r, axes in pairs]
    scratch = [Name(page.labels.ident(r)) for r in task.more if isinstance(r.op.spell, Scratch)]
    numbers = [extent(sizes[name], page.sizes) for name in found.letters if name in sizes]
    options = [_option(call.attrs[name]) for name in call.op.spell.options]
    operands = (*numbers, *options, *args, *results, *scratch)
    page.lines += _loops(page, lead, [Run(Call(call.op.spell.function, operands), page.tag)])


def _core(page: Page, node: Node, rank: int, axes: Sequence[str]) -> Expr:
    """Where the core of a node begins that belongs to the current place in the stack."""
    own = node.ndim - len(axes)
    lead = [
        Along(None) if d == 1 else Along(i + rank - own) for i, d in enumerate(node.shape[:own])
    ]
    access = resolve(node, (*lead, *(Along(None) for _ in axes)))
    letters = {axis: Name(LETTERS[axis]) for axis in range(rank)}
    slot = page.part.slots[access.base]
    begin = offset_of(access, slot, page.sizes, letters.get)
    buffer = Name(page.labels.ident(access.base))
    return buffer if begin == _whole(0) else Call("shift", (buffer, begin))


def _option(value: bool | int | float) -> Number:
    whole = isinstance(value, int)
    return Number(int(value), "i64") if whole else Number(float(value), "f64")


OPAQUE: dict[type, Callable[[Page, Task], None]] = {
    Product: _product,
    Scatter: _scatter,
    Place: _place,
    Overlap: _overlap,
    Check: _check,
    Routine: _routine,
}

__all__ = ["OPAQUE", "never_negative", "nothing", "pointer_to"]
