"""A compiled net trains to the same weights with any one optimisation switched off, with one thread
and with two, and those are PyTorch's.
"""

from functools import cache

import numpy as np
import pytest

import graphc as gr
from graphc.compile import OPTIONAL

RNG = np.random.default_rng(0)
SIZES = (48, 64, 64, 64, 10)
X = RNG.normal(size=(96, SIZES[0])).astype(np.float32)
T = RNG.integers(0, SIZES[-1], 96)
PARAMS = {f"W{k}": RNG.normal(size=SIZES[k : k + 2]) / 8 for k in range(4)}
PARAMS |= {f"b{k}": RNG.normal(size=SIZES[k + 1]) / 8 for k in range(4)}


def net() -> gr.Node:
    g = gr.Graph("net", dtype="float32")
    x, t = g.input("X", ("batch", SIZES[0])), g.input("t", ("batch",), "int64")
    for k in range(4):
        x = x @ g.param(f"W{k}", SIZES[k : k + 2]) + g.param(f"b{k}", SIZES[k + 1 : k + 2])
        x = gr.relu(x) if k < 3 else x
    return gr.cross_entropy(x, t)


def trained(**options: object) -> dict[str, np.ndarray]:
    step = gr.compile_step(net(), optimizer=gr.optim.Adam(0.01), **options)
    for name, value in PARAMS.items():
        step.params[name] = value
    for _ in range(3):
        step(X=X, t=T)
    return {name: np.array(step.params[name]) for name in PARAMS}


@cache
def pytorchs() -> dict[str, np.ndarray]:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    leaves = {n: torch.tensor(v, dtype=torch.float64).requires_grad_() for n, v in PARAMS.items()}
    optimizer = torch.optim.Adam(leaves.values(), lr=0.01)
    for _ in range(3):
        x = torch.tensor(X, dtype=torch.float64)
        for k in range(4):
            x = x @ leaves[f"W{k}"] + leaves[f"b{k}"]
            x = torch.relu(x) if k < 3 else x
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(x, torch.tensor(T)).backward()
        optimizer.step()
    return {name: leaf.detach().numpy() for name, leaf in leaves.items()}


def check(found: dict[str, np.ndarray]) -> None:
    """Adam moves a weight by the rate whatever its gradient is, so a few may differ by a little."""
    for name, wanted in pytorchs().items():
        np.testing.assert_allclose(found[name], wanted, rtol=1e-3, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("without", OPTIONAL)
def test_without_any_one_optimisation(without: str) -> None:
    check(trained(without=without, threads=2))


@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 2}, {"form": "plain"}], ids=str)
def test_with_all_of_them(options: dict[str, object]) -> None:
    check(trained(**options))


def test_as_python() -> None:
    check(trained(jit=False))
