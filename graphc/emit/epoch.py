"""The mini-batch loop of a step: in order, rows read in place, or shuffled, rows gathered into a
panel first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from graphc.emit.printer import number
from graphc.expr import Number
from graphc.graph import Node
from graphc.kernel import Kernel, Param
from graphc.plan.memory import laid_out
from graphc.plan.plan import Plan
from graphc.types import Size

Text = tuple[str, tuple[Param, ...]]


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


def epochs(
    plan: Plan, step: Kernel, ident: Callable[[Node], str], fresh: Callable[[str], str]
) -> dict[str, Text]:
    """The texts of `epoch` and `epoch_shuffled`; none when the step has not one run-time size, or
    inputs in an arena.
    """
    part = plan.parts["step"]
    rows = [n for n in part.inputs if batched(plan, n)]
    if len(plan.sizes.running) != 1 or not rows or plan.feed:
        return {}
    results = range(len(step.results))
    words = Words(
        tuple(fresh(f"sum_{i}") for i in results),
        tuple(fresh(f"value_{i}") for i in results),
        {ident(n): fresh(f"panel_{ident(n)}") for n in rows},
    )
    return {
        "epoch": _epoch(plan, step, rows, ident, words, False),
        "epoch_shuffled": _epoch(plan, step, rows, ident, words, True),
    }


def _row(plan: Plan, node: Node) -> int:
    size = 1
    for dim in node.shape[1:]:
        size *= plan.sizes.capacity(dim)
    return size


def _epoch(
    plan: Plan,
    step: Kernel,
    rows: list[Node],
    ident: Callable[[Node], str],
    words: Words,
    shuffled: bool,
) -> Text:
    batch = plan.sizes.word(plan.sizes.names[0])
    data = {ident(n): n for n in rows}
    inputs = [p for p in step.params if p.kind != "size"]
    extra = (
        (Param("order", "array", "i64", 1), Param("panel", "array", "u8", 1)) if shuffled else ()
    )
    params = (Param("rows", "size", "i64"), Param("size", "size", "i64"), *extra, *inputs)
    given = [_given(plan, p, data, words, shuffled) for p in inputs]
    lines = [
        f"def {'epoch_shuffled' if shuffled else 'epoch'}({', '.join(p.name for p in params)}):"
    ]
    lines += [
        '    """Every batch of `size` rows, the last with what is left'
        f'{"; " + MEAN if step.results else ""}."""'
    ]
    lines += [f"    {total} = 0.0" for total in words.sums]
    lines += _panels(plan, rows, ident, words) if shuffled else []
    lines += ["    for lo in range(0, rows, size):", f"        {batch} = min(size, rows - lo)"]
    for name, n in data.items() if shuffled else ():
        args = f"{words.panels[name]}, ptr({name}), ptr(order), lo, {batch}, {_row(plan, n)}"
        lines.append(f"        gather_rows({args})")
    call = f"step({', '.join([batch, *given])})"
    names = ", ".join(words.values)
    lines += [f"        {names} = {call}" if names else f"        {call}"]
    lines += (
        ["        if at_i64(ptr(work), 0)[0] != 0:", f"            {_left(step)}"]
        if plan.checks
        else []
    )
    pairs = zip(words.sums, words.values, strict=True)
    lines += [f"        {total} += {value} * {batch}" for total, value in pairs]
    lines += [f"    return {', '.join(f'{total} / rows' for total in words.sums)}"] if names else []
    return "\n".join(["@njit(**FLAGS)", *lines]), params


MEAN = "the mean of the step's results over all rows"


def _left(step: Kernel) -> str:
    return f"return {', '.join('nan' for _ in step.results)}" if step.results else "return"


def _given(plan: Plan, param: Param, data: dict[str, Node], words: Words, shuffled: bool) -> str:
    if param.kind != "array":
        return param.name
    if param.name not in data:
        return f"ptr({param.name})"
    return (
        words.panels[param.name]
        if shuffled
        else f"shift(ptr({param.name}), {_times(_row(plan, data[param.name]))})"
    )


def _times(row: int) -> str:
    return "lo" if row == 1 else f"lo*{number(Number(row, 'i64'))}"


def _panels(plan: Plan, rows: list[Node], ident: Callable[[Node], str], words: Words) -> list[str]:
    slots, _ = laid_out(rows, "panel", plan.sizes)
    return [
        f"    {words.panels[ident(n)]} = at_{n.dtype}(ptr(panel), {s.offset})"
        for n, s in slots.items()
    ]


def panel_bytes(plan: Plan) -> int:
    """The bytes of the panel into which shuffled rows are gathered."""
    return laid_out(
        [n for n in plan.parts["step"].inputs if batched(plan, n)], "panel", plan.sizes
    )[1]
