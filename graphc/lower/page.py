"""The page that a kernel is written on: its plan, the lines so far, what stands in variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphc.expr import Expr, Name
from graphc.graph import Node
from graphc.kernel import Kernel, Let, Stmt, Tag
from graphc.lower.values import Typed, Values
from graphc.plan.access import resolve
from graphc.plan.plan import Part, Plan
from graphc.plan.task import Task


@dataclass(frozen=True)
class Labels:
    """What a kernel needs to know of names and stages: identifiers, fresh names, tags."""

    ident: Callable[[Node], str]
    fresh: Callable[[str], str]
    tag: Callable[[Task], Tag]


class Page:
    """One kernel while it is written; `local` has the elements that are in variables here."""

    def __init__(self, plan: Plan, part: Part, labels: Labels) -> None:
        self.plan, self.part, self.labels = plan, part, labels
        self.nest, self.sizes = part.nest, plan.sizes
        self.local: dict[Node, Typed] = {}
        self.lines: list[Stmt] = []
        self.checks = 0
        self.inner: list[Kernel] = []
        self.registers: dict[Task, str] = {}
        self.tag: Tag | None = None
        self.values = Values(
            labels.ident, part.slots, plan.sizes, part.nest.tasks.inlined, self.local, self._bind
        )

    def _bind(self, arg: Node, value: Typed) -> Expr:
        """A line of its own for an operand that stands twice in an expression."""
        name = self.labels.fresh(self.labels.ident(resolve(arg).base))
        self.lines.append(Let((name,), value[0], self.tag))
        return Name(name)
