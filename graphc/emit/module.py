"""A plan to the text of a module: header with the table of stages, imports, kernels, and the doors
Python calls.

Same plan and target, same bytes. The text holds no path and no line of the user's: `lines=True`
weaves them in for print.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphc.emit.doors import Function, doors
from graphc.emit.epoch import epochs
from graphc.emit.idents import Idents
from graphc.emit.instrument import Section, instrument
from graphc.emit.local import local
from graphc.emit.names import Names
from graphc.emit.printer import WIDTH, number, printed, source
from graphc.emit.text import GATES, gates_called, prelude_name
from graphc.expr import Number
from graphc.graph import Node
from graphc.joint import Joint
from graphc.kernel import Kernel, Param, Tag
from graphc.lower.loops import lower
from graphc.lower.outline import outlined
from graphc.lower.page import Labels
from graphc.lower.simd import vectorised
from graphc.lower.spmd import spread
from graphc.lower.tiled import Tiled, packing, tiled
from graphc.lower.values import LETTERS
from graphc.ops.spell import Product
from graphc.plan.access import resolve
from graphc.plan.align import aligned
from graphc.plan.memory import Slot
from graphc.plan.plan import Part, Plan
from graphc.plan.task import Task
from graphc.types import DTYPES

DOCS = {
    "forward": "The forward sweep.",
    "backward": "The backward sweep, last stage first, over what `forward` left in work.",
    "forward_backward": "Both sweeps.",
    "step": "One training step: both sweeps and the update of state.",
}
FIXED: tuple[str, ...] = (
    "np",
    "math",
    "njit",
    "FLAGS",
    "KERNEL",
    "PLAIN",
    "ptr",
    "shift",
    "at",
    "gemm",
    "gates",
    "feed",
    "data",
    "state",
    "work",
    "out",
    "panel",
    "left",
    "me",
    "team",
    "mine",
    "own",
    "ticks",
)
FIXED += (
    "order",
    "rows",
    "size",
    "lo",
    "nan",
    "inf",
    "epoch",
    "epoch_shuffled",
    "boolean",
    *DOCS,
    *DTYPES,
)
MOST_STAGES = 100


@dataclass(frozen=True)
class Emitted:
    """The text of a module, the text of each kernel in it, the functions that Python may call, what
    inputs and sizes are called there, the bytes that each thread of a team wants for itself; what
    each slot of a timed kernel times.
    """

    text: str
    parts: dict[str, str]
    doors: dict[str, Function]
    inputs: dict[Node, str]
    sizes: dict[str, str]
    own: int = 0
    sections: Mapping[str, tuple[Section, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """How kernels are written: with SIMD registers of so many bytes, or in scalar loops; for teams
    of threads, which add nothing up over threads if `in_order`; `without` registers ("vectors"),
    "tiles", or equal layers written once ("repeats").
    """

    simd: int = 0
    teams: bool = False
    in_order: bool = False
    without: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Whether something that only the fast form does is wanted."""
        return bool(self.simd) and name not in self.without


def emit(
    joint: Joint,
    plan: Plan,
    prelude: str,
    exports: Sequence[str],
    *,
    form: Form = Form(),
    lines: bool = False,
    timed: bool = False,
) -> Emitted:
    """The module of a plan, over a prelude of this text that exports these names; `timed` with the
    clock read between the statements of each kernel.
    """
    reserved = {*FIXED, *_letters(plan), *exports}
    names = Names(reserved)
    words = {size: names.fresh(size) for size in plan.sizes.names}
    plan = replace(plan, sizes=replace(plan.sizes, words=words))
    slots = [s for p in plan.parts.values() for s in _slots(p)]
    registers = {s.node for s in slots} - {s.node for s in slots if s.arena}
    ident = Idents(joint.graph, names, {s.node for s in slots}, registers)
    kernels = {
        name: lower(plan, part, _labels(plan, joint, ident, names, part))
        for name, part in plan.parts.items()
    }
    if form.has("vectors"):
        kernels = {n: vectorised(k, form.simd, names.fresh) for n, k in kernels.items()}
    kernels, own = _fast(plan, kernels, names, form) if form.simd else (kernels, 0)
    sections: dict[str, tuple[Section, ...]] = {}
    if timed:
        for name, kernel in kernels.items():
            kernels[name], sections[name] = instrument(kernel)
    layers: list[Kernel] = []
    for name, kernel in kernels.items() if form.has("repeats") and not timed else ():
        kernels[name], found_layers = outlined(kernel, names.fresh)
        layers += found_layers
    parts = {name: _text(k, DOCS[name], names) for name, k in kernels.items()}
    layer_texts = [printed(k, _params(k.params), k.doc, inner=True) for k in layers]
    more = epochs(plan, kernels["step"], ident, names.fresh) if "step" in kernels else []
    parts |= {epoch.name: epoch.text for epoch in more}
    kinds = _kinds(plan)
    found, door_texts = doors([*kernels.values(), *more], kinds)
    inputs = {n: ident(n) for part in plan.parts.values() for n in part.inputs}
    body = "\n\n\n".join([*layer_texts, *parts.values(), *door_texts])
    imported = _imports(body, exports, prelude)
    head = header(plan, lines, body)
    text = f"{head}\n{imported}\n\n\n{body}\n"
    return Emitted(text, parts, found, inputs, words, own, sections)


def _slots(part: Part) -> list[Slot]:
    """The places of all values of a part, and of the parts inside of it."""
    inner = [i.part for each in part.inner.values() for i in each]
    return [*part.slots.values(), *(s for p in inner for s in _slots(p))]


def _text(kernel: Kernel, doc: str, names: Names) -> str:
    """A kernel as text, behind those that it runs."""
    texts = [_text(local(k, names), k.doc, names) for k in kernel.inner]
    own = printed(kernel, _params(kernel.params), doc, inner=doc != DOCS.get(kernel.name))
    return "\n\n\n".join([*texts, own])


def _fast(
    plan: Plan, kernels: dict[str, Kernel], names: Names, form: Form
) -> tuple[dict[str, Kernel], int]:
    """The kernels with products by tiles, and for a team where that pays; and the bytes that each
    thread wants for itself.
    """
    capacity = {plan.sizes.word(n): plan.sizes.bound[n] for n in plan.sizes.names}
    work, own = aligned(plan.work_bytes), 0
    made = {n: _inside(k, capacity, work, form) for n, k in kernels.items()}
    inner = aligned(max(panel for _, panel in made.values()))
    for name, (kernel, _) in made.items():
        threads = 2 if form.teams else 1
        tiles = tiled(kernel, capacity, threads) if form.has("tiles") else Tiled(kernel)
        kernels[name], panel = _shared(tiles, capacity, work + inner, names, form)
        own = max(own, inner + panel)
    return kernels, own


def _inside(
    kernel: Kernel, capacity: Mapping[str, int], work: int, form: Form
) -> tuple[Kernel, int]:
    """A kernel whose inner kernels make their products by tiles, and where these pack: behind
    `work`, all at one place.
    """
    most, inner = 0, []
    for each in kernel.inner:
        each, panel = _inside(each, capacity, work, form)
        made = tiled(each, capacity, 1) if form.has("tiles") else Tiled(each)
        inner.append(packing(made.kernel, work) if made.panel else made.kernel)
        most = max(most, panel, made.panel)
    return replace(kernel, inner=tuple(inner)), most


def _shared(
    made: Tiled, capacity: Mapping[str, int], work: int, names: Names, form: Form
) -> tuple[Kernel, int]:
    """A kernel for a team where that pays, and what a thread wants for itself."""
    panel = made.panel
    if form.teams:
        team = spread(made.kernel, capacity, work, names.fresh, form.in_order, panel)
        if team is not None:
            return team.kernel, team.own
    return packing(made.kernel, work) if panel else made.kernel, panel


def _kinds(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The types of what each kernel returns."""
    found = {n: tuple(r.node.dtype for r in p.results if r.returned) for n, p in plan.parts.items()}
    means = ("f64",) * len(found.get("step", ()))
    return {**found, "epoch": means, "epoch_shuffled": means}


def _letters(plan: Plan) -> tuple[str, ...]:
    """The variables of all loops there are."""
    tasks = [t for part in plan.parts.values() for t in part.nest.tasks.order]
    return LETTERS[: max((len(t.loops) for t in tasks), default=0)]


def _imports(body: str, exports: Sequence[str], prelude: str) -> str:
    """The import lines: what the body calls of the prelude, and math's constants that it names."""
    called = {"njit", *re.findall(r"\b(\w+)\(", body), *re.findall(r"\*\*(\w+)", body)}
    used = [name for name in sorted(called) if name in exports]
    constants = [w for w in ("inf", "nan") if re.search(rf"\b{w}\b", body)]
    lines = [f"from math import {', '.join(constants)}", ""] if constants else []
    lines += [f"import {GATES} as gates"] if gates_called(body) else []
    return "\n".join([*lines, f"from {prelude_name(prelude)} import {_wrapped(used)}"])


def _wrapped(names: Sequence[str]) -> str:
    flat = ", ".join(names)
    if len(flat) < 50:
        return flat
    rows, row = [], "   "
    for name in names:
        if len(row) + len(name) + 2 > WIDTH:
            rows.append(row)
            row = "   "
        row += f" {name},"
    return "(\n" + "\n".join([*rows, row]) + "\n)"


def _labels(plan: Plan, joint: Joint, ident: Idents, names: Names, part: Part) -> Labels:
    texts = {s.number: _safe(f"{s.name} = {s.text}" if s.name else s.text) for s in plan.stages}
    return Labels(ident, names.fresh, _tagger(plan, ident, texts))


def _tagger(plan: Plan, ident: Idents, texts: dict[int, str]) -> Callable[[Task], Tag]:
    forward = set(plan.numbers)

    def tag(task: Task) -> Tag:
        node = task.node
        if task.absorbs is not None and task.state is not None:
            stage = task.absorbs.product.backward_of
            sign, name = ("-=", "+=")[task.absorbs.sign > 0], ident(task.state)
            factor = task.absorbs.factor
            assert factor is not None
            text = f"{name} {sign} {ident(resolve(factor).base)} * d_{name}"
            number = 0 if stage is None else plan.numbers.get(stage, 0)
            return Tag(number, "backward", text, updates=True, task=task)
        if task.state is not None or (node.backward_of is None and node not in forward):
            return Tag(0, "update", task=task)
        stage = node if node.backward_of is None else node.backward_of
        number = plan.numbers.get(stage, 0)
        direction = "forward" if node.backward_of is None else "backward"
        return Tag(number, direction, texts.get(number, ""), task=task)

    return tag


# The header


def header(plan: Plan, lines: bool, body: str) -> str:
    """The module's docstring: what it is, the table of its stages, how to read its tags."""
    rows = [
        _row(
            s.number,
            f"{s.name} = {s.text}" if s.name else s.text,
            str(s.type),
            s.where if lines else "",
        )
        for s in plan.stages[:MOST_STAGES]
    ]
    rest = len(plan.stages) - len(rows)
    more = [f"    ... and {rest} more stages"] if rest else []
    facts = ["    (k) computes stage k; d(k) carries the gradient back through stage k; u updates."]
    facts += [f"    d_v is d({_safe(plan.of)})/dv."] if _has_gradients(plan) else []
    facts += [f"    {_limits(plan)}"] if plan.sizes.names else []
    facts += [f"    {name}{text}" for name, text in TOLD.items() if f" {name}(" in body]
    facts += [f"    gates.{name} {CALLS}" for name in gates_called(body)]
    table = _columns(rows)
    first = (
        f"{_safe(plan.title)}: {_sweeps(plan)}, emitted by graphc. Edit the graph, not this file."
    )
    return "\n".join([f'"""{first}', "", *table, *more, "", *facts, '"""'])


CALLS = "calls a function that was given to gr.opaque."
TOLD = {
    "gemm": "(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc): C = alpha A B + beta C.",
    "multiply": "(ta, tb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc, ...): as BLAS' gemm.",
    "cholesky": "(n, A, L): A = L L^T.",
    "lu": "(n, A, y, pivots): A = L U P; L and U, whose diagonal is ones, share y.",
    "lu_solve": "(n, k, transposed, y, pivots, b, x): A x = b, or A^T x = b.",
    "triangular_solve": "(n, k, lower, transposed, unit, T, b, x): T x = b, or T^T x = b.",
    "qr": "(m, n, full, A, q, r, scratch): A = q r.",
    "eigh": "(n, A, w, v, scratch): A = v diag(w) v^T.",
    "eigvalsh": "(n, A, w, scratch): w as eigh gives it.",
    "svd": "(m, n, full, A, u, s, v, scratch): A = u diag(s) v.",
    "svdvals": "(m, n, A, s, scratch): s as svd gives it.",
    "expm": "(n, A, y, scratch): y = exp(A) of a matrix.",
    "barrier": "(team, me): all threads arrive before any goes on.",
    "tick": "(ticks, slot) adds the time since the last tick to a slot.",
}
"""What the header says of functions that the module calls."""


def _limits(plan: Plan) -> str:
    """The sizes that come at run time, and how large they may be."""
    sizes = plan.sizes
    told = (f"{sizes.word(name)} may be up to {sizes.bound[name]}" for name in sizes.names)
    return f"{', '.join(told)}."


def multiplied(plan: Plan) -> list[Task]:
    """The tasks of a plan that multiply matrices."""
    tasks = [t for part in plan.parts.values() for t in part.nest.tasks.order]
    return [t for t in tasks if t.absorbs or isinstance(t.node.op.spell, Product)]


def _has_gradients(plan: Plan) -> bool:
    return any(name != "forward" for name in plan.parts)


def _sweeps(plan: Plan) -> str:
    return (
        {"forward": "the forward sweep", "step": "training steps"}.get(
            next(iter(plan.parts)), "both sweeps"
        )
        if len(plan.parts) == 1
        else "both sweeps"
    )


def _row(number: int, text: str, kind: str, where: str) -> tuple[str, ...]:
    return (f"({number})", _cut(_safe(text), 60), _safe(kind), _safe(where))


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    head = ("stage", "", "type", "from" if any(r[3] for r in rows) else "")
    wide = [max((len(r[c]) for r in [*rows, head]), default=0) for c in range(4)]
    return [
        ("    " + "  ".join(f"{cell:<{w}}" for cell, w in zip(r, wide, strict=True))).rstrip()
        for r in [head, *rows]
    ]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _safe(text: str) -> str:
    """A user's text as it may stand in a comment or a docstring: printable ASCII, no quotes, no
    backslashes.
    """
    text = text.replace("…", "...")
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "?" for c in text)


def _params(params: Sequence[Param]) -> str:
    return ", ".join(p.name for p in params)


__all__ = ["Emitted", "Function", "Node", "Number", "emit", "number", "source"]
