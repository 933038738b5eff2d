"""A stage that runs graphs of its own: each graph becomes a kernel, called in a loop or a choice.

What a kernel's arguments are in the kernel around it is told by its parameters: sizes and arenas
have one name everywhere, leaves are what they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from graphc.expr import Call, Expr, Item, Name, Number, Unary
from graphc.graph import Node
from graphc.kernel import If, Invoke, Kernel, Let, Loop, Param, Return, Run, Stmt, Store, Tag, While
from graphc.lower.holes import mentioned
from graphc.lower.opaque import nothing, pointer_to
from graphc.lower.page import Labels, Page
from graphc.lower.touch import flat
from graphc.lower.values import cast, extent
from graphc.ops.several import results_of
from graphc.plan.access import resolve
from graphc.plan.plan import Inner
from graphc.plan.sizes import Sizes
from graphc.plan.task import Task
from graphc.show import expression
from graphc.types import product

Lower = Callable[..., Kernel]
ZERO = Number(0, "i64")
LAMBDA = "lambda"
WORK = Param("work", "array", "u8", 1)


class Runner:
    """Writes one stage that runs graphs on the page of the kernel around it."""

    def __init__(self, page: Page, task: Task, lower: Lower) -> None:
        assert page.tag is not None
        self.page, self.stage, self.tag, self.lower = page, task.stage, page.tag, lower
        self.inner = {i.body.role: i for i in page.part.inner[task.stage]}
        self.results = results_of(self.stage) if len(self.stage.types) > 1 else {0: self.stage}
        self.row = page.labels.fresh("t")
        self.numbers: dict[int, str] = {}
        self.kernels = {role: self._kernel(i) for role, i in self.inner.items()}
        page.inner += self.kernels.values()

    # The kernels

    def _kernel(self, inner: Inner) -> Kernel:
        """A graph as a kernel of its own, its lines tagged as this stage's."""
        labels, role = self.page.labels, inner.body.role
        title = labels.fresh(f"{_word(inner.body.joint.graph.title, self.stage)}_{role}")
        plan = replace(self.page.plan, sizes=self._sizes(inner), feed={})
        own = Labels(labels.ident, labels.fresh, self._tag)
        kernel = self.lower(plan, replace(inner.part, name=title), own)
        return replace(kernel, doc=DOCS[role].format(self.tag), params=tuple(_params(kernel)))

    def _sizes(self, inner: Inner) -> Sizes:
        words = {**self.page.sizes.words, inner.body.counter: self.row}
        return replace(inner.sizes, words=words)

    def _tag(self, task: Task) -> Tag:
        return Tag(self.tag.number, self.tag.direction, expression(task.node), task=task)

    # Carries

    def begin(self) -> None:
        """The carries as they begin: numbers in variables, arrays in the places of results."""
        for leaf, arg, k in self.inner["step"].body.carried:
            if leaf.shape:
                self._copied(self.results[k], arg)
            else:
                self.numbers[k] = self.page.labels.fresh(self.page.labels.ident(leaf))
                self.let(self.numbers[k], self.number(arg, leaf.dtype))

    def _copied(self, result: Node, arg: Node) -> None:
        sizes = self.page.sizes
        first, *rest = result.shape
        count = product([sizes.resolved(first), *map(sizes.capacity, rest)])
        into, source = (pointer_to(self.page, n) for n in (result, resolve(arg).base))
        self.page.lines.append(Run(Call("copy", (into, source, extent(count, sizes))), self.tag))

    def number(self, arg: Node, dtype: str) -> Expr:
        """A value without axes, as the kernel around has it."""
        task = Task(arg, (), ())
        return cast(self.page.values.element(resolve(arg), task), dtype)

    def let(self, name: str, value: Expr) -> None:
        """A variable of the kernel around."""
        self.page.lines.append(Let((name,), value, self.tag))

    def end(self) -> None:
        """Carries that are numbers go to the places of their results."""
        for k, name in self.numbers.items():
            target = Item(self.page.labels.ident(self.results[k]), ZERO)
            self.page.lines.append(Store(target, Name(name), self.tag))

    # Calls

    def call(self, role: str, names: Sequence[str] = (), row: Expr | None = None) -> Invoke:
        """The call of a kernel in the page's own names, for a row."""
        inner, kernel = self.inner[role], self.kernels[role]
        leaves = {self.page.labels.ident(n): n for n in inner.part.inputs}
        stands = {x: self._stands(x, a) for x, a in (*inner.body.rows, *inner.body.held)}
        stands |= {x: Name(self.numbers[k]) for x, _, k in inner.body.carried if not x.shape}
        told = {self.row: row} if row is not None else {}
        args = [
            stands[leaves[p.name]] if p.name in leaves else told.get(p.name, Name(p.name))
            for p in kernel.params
        ]
        return Invoke(tuple(names), Call(kernel.name, tuple(args)), self.tag)

    def _stands(self, leaf: Node, arg: Node) -> Expr:
        if not arg.shape:
            return self.number(arg, leaf.dtype)
        return Name(self.page.labels.ident(resolve(arg).base))

    def told(self) -> list[str]:
        """The variables that take what a step gives back."""
        return list(self.numbers.values())

    def leave(self) -> None:
        """Return where a check inside has failed."""
        if not any(_may_leave(s) for k in self.kernels.values() for s in k.body):
            return
        self.page.checks += 1
        returned = (r for r in self.page.part.results if r.returned)
        nothings = Return(tuple(nothing(r.node) for r in returned))
        self.page.lines.append(If(Call("failed", (Name("work"),)), (nothings,)))


def _params(kernel: Kernel) -> Iterator[Param]:
    """The parameters: sizes that it mentions, and the memory in which a product packs."""
    packs = any(isinstance(s, Run) and s.call.function == "gemm" for s in flat(kernel.body))
    read = mentioned(kernel.body)
    yield from (p for p in kernel.params if p.kind != "size" or p.name in read)
    if packs and all(p.name != "work" for p in kernel.params):
        yield WORK


def _word(title: str, stage: Node) -> str:
    """A graph's title as the beginning of a name; that of a lambda is what the stage does."""
    word = "".join(c if c.isalnum() and c.isascii() else "_" for c in title).strip("_") or "graph"
    return f"{word.removesuffix(LAMBDA)}{stage.op.name}" if word.endswith(LAMBDA) else word


def _may_leave(stmt: Stmt) -> bool:
    """Whether a statement returns because of a check."""
    return (isinstance(stmt, If) and any(isinstance(s, Return) for s in stmt.body)) or any(
        map(_may_leave, getattr(stmt, "body", ()))
    )


def _scan(run: Runner) -> None:
    """Carries begin, the step is called for each row, carries end."""
    run.begin()
    body, sizes = run.inner["step"].body, run.page.sizes
    turn = run.page.labels.fresh("turn") if body.reverse else run.row
    row = extent(body.length - 1, sizes) - Name(turn) if body.reverse else Name(turn)
    step = run.call("step", run.told(), row)
    run.page.lines.append(Loop(turn, ZERO, extent(body.length, sizes), 1, (step,)))
    run.end()


def _branch(run: Runner) -> None:
    """One of two calls."""
    chosen = run.page.labels.fresh("chosen")
    run.let(chosen, run.number(run.stage.args[0], "bool"))
    for role, condition in (("then", Name(chosen)), ("otherwise", Unary("not", Name(chosen)))):
        run.page.lines.append(If(condition, (run.call(role),)))


def _while(run: Runner) -> None:
    """Steps as long as the condition holds."""
    run.begin()
    going = run.page.labels.fresh("going")
    ask, step = run.call("going", [going]), run.call("step", run.told())
    run.page.lines += [ask, While(Name(going), (step, ask))]
    run.end()


ROLES: dict[str, Callable[[Runner], None]] = {"scan": _scan, "branch": _branch, "while": _while}

DOCS = {
    "step": "A step of {}.",
    "then": "{} where its condition holds.",
    "otherwise": "{} where its condition does not hold.",
    "going": "Whether {} takes one more step.",
}


def region(lower: Lower) -> Callable[[Page, Task], None]:
    """What writes a stage that runs graphs, with `lower` for their kernels."""

    def write(page: Page, task: Task) -> None:
        run = Runner(page, task, lower)
        ROLES[task.stage.op.spell.role](run)
        run.leave()

    return write
