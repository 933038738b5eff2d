"""Updates that a product can take over: p - lr * (A @ B) becomes one call of BLAS that adds -lr * A
@ B to p.

The gradient is then never stored. It holds where nobody else wants the product, and the factor is
one number.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.graph import Node
from graphc.ops.spell import Product
from graphc.plan.access import Access, resolve


@dataclass(frozen=True)
class Absorbed:
    """`state += sign * factor * product`."""

    product: Node
    factor: Node
    sign: int

    def reads(self) -> tuple[Access, ...]:
        """The operands of the product, then the factor."""
        return (*(resolve(a) for a in self.product.args), resolve(self.factor))


def absorbed(state: Node, value: Node) -> Absorbed | None:
    """The product that an update is made of, or None for an update of another form."""
    sign = {"subtract": -1, "add": 1}.get(value.op.name)
    if sign is None or value.args[0] is not state or value.args[1].op.name != "multiply":
        return None
    scaled = value.args[1]
    for factor, product in (scaled.args, scaled.args[::-1]):
        if isinstance(product.op.spell, Product) and not factor.shape and product.ndim == 2:
            return Absorbed(product, factor, sign) if _own(scaled, product) else None
    return None


def _own(scaled: Node, product: Node) -> bool:
    """Whether the product is read here alone, and nothing on the way changes its type."""
    readers = scaled.graph.readers
    alone = len(readers(product)) == 1 and len(readers(scaled)) == 1
    return alone and product.dtype == scaled.dtype and product.type.is_float
