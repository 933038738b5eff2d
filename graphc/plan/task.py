"""A stage in, its task out: what a line or a loop of its own computes, over which domain, reading
what.

Views are no tasks: they live on in the accesses of who reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from graphc.graph import CONST, Node
from graphc.ops.several import results_of
from graphc.ops.spell import (
    Along,
    Check,
    Each,
    Extent,
    Fold,
    Gather,
    Overlap,
    Place,
    Product,
    Region,
    Result,
    Routine,
    Scatter,
    View,
)
from graphc.plan.absorb import Absorbed
from graphc.plan.access import Access, identity, resolve
from graphc.plan.settle import SCRATCH
from graphc.types import Dim

SMALL_PRODUCT = 4096
"""Products with fewer multiplications than this are loops in line: a call of BLAS would cost more.
"""


@dataclass(eq=False)
class Task:
    """A node to compute over a domain of loops, or the store of a state's new value (`state` set).

    `opaque` tasks bring their own loops; nothing joins them. `more`: what else it computes, the
    other results of its stage and the working memory that it wants.
    """

    node: Node
    domain: tuple[Dim, ...]
    reads: tuple[Access, ...]
    reduced: frozenset[int] = frozenset()
    opaque: bool = False
    state: Node | None = None
    more: tuple[Node, ...] = ()
    absorbs: Absorbed | None = None
    after: list[Task] = field(default_factory=list)

    @cached_property
    def loops(self) -> tuple[int, ...]:
        """The axes of the domain that need a loop: those whose size is not 1."""
        return tuple(i for i, d in enumerate(self.domain) if d != 1)

    @cached_property
    def extents(self) -> tuple[Dim, ...]:
        """The sizes of those loops."""
        return tuple(self.domain[i] for i in self.loops)

    @cached_property
    def folded(self) -> tuple[int, ...]:
        """The positions in `loops` that are reduced."""
        return tuple(p for p, axis in enumerate(self.loops) if axis in self.reduced)

    @property
    def values(self) -> tuple[Node, ...]:
        """All that it computes."""
        return (self.node, *self.more)

    @property
    def stage(self) -> Node:
        """The stage that it computes: of one of several results, the one that they come from."""
        return self.node.args[0] if isinstance(self.node.op.spell, Result) else self.node

    @property
    def in_register(self) -> bool:
        """Whether a reduction's accumulator is one scalar at a time: the reduced loops are the
        innermost.
        """
        return self.folded == tuple(range(len(self.loops) - len(self.folded), len(self.loops)))

    @property
    def complete(self) -> int:
        """How many of its loops enclose the finished value."""
        return self.folded[0] if self.folded else len(self.loops)


def chief(node: Node) -> Node:
    """The stage whose task computes a node: for one of several results, the oldest of them."""
    several = isinstance(node.op.spell, Result)
    return min(results_of(node.args[0]).values(), key=lambda n: n.index) if several else node


def task_of(node: Node, inlined: set[Node]) -> Task:
    """The task of a stage, by its form; `inlined` stages are written where they are read."""
    form = FORMS[type(node.op.spell)]
    return form(node, inlined)


def onto(node: Node, found: Absorbed) -> Task:
    """The task of a sum whose last term is a product that adds itself to the others."""
    return Task(node, node.shape, found.reads(), opaque=True, absorbs=found)


def _each(node: Node, inlined: set[Node]) -> Task:
    return Task(node, node.shape, tuple(_reads(node, node.shape, inlined)))


def _fold(node: Node, inlined: set[Node]) -> Task:
    domain = node.args[0].shape
    return Task(node, domain, tuple(_reads(node, domain, inlined)), frozenset(node.attrs["axis"]))


def _reads(node: Node, domain: tuple[Dim, ...], inlined: set[Node]) -> list[Access]:
    found = []
    for arg in node.args:
        access = resolve(arg, broadcast_index(arg.shape, domain))
        found += _reads(access.base, domain, inlined) if access.base in inlined else [access]
    return [a for a in found if a.base.op is not CONST or a.base.value.size != 1]


def broadcast_index(shape: tuple[Dim, ...], domain: tuple[Dim, ...]) -> tuple[Along, ...]:
    """The index of an operand of this shape, broadcast over the domain."""
    shift = len(domain) - len(shape)
    return tuple(Along(None) if d == 1 else Along(i + shift) for i, d in enumerate(shape))


def gather_reads(node: Node) -> tuple[Access, ...]:
    """The indices of a gather at the leading axes of its result, then what it picks from."""
    x, *indices = node.args
    rank = indices[0].ndim
    picked = tuple(counted(i) or Along(None) for i in indices)
    rest = tuple(Along(rank + r) for r in range(x.ndim - len(indices)))
    source = resolve(x, picked + rest)
    return (*(resolve(i, identity(rank)) for i in indices if not counted(i)), source)


def counted(index: Node) -> Along | None:
    """The loop that an index follows, where it merely counts along one axis."""
    access = resolve(index)
    if access.base.op.name != "iota" or not access.whole or len(access.base.attrs["axes"]) != 1:
        return None
    return access.index[access.base.attrs["axes"][0]]


def _gather(node: Node, inlined: set[Node]) -> Task:
    return Task(node, node.shape, tuple(a for a in gather_reads(node) if a.base not in inlined))


def _scatter(node: Node, inlined: set[Node]) -> Task:
    g, *indices = node.args
    reads = [resolve(g)] + [resolve(i, identity(i.ndim)) for i in indices]
    return Task(node, g.shape, tuple(r for r in reads if r.base not in inlined), opaque=True)


def _product(node: Node, inlined: set[Node]) -> Task:
    a, b = node.args
    if is_large(node):
        return Task(node, node.shape, (resolve(a), resolve(b)), opaque=True)
    rank = node.ndim
    domain = (*node.shape, a.shape[-1])
    left = (
        *broadcast_index(a.shape[:-2], node.shape[:-2]),
        _along(a, -2, rank - 2),
        _along(a, -1, rank),
    )
    right = (
        *broadcast_index(b.shape[:-2], node.shape[:-2]),
        _along(b, -2, rank),
        _along(b, -1, rank - 1),
    )
    return Task(node, domain, (resolve(a, left), resolve(b, right)), frozenset([rank]))


def _along(arg: Node, axis: int, loop: int) -> Along:
    return Along(None) if arg.shape[axis] == 1 else Along(loop)


def is_large(node: Node) -> bool:
    """Whether it is a product that is made by tiles, or by BLAS."""
    if not isinstance(node.op.spell, Product) or not node.type.is_float:
        return False
    work = _work(node)
    return work is None or work > SMALL_PRODUCT


def _work(node: Node) -> int | None:
    """The multiplications of a product, or None when a size is not known."""
    total = 1
    for dim in (*node.shape, node.args[0].shape[-1]):
        if not isinstance(dim, int):
            return None
        total *= dim
    return total


def _opaque(node: Node, inlined: set[Node]) -> Task:
    reads = [resolve(a) for a in node.args]
    return Task(node, node.shape, tuple(r for r in reads if r.base not in inlined), opaque=True)


def _routine(node: Node, inlined: set[Node]) -> Task:
    """A call with all its results and the memory it works in."""
    call = node.args[0] if isinstance(node.op.spell, Result) else node
    results = [r for r in results_of(call).values() if r is not node]
    scratch = [r for r in call.graph.readers(call) if r.op is SCRATCH]
    reads = tuple(resolve(a) for a in call.args)
    more = (*results, *scratch[:1])
    return Task(node, node.shape, reads, opaque=True, more=more)


FORMS = {
    Region: _routine,
    Routine: _routine,
    Result: _routine,
    Each: _each,
    Extent: _each,
    View: _each,
    Fold: _fold,
    Gather: _gather,
    Scatter: _scatter,
    Product: _product,
    Place: _opaque,
    Overlap: _opaque,
    Check: _opaque,
}
