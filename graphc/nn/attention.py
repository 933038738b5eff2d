"""Multi-head attention and transformer blocks.

Heads lie side by side in the columns of one product: all queries, then all keys, then all values,
so that Wqkv is PyTorch's in_proj_weight transposed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc import init as inits
from graphc import ops
from graphc.errors import ShapeError, UsageError
from graphc.graph import Node, graph_of
from graphc.nn.dense import Activation, dense
from graphc.nn.norm import layer_norm
from graphc.nn.scope import adding, check_number, floats, layer, width
from graphc.ops.axes import stage
from graphc.random.dropout import dropout as dropped
from graphc.types import shape_text

Heads = tuple[Node, Node, Node]


def _projected(x: Node, columns: int, name: str, bias: bool) -> Node:
    """x W + b, W and b called by what they make."""
    graph = graph_of(x)
    W = graph.param(f"W{name}", (width(x), columns), x.dtype, init=inits.glorot_uniform())
    return x @ W + graph.param(f"b{name}", (columns,), x.dtype) if bias else x @ W


def _by_heads(x: Node, size: int) -> Node:
    """(..., length, heads * size) as (..., heads, length, size)."""
    split = ops.reshape(x, (*x.shape[:-1], width(x) // size, size))
    return ops.swapaxes(split, -2, -3)


def _queries_keys_values(
    x: Node, context: Node | None, heads: int, shared: int, size: int, bias: bool
) -> Heads:
    """(..., heads, length, size) of queries, and of keys and values for fewer heads."""
    if context is None:
        every = _by_heads(_projected(x, (heads + 2 * shared) * size, "qkv", bias), size)
        q, both = every[..., :heads, :, :], every[..., heads:, :, :]
    else:
        q = _by_heads(_projected(x, heads * size, "q", bias), size)
        both = _by_heads(_projected(context, 2 * shared * size, "kv", bias), size)
    return q, both[..., :shared, :, :], both[..., shared:, :, :]


def _grouped(x: Node, shared: int) -> Node:
    """Heads in groups that share keys: (..., shared, heads / shared, length, size)."""
    each = width(x, -3) // shared
    return ops.reshape(x, (*x.shape[:-3], shared, each, *x.shape[-2:]))


def _mask_for_groups(mask: Any, like: Node, shared: int) -> Any:
    """A mask with the axis of heads, where it has one, in groups."""
    (given,) = like.graph.lift((mask,))
    if given.ndim < 3:
        return given
    return ops.expand_dims(given, -3) if given.shape[-3] == 1 else _grouped(given, shared)


@adding
def multi_head_attention(
    x: Node,
    heads: int,
    context: Node | None = None,
    *,
    kv_heads: int | None = None,
    mask: Any = None,
    bias: Any = None,
    causal: bool = False,
    rotary: bool = False,
    biases: bool = True,
    name: str | None = None,
) -> Node:
    """Attention of `x` (..., L, width) to itself, or to `context` (..., S, its width), by so many
    heads of width / heads numbers each: (..., L, width).

    `mask`, bool or float, and a float `bias` broadcast to (..., heads, L, S), true where a query
    sees a key. With `kv_heads` so many heads of keys and values serve all heads of queries, in
    groups. `rotary` turns queries and keys by their positions (gr.rotary_embedding). Params: Wqkv
    (width, (heads + 2 kv_heads) size), or with a context Wq and Wkv; Wo (width, width); biases
    bqkv, bq, bkv, bo, zeros. Raises ShapeError where heads do not divide the width, UsageError.
    Source: Vaswani et al. 2017; Ainslie et al. 2023 for groups.
    """
    shared, columns = heads if kv_heads is None else kv_heads, width(floats(x))
    check_number("heads", heads)
    check_number("kv_heads", shared)
    if columns % heads or heads % shared:
        raise ShapeError(
            f"{heads} heads, of {shared} with keys of their own, do not divide a width of {columns}"
        )
    if stage(x).ndim < 2:
        raise ShapeError(f"attention takes (..., length, width), not {shape_text(x.shape)}")
    with layer(graph_of(x), name, "attention") as called:
        q, k, v = _queries_keys_values(x, context, heads, shared, columns // heads, biases)
        if rotary:
            q, k = ops.rotary_embedding(q), ops.rotary_embedding(k)
        y = _attended(q, k, v, shared, mask, bias, causal)
        y = ops.swapaxes(y, -2, -3)
        return _projected(ops.reshape(y, x.shape), columns, "o", biases).hinted(called)


def _attended(q: Node, k: Node, v: Node, shared: int, mask: Any, bias: Any, causal: bool) -> Node:
    """What the heads take of the values: (..., heads, length, size)."""
    attend = ops.scaled_dot_product_attention
    if width(q, -3) == shared:
        return attend(q, k, v, mask, causal=causal, bias=bias)
    given = [m if m is None else _mask_for_groups(m, q, shared) for m in (mask, bias)]
    k, v = ops.expand_dims(k, -3), ops.expand_dims(v, -3)
    y = attend(_grouped(q, shared), k, v, given[0], causal=causal, bias=given[1])
    return ops.reshape(y, q.shape)


@adding
def transformer_block(
    x: Node,
    heads: int,
    *,
    ratio: float = 4,
    causal: bool = False,
    mask: Any = None,
    bias: Any = None,
    kv_heads: int | None = None,
    rotary: bool = False,
    pre_norm: bool = True,
    activation: Activation = ops.gelu,
    norm: Callable[..., Node] = layer_norm,
    dropout: float = 0.0,
    biases: bool = True,
    name: str | None = None,
) -> Node:
    """Attention of `x` (..., L, width) to itself and a net of two dense layers, ratio * width wide
    between them, each added to what goes in: (..., L, width).

    With `pre_norm` each sees its input normalised, else the sums are normalised. Params in the
    scopes norm1, attention, norm2, up, down. `norm` is a layer of nn, called with `name`; `dropout`
    of what is added; all else is as for multi_head_attention. Source: Vaswani et al. 2017; Xiong et
    al. 2020 for pre_norm.
    """
    if not ratio > 0:
        raise UsageError(f"ratio is {ratio!r}, and has to be above 0")
    inner = round(ratio * width(x))

    def attend(h: Node) -> Node:
        return multi_head_attention(
            h, heads, kv_heads=kv_heads, mask=mask, bias=bias, causal=causal, rotary=rotary,
            biases=biases, name="attention",
        )  # fmt: skip

    def think(h: Node) -> Node:
        up = dense(h, inner, activation, bias=biases, name="up")
        return dense(up, width(h), bias=biases, name="down")

    with layer(graph_of(stage(x)), name, "block") as called:
        for part, name_ in ((attend, "norm1"), (think, "norm2")):
            added = part(norm(x, name=name_) if pre_norm else x)
            x = x + (dropped(added, dropout) if dropout else added)
            x = x if pre_norm else norm(x, name=name_)
    return x.hinted(called)
