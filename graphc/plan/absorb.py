"""What a product can take over: p - lr * (A @ B) becomes one call that adds -lr * A @ B to p, and
A @ B + C @ D one that adds C @ D to where A @ B is.

The product is then never stored. It holds where nobody else wants it, and the factor is one number.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass

from graphc.graph import Node
from graphc.ops.spell import Product
from graphc.plan.access import Access, resolve


@dataclass(frozen=True)
class Absorbed:
    """`state += sign * factor * product`, where no factor is 1; or `onto + product`, which lies
    where `onto` was.
    """

    product: Node
    factor: Node | None = None
    sign: int = 1
    onto: Node | None = None

    def reads(self) -> tuple[Access, ...]:
        """The operands of the product, then the factor, or what is added to."""
        rest = (self.factor, self.onto)
        return tuple(resolve(a) for a in (*self.product.args, *rest) if a is not None)


def absorbed(state: Node, value: Node) -> Absorbed | None:
    """The product that an update is made of, or None for an update of another form."""
    sign = {"subtract": -1, "add": 1}.get(value.op.name)
    if sign is None or value.args[0] is not state:
        return None
    scaled = value.args[1]
    if isinstance(scaled.op.spell, Product) and scaled.ndim == 2:
        return Absorbed(scaled, None, sign) if _own(value, scaled) else None
    if scaled.op.name != "multiply":
        return None
    for factor, product in (scaled.args, scaled.args[::-1]):
        if isinstance(product.op.spell, Product) and not factor.shape and product.ndim == 2:
            return Absorbed(product, factor, sign) if _own(scaled, product) else None
    return None


def _own(reader: Node, product: Node) -> bool:
    """Whether the product is read here alone, and nothing on the way changes its type."""
    readers = reader.graph.readers
    alone = len(readers(product)) == 1 and len(readers(reader)) <= 1
    return alone and product.dtype == reader.dtype and product.type.is_float


Readers = Mapping[Node, list[tuple[Node, bool]]]
"""Who reads a value, and whether directly."""


def summed(
    nodes: Iterable[Node], readers: Readers, kept: Container[Node], large: Callable[[Node], bool]
) -> dict[Node, Absorbed]:
    """The sums of large products that nobody else wants: the later one is added to the other."""
    found: dict[Node, Absorbed] = {}

    def is_term(sum_: Node, term: Node) -> bool:
        """Whether the sum may lie where this term was made by a product."""
        alone = readers.get(term) == [(sum_, True)] and term not in kept
        return alone and term.type == sum_.type and (term in found or large(term))

    for node in nodes:
        if node.op.name == "add" and all(is_term(node, t) for t in node.args):
            onto, product = sorted(node.args, key=lambda t: (t not in found, t.index))
            if product not in found and product.name is None:
                found[node] = Absorbed(product, onto=onto)
    return found
