"""A kernel of scalar loops to one whose innermost loops run over SIMD registers where they may."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from graphc.kernel import If, Kernel, Let, Loop, Stmt, While
from graphc.lower.collapse import collapsed
from graphc.lower.lanes import Fresh, Refused, over_registers
from graphc.lower.scope import Scope


def vectorised(kernel: Kernel, nbytes: int, fresh: Fresh) -> Kernel:
    """The kernel with its innermost loops over registers of `nbytes` where they may be."""
    body = _Vectoriser(Scope.of(kernel), nbytes, fresh).block(kernel.body)
    inner = tuple(vectorised(k, nbytes, fresh) for k in kernel.inner)
    return replace(kernel, body=tuple(body), inner=inner)


@dataclass
class _Vectoriser:
    scope: Scope
    nbytes: int
    fresh: Fresh

    def block(self, body: Iterable[Stmt]) -> list[Stmt]:
        found: list[Stmt] = []
        for stmt in body:
            found += STATEMENTS.get(type(stmt), _same)(self, stmt, found)
        return found

    def _let(self, stmt: Let, before: list[Stmt]) -> list[Stmt]:
        self.scope.note(stmt)
        return [stmt]

    def _nested(self, stmt: If | While, before: list[Stmt]) -> list[Stmt]:
        return [replace(stmt, body=tuple(self.block(stmt.body)))]

    def _loop(self, stmt: Loop, before: list[Stmt]) -> list[Stmt]:
        stmt = collapsed(stmt)
        if not any(isinstance(s, (Loop, If, While)) for s in stmt.body):
            try:
                return over_registers(stmt, self.scope, self.nbytes, self.fresh, before)
            except Refused:
                return [stmt]
        self.scope.types[stmt.index] = "i64"
        return [replace(stmt, body=tuple(self.block(stmt.body)))]


def _same(vectoriser: _Vectoriser, stmt: Stmt, before: list[Stmt]) -> list[Stmt]:
    return [stmt]


STATEMENTS: dict[type, Callable[..., list[Stmt]]] = {
    Let: _Vectoriser._let,
    Loop: _Vectoriser._loop,
    If: _Vectoriser._nested,
    While: _Vectoriser._nested,
}
