"""PyTorch's weights in the layout of graphc's layers, and values and gradients of small graphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

import graphc as gr
from graphc.interpret import evaluate

Arrays = dict[str, np.ndarray]


def array(tensor: Any) -> np.ndarray:
    """A tensor's numbers."""
    return tensor.detach().numpy().copy()


def recurrent(module: Any, layers: int = 1, bidirectional: bool = False) -> Arrays:
    """The params of torch.nn.RNN, LSTM or GRU by graphc's names."""
    found: Arrays = {}
    for k in range(layers):
        for way in ("", "_reverse")[: 1 + bidirectional]:
            deep = f"layer{k}." if layers > 1 else ""
            found |= _one(module, f"_l{k}{way}", f"{deep}{'reverse.' if way else ''}")
    return found


def _one(module: Any, end: str, prefix: str) -> Arrays:
    w, u, b, d = (
        array(getattr(module, f"{n}{end}"))
        for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    found = {"Wx": w.T, "Wh": u.T, "b": b + d}
    if type(module).__name__ == "GRU":
        n = len(b) // 3
        found["b"] = b + np.append(d[: 2 * n], np.zeros(n))
        found["bn"] = d[2 * n :]
    return {prefix + name: value for name, value in found.items()}


def recurrent_slopes(module: Any, layers: int = 1, bidirectional: bool = False) -> Arrays:
    """The gradients of the same: those of the two biases are one where they are added."""
    found: Arrays = {}
    for k in range(layers):
        for way in ("", "_reverse")[: 1 + bidirectional]:
            end, prefix = f"_l{k}{way}", f"layer{k}." if layers > 1 else ""
            prefix += "reverse." if way else ""
            w, u, b, d = (
                getattr(module, f"{n}{end}").grad.numpy()
                for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            found |= {f"{prefix}Wx": w.T, f"{prefix}Wh": u.T, f"{prefix}b": b}
            if type(module).__name__ == "GRU":
                found[f"{prefix}bn"] = d[2 * len(b) // 3 :]
    return found


def block(module: Any) -> Arrays:
    """The params of torch.nn.TransformerEncoderLayer by the names of a transformer_block."""
    return {
        "norm1.gamma": array(module.norm1.weight), "norm1.beta": array(module.norm1.bias),
        "norm2.gamma": array(module.norm2.weight), "norm2.beta": array(module.norm2.bias),
        **{f"attention.{n}": v for n, v in attention(module.self_attn).items()},
        "up.W": array(module.linear1.weight).T, "up.b": array(module.linear1.bias),
        "down.W": array(module.linear2.weight).T, "down.b": array(module.linear2.bias),
    }  # fmt: skip


def attention(module: Any) -> Arrays:
    """The params of torch.nn.MultiheadAttention."""
    return {
        "Wqkv": array(module.in_proj_weight).T, "bqkv": array(module.in_proj_bias),
        "Wo": array(module.out_proj.weight).T, "bo": array(module.out_proj.bias),
    }  # fmt: skip


def scoped(scope: str, arrays: Arrays) -> Arrays:
    """The same names within a scope."""
    return {f"{scope}.{name}": value for name, value in arrays.items()}


def swept(
    outputs: Iterable[gr.Node], weights: Iterable[np.ndarray], feeds: Mapping[str, Any]
) -> tuple[list[np.ndarray], Arrays]:
    """The outputs, and the gradients of their sum weighted by arrays, by the name of each leaf."""
    nodes = list(outputs)
    graph = nodes[0].graph
    terms = [gr.sum(n * graph.constant(w)) for n, w in zip(nodes, weights, strict=True)]
    loss = terms[0]
    for term in terms[1:]:
        loss = loss + term
    wrt = [graph[name] for name in feeds if graph[name].type.is_float]
    slopes = gr.grad(loss, wrt, disconnected="zero")
    values = evaluate([*nodes, *slopes], {graph[name]: v for name, v in feeds.items()})
    return [values[n] for n in nodes], {w.name: values[s] for w, s in zip(wrt, slopes, strict=True)}
