"""Kernels to Python text: one statement a line, stage tags aligned in a column of comments, at
most 100 columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from graphc.expr import Call, Expr, Number, text
from graphc.kernel import (
    Add,
    If,
    Invoke,
    Kernel,
    Let,
    Loop,
    Remark,
    Return,
    Run,
    Stmt,
    Store,
    Tag,
    Unpack,
    While,
)

WIDTH = 100
INDENT = "    "
FAR = 64
"""Lines longer than this do not push the comments of others to the right."""


@dataclass
class Line:
    """A line of a kernel: code and the comment that belongs to it."""

    code: str
    tag: Tag | None = None
    note: str = ""


def number(n: Number) -> str:
    """A typed number: f64 and i64 as Python writes them, others with their type around."""
    value = _plain(n)
    return value if n.dtype in ("f64", "i64", "bool", None) else f"{n.dtype}({value})"


def _plain(n: Number) -> str:
    if n.dtype == "bool":
        return str(bool(n.value))
    if n.dtype == "f32" and math.isfinite(n.value):
        return str(np.float32(n.value)).removesuffix(".0")
    if n.dtype in ("f32", "f64"):
        return _float(float(n.value))
    return str(int(n.value)) if n.dtype else repr(n.value)


def _float(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return repr(value)


def source(e: Expr) -> str:
    """An expression as Python source."""
    return text(e, number)


def printed(kernel: Kernel, params: str, docs: str = "", inner: bool = False) -> str:
    """The kernel as a decorated function; one that takes arrays has a door before it, one
    that is `inner` is called by others."""
    flags = "KERNEL" if inner or any(p.kind == "array" for p in kernel.params) else "FLAGS"
    head = [f"@njit(**{flags})", f"def {kernel.name}({params}):"]
    head += [f'{INDENT}"""{docs}"""'] if docs else []
    lines = _statements(kernel.body, 1) or [Line(INDENT + "pass")]
    return "\n".join([*head, *_aligned(lines)])


def _statements(body: Iterable[Stmt], depth: int) -> list[Line]:
    return [line for stmt in body for line in STATEMENTS[type(stmt)](stmt, depth)]


def _let(s: Let, depth: int) -> list[Line]:
    return [Line(f"{INDENT * depth}{' = '.join(s.names)} = {source(s.expr)}", s.tag, s.note)]


def _store(s: Store, depth: int) -> list[Line]:
    return [Line(f"{INDENT * depth}{source(s.target)} = {source(s.expr)}", s.tag)]


def _add(s: Add, depth: int) -> list[Line]:
    return [Line(f"{INDENT * depth}{source(s.target)} {s.op}= {source(s.expr)}", s.tag)]


def _loop(s: Loop, depth: int) -> list[Line]:
    bounds = (
        [source(s.hi)] if s.lo == Number(0, "i64") and s.step == 1 else [source(s.lo), source(s.hi)]
    )
    bounds += [str(s.step)] if s.step != 1 else []
    return [
        Line(f"{INDENT * depth}for {s.index} in range({', '.join(bounds)}):"),
        *_statements(s.body, depth + 1),
    ]


def _while(s: While, depth: int) -> list[Line]:
    return [Line(f"{INDENT * depth}while {source(s.condition)}:"), *_statements(s.body, depth + 1)]


def _if(s: If, depth: int) -> list[Line]:
    return [Line(f"{INDENT * depth}if {source(s.condition)}:"), *_statements(s.body, depth + 1)]


def _run(s: Run, depth: int) -> list[Line]:
    line = f"{INDENT * depth}{source(s.call)}"
    rows = [line] if len(line) <= WIDTH else _rows(s.call, depth)
    return [Line(rows[0], s.tag), *map(Line, rows[1:])]


def _unpack(s: Unpack, depth: int) -> list[Line]:
    return [Line(f"{INDENT * depth}{', '.join(s.names)} = {source(s.call)}", s.tag)]


def _invoke(s: Invoke, depth: int) -> list[Line]:
    names = f"{', '.join(s.names)} = " if s.names else ""
    return [Line(f"{INDENT * depth}{names}{source(s.call)}", s.tag)]


def _rows(call: Call, depth: int) -> list[str]:
    """A call of many arguments over several lines."""
    rows = [f"{INDENT * depth}{call.function}("]
    for n, arg in enumerate(call.args, start=1):
        word = source(arg) + (", " if n < len(call.args) else ")")
        if len(rows[-1]) + len(word) > WIDTH:
            rows[-1] = rows[-1].rstrip()
            rows.append(INDENT * (depth + 1))
        rows[-1] += word
    return rows


def _return(s: Return, depth: int) -> list[Line]:
    return [Line(f"{INDENT * depth}return {', '.join(map(source, s.exprs))}".rstrip())]


def _remark(s: Remark, depth: int) -> list[Line]:
    return [Line(f"{INDENT * depth}# {s.text}" if s.text else "")]


STATEMENTS: dict[type, Callable[..., list[Line]]] = {
    Let: _let,
    Store: _store,
    Add: _add,
    Loop: _loop,
    While: _while,
    If: _if,
    Run: _run,
    Invoke: _invoke,
    Unpack: _unpack,
    Return: _return,
    Remark: _remark,
}


def _aligned(lines: list[Line]) -> list[str]:
    """Comments in one column for each run of lines between empty ones; the text of a stage at its
    first line only.
    """
    said: set[str] = set()
    found: list[str] = []
    for block in _blocks(lines):
        column = (
            max(
                (
                    len(line.code)
                    for line in block
                    if (line.tag or line.note) and len(line.code) < FAR
                ),
                default=0,
            )
            + 2
        )
        found += [_commented(line, column, said) for line in block]
    return found


def _blocks(lines: list[Line]) -> list[list[Line]]:
    blocks: list[list[Line]] = [[]]
    for line in lines:
        blocks[-1].append(line)
        if not line.code:
            blocks.append([])
    return blocks


def _commented(line: Line, column: int, said: set[str]) -> str:
    comment = line.note or (str(line.tag) if line.tag else "")
    if not comment:
        return line.code
    padded = f"{line.code:<{column}}" if len(line.code) < column else f"{line.code}  "
    short = f"{padded}# {comment}"
    if line.tag is None or comment in said or _is_told(line):
        return short
    said.add(comment)
    if len(f"{short}  {line.tag.text}") <= WIDTH:
        return f"{short}  {line.tag.text}"
    indent = line.code[: len(line.code) - len(line.code.lstrip())]
    return f"{indent}# {comment}  {line.tag.text}\n{line.code}"


def _is_told(line: Line) -> bool:
    """Whether the code says itself what the stage is."""
    assert line.tag is not None
    return line.tag.text.replace(" ", "") in line.code.replace(" ", "")
