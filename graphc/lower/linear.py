"""Indices as sums of names with whole factors: how far an element moves when a loop takes a
step.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.expr import Binary, Expr, Name, Number, Unary
from graphc.lower.parts import everything


@dataclass(frozen=True)
class Term:
    """`const + factor * expression + ...`, as index arithmetic is."""

    factors: tuple[tuple[Expr, int], ...] = ()
    const: int = 0

    def of(self, name: str) -> int:
        """The factor of a variable."""
        return next((c for e, c in self.factors if e == Name(name)), 0)

    def inside(self, *names: str) -> bool:
        """Whether one of these variables stands within a term that is no mere variable."""
        inner = (e for e, _ in self.factors if not isinstance(e, Name))
        names_of = {p.text for e in inner for p in everything(e) if isinstance(p, Name)}
        return not names_of.isdisjoint(names)

    def without(self, *names: str) -> Term:
        """The rest of the sum without these variables."""
        gone = [Name(n) for n in names]
        return Term(tuple((e, c) for e, c in self.factors if e not in gone), self.const)

    def plus(self, e: Expr, factor: int) -> Term:
        """The sum with one term more."""
        return _added(self, Term(((e, factor),)), 1) if factor else self

    def expr(self) -> Expr:
        """The sum as one would write it."""
        parts = [e if c == 1 else Binary("*", e, Number(c, "i64")) for e, c in self.factors]
        if self.const > 0 or not parts:
            parts.append(Number(self.const, "i64"))
        written = parts[0]
        for part in parts[1:]:
            written = Binary("+", written, part)
        if self.const < 0 and self.factors:
            written = Binary("-", written, Number(-self.const, "i64"))
        return written


def linear(e: Expr) -> Term | None:
    """An index as a sum, or None where it is none of whole numbers."""
    if isinstance(e, Number):
        return Term((), int(e.value))
    if isinstance(e, Unary) and e.op == "neg":
        inner = linear(e.arg)
        return None if inner is None else _added(Term(), inner, -1)
    if isinstance(e, Binary) and e.op in ("+", "-"):
        left, right = linear(e.left), linear(e.right)
        sign = 1 if e.op == "+" else -1
        return None if left is None or right is None else _added(left, right, sign)
    if isinstance(e, Binary) and e.op == "*" and isinstance(e.right, Number):
        inner = linear(e.left)
        return None if inner is None else _added(Term(), inner, int(e.right.value))
    return Term(((e, 1),))


def _added(a: Term, b: Term, factor: int) -> Term:
    total = dict(a.factors)
    for e, c in b.factors:
        total[e] = total.get(e, 0) + factor * c
    return Term(tuple((e, c) for e, c in total.items() if c), a.const + factor * b.const)
