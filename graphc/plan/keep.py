"""A joint goes in, one comes out whose backward sweep computes some forward values again.

What is computed again is a stage of the backward sweep, right before the first that reads it, and
belongs to the forward stage that it repeats. Notes: [Again], [Holding back].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from graphc.errors import UsageError
from graphc.graph import Node, Op
from graphc.joint import Joint
from graphc.plan.cut import Prices, cut
from graphc.plan.segments import Span, most, within
from graphc.plan.sweeps import AGAIN, Sweeps, Value, is_wall, looked_at, read
from graphc.rules.replay import Walk, replay
from graphc.show import expression

if TYPE_CHECKING:
    from graphc.plan.task import Task
    from graphc.plan.tasks import Tasks

BYTE, OPERATION = 6, 10
"""What moving a byte to or from memory takes, and one operation on one element (about 10 ps)."""


def keep(joint: Joint, wish: str | int = "auto", sizes: Mapping[str, int] | None = None) -> Joint:
    """The joint whose backward sweep reads stored values, or computes them again.

    "all" stores all; "auto" computes again what costs less than moving it, never a product or a
    reduction; a number is the bytes that may be held for the backward sweep. A named size that is
    not among `sizes` counts as 64. Raises UsageError for another wish, GraphError (G524) for a
    number that cannot be kept.
    """
    if checked_keep(wish) == "all":
        return joint
    sweeps = read(joint, sizes)
    redone = _auto(sweeps)
    if isinstance(wish, int):
        redone = within(sweeps, wish, redone)
    return _repeating(sweeps, redone, everywhere=isinstance(wish, int)) if redone else joint


def checked_keep(wish: str | int) -> str | int:
    """The wish as it is; raises UsageError for one that there is not."""
    number = isinstance(wish, int) and not isinstance(wish, bool) and wish >= 0
    if not number and wish not in ("all", "auto"):
        raise UsageError(f"keep is {wish!r}", hint="there are 'all', 'auto' and a number of bytes")
    return wish


def _auto(sweeps: Sweeps) -> set[int]:
    wanted = [at for at, v in enumerate(sweeps.values) if v.far]
    return cut(sweeps.values, wanted, Prices(_moved, _computed))


def _moved(value: Value) -> int:
    """Reading a stored value again; writing it too, where nobody else needs it in memory."""
    return value.nbytes * BYTE * (1 if value.dense else 2)


def _computed(value: Value) -> int | None:
    return value.flops * OPERATION if value.cheap and value.movable else None


def _repeating(sweeps: Sweeps, redone: set[int], everywhere: bool) -> Joint:
    """The joint where late readers of these values read them computed again."""
    repeats = _Repeats(sweeps, {sweeps.values[at].node for at in redone}, everywhere)
    return replay(sweeps.joint, repeats.visit)


class _Repeats:
    def __init__(self, sweeps: Sweeps, redone: set[Node], everywhere: bool) -> None:
        self.sweeps, self.redone, self.everywhere = sweeps, redone, everywhere
        self.late = set(sweeps.late)
        self.made: dict[Node, Node] = {}
        self.ops: dict[Op, Op] = {}

    def visit(self, walk: Walk, node: Node, args: tuple[Node, ...]) -> Node | None:
        """A late stage over repeated values; None copies any other."""
        if node not in self.late or looked_at(node) is not None:
            return None
        own = tuple(
            self._again(walk, old) if self._reads_again(node, old) else new
            for old, new in zip(node.args, args, strict=True)
        )
        return None if own == args else walk.graph.add(node.op, own, node.attrs)

    def _reads_again(self, reader: Node, arg: Node) -> bool:
        base = self._base(arg)
        return base in self.redone and (self.everywhere or self.sweeps.is_far(base, reader))

    def _base(self, arg: Node) -> Node:
        return self.sweeps.base.get(arg, arg)

    def _again(self, walk: Walk, wanted: Node) -> Node:
        """The stage computed again, after all that it is computed of."""
        stack = [wanted]
        while stack:
            node = stack[-1]
            missing = [a for a in node.args if self._base(a) in self.redone and a not in self.made]
            stack += missing
            if not missing:
                self._repeat(walk, stack.pop())
        return self.made[wanted]

    def _repeat(self, walk: Walk, node: Node) -> None:
        if node in self.made:
            return
        args = tuple(self.made[a] if a in self.made else walk.to[a] for a in node.args)
        op = self._op(node.op) if node in self.redone else node.op
        with walk.graph.told(node.where, walk.to[node]):
            self.made[node] = walk.graph.add(op, args, node.attrs)

    def _op(self, op: Op) -> Op:
        return self.ops.setdefault(op, replace(op, effect=AGAIN))


@dataclass(frozen=True)
class Kept:
    """What the backward sweep reads of the forward sweep: stored, or computed again.

    `stored`: values and their bytes. `recomputed`: the forward values repeated, their bytes, the
    operations it takes. `held`: the most bytes of both that are there at one time.
    """

    stored: tuple[tuple[Node, int], ...]
    recomputed: tuple[tuple[Node, int, int], ...]
    held: int

    @property
    def stored_bytes(self) -> int:
        """The bytes of all that is stored."""
        return sum(size for _, size in self.stored)

    @property
    def recomputed_bytes(self) -> int:
        """The bytes of all that is computed again."""
        return sum(size for _, size, _ in self.recomputed)

    @property
    def flops(self) -> int:
        """The operations that it takes to compute them again."""
        return sum(count for _, _, count in self.recomputed)

    def __str__(self) -> str:
        rows = [_row("stored", n, size) for n, size in self.stored]
        rows += [
            f"{_row('again', n, size)}  {count} operations" for n, size, count in self.recomputed
        ]
        total = f"stored {self.stored_bytes} bytes, again {self.recomputed_bytes} bytes"
        ends = f"{total} ({self.flops} operations); at most {self.held} bytes at one time"
        return "\n".join([*rows, ends])


def _row(side: str, node: Node, size: int) -> str:
    said = node.name or expression(node, depth=2, longest=40)
    return f"{side:<6}  {said:<40}  {node.types[0]!s:<20}  {size:>10} bytes"


def kept(joint: Joint, sizes: Mapping[str, int] | None = None) -> Kept:
    """What a joint's backward sweep finds stored, and what it computes again."""
    sweeps = read(joint, sizes)
    stored = [v for v in sweeps.values if v.uses]
    again = [v for v in sweeps.again.values() if v.uses]
    spans = [Span(-1, sweeps.last(v), v.nbytes) for v in stored]
    return Kept(
        tuple((v.node, v.nbytes) for v in stored),
        tuple((_repeated_by(v.node), v.nbytes, v.flops) for v in again),
        most([*spans, *_spans(sweeps, again)], len(sweeps.late)),
    )


def _repeated_by(node: Node) -> Node:
    return node if node.backward_of is None else node.backward_of


def _spans(sweeps: Sweeps, again: list[Value]) -> Iterator[Span]:
    """The spans of what is computed again; what stays in its loop takes no bytes."""
    walls = [0, *accumulate(map(is_wall, sweeps.late))]
    place = {n: at for at, n in enumerate(sweeps.late)}
    for value in again:
        first, last = place[value.node], sweeps.last(value)
        lies = value.whole or not value.cheap or walls[last] > walls[first]
        yield Span(first, last, value.nbytes if lies else 0)


def held_back(joint: Joint, tasks: Tasks) -> None:
    """Have tasks that compute a value again run after the gradient before them. Note [Holding
    back].
    """
    again, slopes = _again_and_slopes(joint)
    latest: Task | None = None
    for task in tasks.order:
        if task.node in again:
            task.after += [] if latest is None else [latest]
        elif task.node in slopes and task.state is None:
            latest = task


def _again_and_slopes(joint: Joint) -> tuple[set[Node], set[Node]]:
    """The stages that are computed again, or of such alone; and those made of a gradient."""
    again: set[Node] = set()
    slopes: set[Node] = set()
    for node in joint.graph.nodes:
        if node in joint.graph.gradients or any(a in slopes for a in node.args):
            slopes.add(node)
        elif node.op.effect == AGAIN or any(a in again for a in node.args):
            again.add(node)
    return again, slopes


# Note [Again]
#
# A repeated stage is the same operation under the effect "again", so that no pass merges it with
# the stage it repeats, and everyone can tell: `kept` needs nothing but the joint. It belongs to
# that stage (`backward_of`), as a gradient does, so its lines bear the tag d(k) of stage k. It
# stands right before its first reader, after all that it needs; every late reader reads it.

# Note [Holding back]
#
# A loop joins the last loop that may take it, and what is computed again reads only what was there
# before the backward sweep: it could join a loop of the forward sweep, and would be held from there
# on, which is what it shall not be. So its task waits for the last gradient before it.
