"""A compiled program in, one page of what the compiler did out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from graphc.joint import Fired
from graphc.plan.fuse import Block, Loop
from graphc.plan.memory import nbytes
from graphc.plan.plan import Part, Plan
from graphc.plan.table import products

if TYPE_CHECKING:
    from graphc.runtime.special import Special

MOST = 12
"""Lines of a kind; more are counted."""

WORTH_A_RATIO = 4096
"""Bytes of values; the workspace of fewer is its header."""


def report(
    special: Special, fired: Sequence[Fired], seconds: Mapping[str, float], form: str
) -> str:
    """Stages, kernels, products, memory, rewrites, compile time and module of a specialisation;
    `seconds` are those of each pass.
    """
    plan = special.plan
    lines = [f"report of {plan.title}: {_form(special, form)}", ""]
    lines += _section("graph", _graph(plan))
    for part in plan.parts.values():
        lines += _section(part.name, [*_kernel(plan, part, special), *_memory(plan, part)])
    lines += _section("products", _most([str(p) for p in products(plan)]))
    lines += _section("arenas", _arenas(plan, special))
    lines += _section("rewrites", _rewrites(fired))
    lines += _section("compile", _compile({**seconds, **special.seconds}))
    lines += _section("module", _module(special))
    return "\n".join(lines)


def _form(special: Special, form: str) -> str:
    count = special.threads
    threads = f"up to {count} threads" if count > 1 else "one thread"
    run = "compiled" if special.is_compiled else "as Python"
    return ", ".join(filter(None, [form and f"{form} form", run, threads]))


def _section(name: str, lines: Sequence[str]) -> list[str]:
    names = [name, *[""] * len(lines)]
    return [f"{left:<18}{line}".rstrip() for left, line in zip(names, lines, strict=False)]


def _most(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - MOST
    return [*lines[:MOST], *([f"and {rest} more"] if rest > 0 else [])]


def _graph(plan: Plan) -> list[str]:
    sizes = ", ".join(f"{n} up to {plan.sizes.bound[n]}" for n in plan.sizes.names)
    found = [_count(len(plan.stages), "stage")]
    return [*found, f"compiled for {sizes}"] if sizes else found


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _kernel(plan: Plan, part: Part, special: Special) -> list[str]:
    tasks = part.nest.tasks
    absorbed = sum(t.absorbs is not None and t.state is not None for t in tasks.order)
    looping = sum(bool(t.loops) and not t.opaque for t in tasks.order)
    team = special.emitted.doors[part.name].shared
    told = [
        f"{_count(_loops(part.nest.block), 'loop')} for {_count(looping, 'value')} with axes",
        f"{_count(len(tasks.inlined), 'value')} within expressions",
    ]
    told += [f"{_count(absorbed, 'update')} taken over by products"] if absorbed else []
    told += ["for a team of threads"] if team else []
    return [", ".join(told)]


def _loops(block: Block) -> int:
    return sum(1 + _loops(item.block) for item in block if isinstance(item, Loop))


def _memory(plan: Plan, part: Part) -> list[str]:
    whole = sum(_whole(plan, part))
    told = [f"{part.work:,} bytes of work"]
    if whole >= WORTH_A_RATIO:
        ratio = f"{part.work / whole:.0%} of the {whole:,} of all values between"
        told += [ratio, f"{part.apart:,} without reuse"]
    return [", ".join(told)]


def _whole(plan: Plan, part: Part) -> Iterator[int]:
    """The bytes of every value between the arguments and the results, had each an array."""
    tasks = part.nest.tasks
    fixed = {n for n, s in part.slots.items() if s.arena in ("arg", "feed", "data", "state", "out")}
    for node in {*tasks.of, *tasks.inlined} - fixed:
        yield nbytes(node, plan.sizes)
    for task in tasks.order:
        if task.absorbs is not None:
            yield nbytes(task.absorbs.product, plan.sizes)


def _arenas(plan: Plan, special: Special) -> list[str]:
    state = sum(slot.nbytes for slot in plan.state.values())
    held = {"state": state, "constants": plan.data_bytes, "results": plan.out_bytes}
    held["work of a thread"] = special.emitted.own
    told = [f"{name} {size:,} bytes" for name, size in held.items() if size]
    return [", ".join(told) or "none"]


def _rewrites(fired: Sequence[Fired]) -> list[str]:
    """What fired, each rule of a pass with how often, and the first stage where it did."""
    counts = Counter((f.during, f.rule) for f in fired)
    first = {(f.during, f.rule): f.stage for f in reversed(fired)}
    lines = [f"{d}: {rule} {n} x, {_at(first[d, rule])}" for (d, rule), n in counts.items()]
    return _most(lines) or ["none fired"]


def _at(stage: str) -> str:
    return f"at {stage}" if len(stage) <= 40 else f"at {stage[:37]}..."


def _compile(seconds: Mapping[str, float]) -> list[str]:
    spent = sorted(seconds.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} {s:.3f}" for name, s in spent[:MOST] if s >= 0.0005)
    return [f"{sum(seconds.values()):.2f} s: {told}"] if seconds else []


def _module(special: Special) -> list[str]:
    text, loaded = special.emitted.text, special.loaded
    size = f"{text.count(chr(10)):,} lines, {len(text):,} bytes"
    return [f"{size}, over a prelude of {len(loaded.prelude):,} bytes", str(loaded.path)]


__all__ = ["report"]
