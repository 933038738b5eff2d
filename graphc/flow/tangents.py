"""Forward mode through loops: the tangents of what a loop carries are carried along with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from graphc.flow.bodies import Body, copied
from graphc.graph import INPUT, Graph, Node
from graphc.ops.elementwise.arith import zeros_like
from graphc.transforms.forward import Forward

Tangents = Sequence[Node | None]


def scan_tangents(
    tangents: Tangents, ys: Any, /, *args: Node, body: Graph, carries: int, rows: int, key: int,
    **how: Any,
) -> tuple[Node | None, ...] | Node | None:  # fmt: skip
    """The tangents of a scan's results: a scan of the step and its tangent, run as `how` says."""
    ends = (carries, carries + rows, len(args))
    moving = _Moving(args, tangents, carries)
    step = moving.step(body, ends)
    found = _op_of(ys)(
        *moving.given(ends), body=step, carries=carries + len(moving.carried),
        rows=rows + moving.between(carries, carries + rows), key=unused_key(args[0].graph), **how,
    )  # fmt: skip
    return _picked(found, step, body, ys)


def while_tangents(
    tangents: Tangents, ys: Any, /, *args: Node, going: Graph, body: Graph, carries: int, split: int
) -> tuple[Node | None, ...] | Node | None:
    """The tangents of what a loop leaves: a loop of the step and its tangent, as long as before."""
    own = (*range(carries), *range(carries + split, len(args)))
    moving = _Moving([args[k] for k in own], [tangents[k] for k in own], carries)
    ends = (carries, len(own))
    step, given = moving.step(body, ends), moving.given(ends)
    count = carries + len(moving.carried)
    found = _op_of(ys)(
        *given[:count], *args[carries : carries + split], *given[count:], carries=count,
        split=split, going=_asking(going, moving, carries), body=step,
    )  # fmt: skip
    return _picked(found, step, body, ys)


def cond_tangents(
    tangents: Tangents, ys: Any, /, condition: Node, *args: Node, then: Graph, otherwise: Graph,
    split: int,
) -> tuple[Node | None, ...] | Node | None:  # fmt: skip
    """The tangents of a branch's results: those of the branch that is taken, in a branch."""
    given = tangents[1:]
    sides = [
        _Side(args[:split], given[:split], then),
        _Side(args[split:], given[split:], otherwise),
    ]
    names = [n for n in then.outputs if any(n in side.slopes for side in sides)]
    if not names:
        return (None,) * len(ys) if isinstance(ys, tuple) else None
    one, two = sides
    results = _op_of(ys)(
        condition, *one.given, *two.given, then=one.finish(names), otherwise=two.finish(names),
        split=len(one.given),
    )  # fmt: skip
    found = dict(zip(names, results if isinstance(results, tuple) else (results,), strict=True))
    slopes = tuple(found.get(name) for name in then.outputs)
    return slopes if isinstance(ys, tuple) else slopes[0]


class _Side:
    """One branch with inputs for tangents; `slopes` are the tangents of its results, by name."""

    def __init__(self, args: Sequence[Node], tangents: Tangents, body: Graph) -> None:
        moved = [k for k, t in enumerate(tangents) if t is not None]
        self.new = Body(args[0].graph if args else body, f"t_{body.title}")
        self.given = [*args, *(t for t in tangents if t is not None)]
        inputs = body.leaves(INPUT)
        self.to = {n: self.new.input(n.name or "x", n.type) for n in inputs}
        pairs = [(self.to[n], n) for n in (inputs[k] for k in moved)]
        seeds = {new: self.new.input(f"t_{n.name or 'x'}", n.type) for new, n in pairs}
        copied(body.outputs.values(), self.new.graph, self.to)
        self.ends = {name: self.to[n] for name, n in body.outputs.items()}
        self.slopes: dict[str, Node] = {}
        if seeds:
            sweep = Forward(list(self.ends.values()), dict(seeds))
            sweep.run()
            found = sweep.found
            self.slopes = {name: found[n] for name, n in self.ends.items() if n in found}

    def finish(self, names: Sequence[str]) -> Graph:
        """The graph of these tangents, zeros where this branch has none."""
        ends = ((name, self.slopes.get(name)) for name in names)
        return self.new.finish(
            {name: zeros_like(self.ends[name]) if t is None else t for name, t in ends}
        )


class _Moving:
    """The arguments of a loop with their tangents: which move, and where each stands."""

    def __init__(self, args: Sequence[Node], tangents: Tangents, carries: int) -> None:
        self.args, self.tangents = args, tangents
        self.carried = [k for k in range(carries) if args[k].type.is_float]
        moved = [k for k in range(carries, len(args)) if tangents[k] is not None]
        self.moved = [*self.carried, *moved]

    def between(self, low: int, high: int) -> int:
        """How many of the arguments from `low` to `high` move."""
        return sum(low <= k < high for k in self.moved)

    def given(self, ends: Sequence[int]) -> list[Node]:
        """The arguments, each kind followed by its tangents."""
        found: list[Node] = []
        for low, high in zip((0, *ends), ends, strict=False):
            found += self.args[low:high]
            found += [self._tangent(k) for k in self.moved if low <= k < high]
        return found

    def _tangent(self, k: int) -> Node:
        given = self.tangents[k]
        return zeros_like(self.args[k]) if given is None else given

    def step(self, body: Graph, ends: Sequence[int]) -> Graph:
        """The step with the tangents of each kind of input and output behind that kind."""
        new = Body(self.args[0].graph, f"t_{body.title}")
        inputs, to = body.leaves(INPUT), {}
        slopes: dict[Node, Node | None] = {}
        for low, high in zip((0, *ends), ends, strict=False):
            for n in inputs[low:high]:
                to[n] = new.input(n.name or "x", n.type)
            for n in (inputs[k] for k in self.moved if low <= k < high):
                slopes[to[n]] = new.input(f"t_{n.name or 'x'}", n.type)
        copied(body.outputs.values(), new.graph, to)
        sweep = Forward([to[n] for n in body.outputs.values()], slopes)
        sweep.run()
        rows = [(name, to[n], sweep.found.get(to[n])) for name, n in body.outputs.items()]
        for k in self.carried:
            name, value, slope = rows[k]
            rows[k] = name, value, zeros_like(value) if slope is None else slope
        return new.finish(_interleaved(rows, ends[0]))


def _interleaved(rows: Sequence[tuple[str, Node, Node | None]], carries: int) -> dict[str, Node]:
    """What is carried, its tangents, all other results, their tangents, where they have any."""
    found: dict[str, Node] = {}
    called = _slope_names([name for name, _, _ in rows])
    for kind in (rows[:carries], rows[carries:]):
        found |= {name: value for name, value, _ in kind}
        found |= {called[name]: slope for name, _, slope in kind if slope is not None}
    return found


def _slope_names(names: Iterable[str]) -> dict[str, str]:
    """A name for the tangent of each result; a result may be a tangent itself."""
    taken, found = set(names), {}
    for name in names:
        found[name] = f"t_{name}"
        while found[name] in taken:
            found[name] = f"t{found[name]}"
        taken.add(found[name])
    return found


def _asking(going: Graph, moving: _Moving, carries: int) -> Graph:
    """The condition with inputs for the tangents, which it does not read."""
    new = Body(moving.args[0].graph, going.title)
    inputs = going.leaves(INPUT)
    to = {n: new.input(n.name or "x", n.type) for n in inputs[:carries]}
    for k in moving.carried:
        new.input(f"t_{inputs[k].name or 'x'}", inputs[k].type)
    to |= {n: new.input(n.name or "x", n.type) for n in inputs[carries:]}
    copied(going.outputs.values(), new.graph, to)
    return new.finish({name: to[n] for name, n in going.outputs.items()})


def _op_of(ys: Any) -> Any:
    """The operation that results are of."""
    return ys[0].args[0].op if isinstance(ys, tuple) else ys.op


def _picked(found: Any, step: Graph, body: Graph, ys: Any) -> tuple[Node | None, ...] | Node | None:
    """The tangents among the results, in the order of what they are tangents of."""
    results = dict(zip(step.outputs, found if isinstance(found, tuple) else (found,), strict=True))
    slopes = tuple(results.get(name) for name in _slope_names(body.outputs).values())
    return slopes if isinstance(ys, tuple) else slopes[0]


def unused_key(graph: Graph | None) -> int:
    """A key that no loop has in a graph and in those below it."""
    used = [-1]
    while graph is not None:
        used += [n.attrs["key"] for n in graph.nodes if n.op.name == "scan"]
        graph = graph.below
    return max(used) + 1
