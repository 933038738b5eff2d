"""graphc: static computational graphs in Python, compiled with their gradients to Numba modules
that a person can read.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from graphc.collector import at_rest as _at_rest

with _at_rest():  # all that is imported stays: looking through it for what may go takes a tenth
    from graphc import init as init
    from graphc import io as io
    from graphc import linalg as linalg
    from graphc import random as random
    from graphc.compile import compile as compile
    from graphc.define import constant as constant
    from graphc.define import graph as graph
    from graphc.define import input as input
    from graphc.define import param as param
    from graphc.define import scope as scope
    from graphc.define import state as state
    from graphc.errors import GraphcError as GraphcError
    from graphc.exchange.plain import from_networkx as from_networkx
    from graphc.flow import cond as cond
    from graphc.flow import fori as fori
    from graphc.flow import scan as scan
    from graphc.flow import while_loop as while_loop
    from graphc.gates.gate import Gate as Gate
    from graphc.gates.gate import gate as gate
    from graphc.gates.hooks import *  # noqa: F403
    from graphc.gates.opaque import opaque as opaque
    from graphc.grad import grad as grad
    from graphc.grad import vjp as vjp
    from graphc.graph import Graph as Graph
    from graphc.graph import Node as Node
    from graphc.graph import Op as Op
    from graphc.ops import *  # noqa: F403
    from graphc.random.dropout import alpha_dropout as alpha_dropout
    from graphc.random.dropout import dropout as dropout
    from graphc.random.dropout import dropout2d as dropout2d
    from graphc.runtime.program import Program as Program
    from graphc.train import optim as optim
    from graphc.train.step import Step as Step
    from graphc.train.step import compile_step as compile_step
    from graphc.transforms.batching import vmap as vmap
    from graphc.transforms.forward import jvp as jvp
    from graphc.transforms.jacobian import gauss_newton as gauss_newton
    from graphc.transforms.jacobian import hessian as hessian
    from graphc.transforms.jacobian import hvp as hvp
    from graphc.transforms.jacobian import jacobian as jacobian
    from graphc.transforms.jacobian import per_example_grad as per_example_grad
    from graphc.transforms.substitute import substitute as substitute
    from graphc.types import Type as Type
    from graphc.version import __version__ as __version__

if _TYPE_CHECKING:
    from graphc import nn as nn
    from graphc.check import check_gradient as check_gradient

_SELDOM = {"check_gradient": "graphc.check", "nn": "graphc.nn"}
"""Names that few programs use, and their modules, which are imported when they are asked for."""


def __getattr__(name: str) -> _Any:
    if name not in _SELDOM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = _import_module(_SELDOM[name])
    globals()[name] = getattr(found, name, found)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_SELDOM})
