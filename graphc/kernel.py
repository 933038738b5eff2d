"""The statement language of kernels: what lowering produces and the emitter prints, a line or a
loop each.

    module = Kernel*
    stmt   = Let(names, expr) | Store(target, expr) | Add(target, expr) | Run(call)
           | Loop(index, lo, hi, step, body) | While(condition, body) | If(condition, body)
           | Invoke(names, call) | Unpack(names, call) | Barrier() | Return(exprs) | Remark(text)

Each statement that computes carries the tag of its stage: (k) forward, d(k) backward, u update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphc.expr import Call, Expr, Item, Name

if TYPE_CHECKING:
    from graphc.plan.task import Task


@dataclass(frozen=True)
class Tag:
    """Which stage a line belongs to: `number` in the direction "forward", "backward" or "update";
    `text` says what it is.

    `updates`: the line also changes state, as a product does that has taken an update over.
    `task`: what of the plan the line belongs to; a stage has several, and they are one stage.
    """

    number: int
    direction: str = "forward"
    text: str = ""
    updates: bool = False
    task: Task | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        mark = {"forward": f"({self.number})", "backward": f"d({self.number})", "update": "u"}[
            self.direction
        ]
        return f"{mark} u" if self.updates else mark


@dataclass(frozen=True)
class Marks(Tag):
    """The stages that a call computes, as they are told beside it: `(3) (4) ... (9) (10)`."""

    marks: str = ""

    def __str__(self) -> str:
        return self.marks


@dataclass(frozen=True)
class Let:
    """`name = expr`; several names may share one value, `d_x = d_y = d_s`; `note` is a comment of
    its own.
    """

    names: tuple[str, ...]
    expr: Expr
    tag: Tag | None = None
    note: str = ""


@dataclass(frozen=True)
class Store:
    """`buffer[index] = expr`."""

    target: Item
    expr: Expr
    tag: Tag | None = None


@dataclass(frozen=True)
class Add:
    """`target += expr`, or `-=`."""

    target: Item | Name
    expr: Expr
    tag: Tag | None = None
    op: str = "+"


@dataclass(frozen=True)
class Loop:
    """`for index in range(lo, hi, step):`."""

    index: str
    lo: Expr
    hi: Expr
    step: int
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class While:
    """`while condition:`."""

    condition: Expr
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class If:
    """`if condition:`."""

    condition: Expr
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Run:
    """A call for its effect: a product, a fill."""

    call: Call
    tag: Tag | None = None


@dataclass(frozen=True)
class Invoke:
    """`a, b = kernel(...)`: another kernel of the module runs, which may touch all memory there
    is.
    """

    names: tuple[str, ...]
    call: Call
    tag: Tag | None = None


@dataclass(frozen=True)
class Unpack:
    """`a, b = call`: the values that a function returns."""

    names: tuple[str, ...]
    call: Call
    tag: Tag | None = None


@dataclass(frozen=True)
class Barrier:
    """All threads arrive before any goes on."""


@dataclass(frozen=True)
class Return:
    """`return a, b`."""

    exprs: tuple[Expr, ...]


@dataclass(frozen=True)
class Remark:
    """A line of comment, or an empty line."""

    text: str = ""


Stmt = Let | Store | Add | Loop | While | If | Run | Invoke | Unpack | Barrier | Return | Remark


@dataclass(frozen=True)
class Param:
    """An argument of a kernel: `kind` is "size", "scalar" or "array"."""

    name: str
    kind: str
    dtype: str
    rank: int = 0


@dataclass(frozen=True)
class Place:
    """The memory of a buffer: an arena, where it begins, how long it is.

    `own`: it holds a row at a time, so each thread needs one of its own.
    """

    arena: str
    offset: int
    nbytes: int
    dtype: str
    own: bool = False


@dataclass(frozen=True)
class Kernel:
    """A function of an emitted module: its name, what it says of itself, its arguments and its
    body; where its buffers lie; and the kernels that it runs.
    """

    name: str
    doc: str
    params: tuple[Param, ...]
    body: tuple[Stmt, ...]
    results: tuple[str, ...] = field(default=())
    places: Mapping[str, Place] = field(default_factory=dict)
    inner: tuple[Kernel, ...] = ()


def is_team(kernel: Kernel) -> bool:
    """Whether every thread of a team runs it: it begins with who runs it, and in which team."""
    return [p.name for p in kernel.params[:2]] == ["me", "team"]
