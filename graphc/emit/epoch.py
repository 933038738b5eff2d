"""The mini-batch loop of a step: in order, rows read in place, or shuffled, rows gathered into a
panel first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from graphc.emit.printer import number
from graphc.expr import Number
from graphc.graph import Node
from graphc.kernel import Kernel, Param, is_team
from graphc.plan.memory import laid_out
from graphc.plan.plan import Plan
from graphc.types import Size


@dataclass(frozen=True)
class Epoch:
    """A function over the rows of a data set: its text, its arguments, what it returns."""

    name: str
    text: str
    params: tuple[Param, ...]
    results: tuple[str, ...]


def batched(plan: Plan, node: Node) -> bool:
    """Whether an input has one row for each example: its first size is the one that comes at run
    time.
    """
    return (
        bool(node.shape)
        and isinstance(node.shape[0], Size)
        and set(node.shape[0].names) <= plan.sizes.running
    )


@dataclass(frozen=True)
class Words:
    """What the loop calls its own variables: for each result a sum and a value, for each input that
    has rows a panel.
    """

    sums: tuple[str, ...]
    values: tuple[str, ...]
    panels: Mapping[str, str]
    first: str
    count: str


def epochs(
    plan: Plan, step: Kernel, ident: Callable[[Node], str], fresh: Callable[[str], str]
) -> list[Epoch]:
    """`epoch` and `epoch_shuffled`; none when the step has not one run-time size, or inputs in an
    arena.
    """
    rows = [n for n in plan.parts["step"].inputs if batched(plan, n)]
    if len(plan.sizes.running) != 1 or not rows or plan.feed:
        return []
    results = range(len(step.results))
    words = Words(
        tuple(fresh(f"sum_{i}") for i in results),
        tuple(fresh(f"value_{i}") for i in results),
        {ident(n): fresh(f"panel_{ident(n)}") for n in rows},
        fresh("batch_lo"),
        fresh("batch_rows"),
    )
    writer = _Writer(
        plan, step, {ident(n): n for n in rows}, words, plan.sizes.word(plan.sizes.names[0])
    )
    return [writer.epoch("epoch", False), writer.epoch("epoch_shuffled", True)]


@dataclass(frozen=True)
class _Writer:
    plan: Plan
    step: Kernel
    rows: Mapping[str, Node]
    words: Words
    batch: str

    def epoch(self, name: str, shuffled: bool) -> Epoch:
        """One of the two loops."""
        params = self._params(shuffled)
        doc = f"Every batch of `size` rows, the last with what is left{MEAN if self._sums else ''}."
        lines = [f"def {name}({', '.join(p.name for p in params)}):", f'    """{doc}"""']
        lines += [f"    {total} = 0.0" for total in self.words.sums]
        lines += self._panels() if shuffled else []
        lines += [
            "    for lo in range(0, rows, size):",
            f"        {self.batch} = min(size, rows - lo)",
        ]
        lines += self._gathered() if shuffled else []
        lines += self._called(shuffled) + self._summed()
        text = "\n".join(["@njit(**KERNEL)", *lines])
        return Epoch(name, text, params, self.step.results)

    @property
    def _sums(self) -> bool:
        return bool(self.step.results)

    def _params(self, shuffled: bool) -> tuple[Param, ...]:
        team = self.step.params[:2] if is_team(self.step) else ()
        counts = Param("rows", "size", "i64"), Param("size", "size", "i64")
        panel = Param("order", "array", "i64", 1), Param("panel", "array", "u8", 1)
        return (*team, *counts, *(panel if shuffled else ()), *self._inputs())

    def _inputs(self) -> list[Param]:
        rest = self.step.params[2:] if is_team(self.step) else self.step.params
        return [p for p in rest if p.kind != "size"]

    def _panels(self) -> list[str]:
        slots, _ = laid_out(list(self.rows.values()), "panel", self.plan.sizes)
        named = zip(self.words.panels.values(), slots.values(), strict=True)
        return [f"    {name} = at_{s.node.dtype}(panel, {s.offset})" for name, s in named]

    def _gathered(self) -> list[str]:
        """Each thread gathers its share of the rows, once nobody reads the last batch any more."""
        if not is_team(self.step):
            args = (f"order, lo, {self.batch}",)
            return [self._gather(name, "", *args) for name in self.rows]
        lo, count = self.words.first, self.words.count
        first = [
            f"        {lo} = part(team, me, {self.batch}, 1)",
            f"        {count} = part(team, me + 1, {self.batch}, 1) - {lo}",
            "        barrier(team, me)",
        ]
        args = (f"order, lo + {lo}, {count}",)
        lines = [self._gather(name, lo, *args) for name in self.rows]
        return [*first, *lines, "        barrier(team, me)"]

    def _gather(self, name: str, first: str, rest: str) -> str:
        row, panel = self._row(name), self.words.panels[name]
        to = f"shift({panel}, {_times(first, row)})" if first else panel
        return f"        gather_rows({to}, {name}, {rest}, {row})"

    def _row(self, name: str) -> int:
        size = 1
        for dim in self.rows[name].shape[1:]:
            size *= self.plan.sizes.capacity(dim)
        return size

    def _called(self, shuffled: bool) -> list[str]:
        team = ["me", "team"] if is_team(self.step) else []
        given = [self._given(p, shuffled) for p in self._inputs()]
        call = f"step({', '.join([*team, self.batch, *given])})"
        names = ", ".join(self.words.values)
        lines = [f"        {names} = {call}" if names else f"        {call}"]
        if self.plan.checks:
            nothing = ", ".join("nan" for _ in self.step.results)
            left = ["        if at_i64(work, 0)[0] != 0:", f"            return {nothing}".rstrip()]
            lines += left
        return lines

    def _given(self, param: Param, shuffled: bool) -> str:
        if param.name not in self.rows:
            return param.name
        at = f"shift({param.name}, {_times('lo', self._row(param.name))})"
        return self.words.panels[param.name] if shuffled else at

    def _summed(self) -> list[str]:
        pairs = zip(self.words.sums, self.words.values, strict=True)
        lines = [f"        {total} += {value} * {self.batch}" for total, value in pairs]
        means = ", ".join(f"{total} / rows" for total in self.words.sums)
        return [*lines, f"    return {means}"] if means else lines


MEAN = "; the mean of the step's results over all rows"


def _times(what: str, row: int) -> str:
    return what if row == 1 else f"{what}*{number(Number(row, 'i64'))}"


def panel_bytes(plan: Plan) -> int:
    """The bytes of the panel into which shuffled rows are gathered."""
    return laid_out(
        [n for n in plan.parts["step"].inputs if batched(plan, n)], "panel", plan.sizes
    )[1]
