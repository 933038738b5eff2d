"""What emitted code runs on, as far as it changes the code: the product library that NumPy's wheel
brings along.
"""

from __future__ import annotations

import os
from functools import cache
from glob import glob

import numpy as np


@cache
def blas() -> tuple[str, ...]:
    """The file of the OpenBLAS beside NumPy; none without one, or with GRAPHC_BLAS=none."""
    folder = os.path.dirname(np.__file__)
    wheels = glob(os.path.join(folder, os.pardir, "numpy.libs", "*openblas64_*"))
    found = sorted(wheels + glob(os.path.join(folder, ".dylibs", "*openblas64_*")))
    return () if os.environ.get("GRAPHC_BLAS") == "none" else tuple(found[:1])


@cache
def register_bytes() -> int:
    """The size of a SIMD register: 64 with AVX-512, 32 with AVX2, 16 elsewhere."""
    import llvmlite.binding as llvm

    try:
        features = llvm.get_host_cpu_features()
    except RuntimeError:  # LLVM knows none on this platform
        return 16
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


def target() -> str:
    """A word for what the code was made for, part of every key of the cache."""
    return os.path.basename(blas()[0]) if blas() else "loops"
