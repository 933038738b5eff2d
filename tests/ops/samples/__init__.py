"""The samples of every operation, a file a family: calls written once, run with graphc, NumPy and
PyTorch in the place of `m`.

`SAMPLES[name]` is a list of Sample(call, specs). A family may bring what its names mean where NumPy
or PyTorch have no function of the name (NUMPY, TORCH: name -> function), and which of its operations
have a kink (KINKED).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from specs import Sample

SAMPLES: dict[str, list[Sample]] = {}
KINKED: set[str] = set()
NUMPY: dict[str, Callable[..., Any]] = {}
TORCH: dict[str, Callable[..., Any]] = {}

for _module in sorted(iter_modules(__path__), key=lambda m: m.name):
    _family = import_module(f"{__name__}.{_module.name}")
    SAMPLES |= _family.SAMPLES
    KINKED |= getattr(_family, "KINKED", set())
    NUMPY |= getattr(_family, "NUMPY", {})
    TORCH |= getattr(_family, "TORCH", {})

__all__ = ["KINKED", "NUMPY", "SAMPLES", "TORCH", "Sample"]
