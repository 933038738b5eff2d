"""Products of matrices by tiles beside NumPy's: `python -m tools.bench.products [MxNxK ...]`.

Each shape is compiled with its sizes literal, packed as the plan chooses, and timed in turn with
np.dot(out=) on one thread of BLAS; the best of many rounds counts for both. A call of np.dot costs
Python's call as well, about half a microsecond, as it does in any program that makes it.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

SHAPES = """
1x64x64 1x64x64.tb 64x1x64 784x1x100 100x1x784.ta 1x512x512 4x128x128 4x128x128.tb
8x8x8 16x16x16 7x13x17 33x65x129 32x10x64 32x32x32 64x64x64 64x64x64.ta 64x64x64.tb
100x10x100 100x100x784 784x100x100.ta 100x100x10.tb 100x784x100.tb 10x100x100.ta 32x256x64
32x256x256 128x128x128 256x256x256 256x256x256.ta 256x256x256.tb 512x512x512
784x512x512.ta 256x2048x1024 256x1000x2048 256x1024x2048.tb 1024x1024x1024
"""


class Shape(NamedTuple):
    """C is m by n, the depth is k; A or B may lie transposed."""

    m: int
    n: int
    k: int
    ta: bool
    tb: bool

    @classmethod
    def parse(cls, text: str) -> Shape:
        m, n, k, *flags = re.split("[x.]", text)
        return cls(int(m), int(n), int(k), "ta" in flags, "tb" in flags)

    def __str__(self) -> str:
        flags = ".ta" * self.ta + ".tb" * self.tb
        return f"{self.m}x{self.n}x{self.k}{flags}"

    @property
    def flop(self) -> int:
        return 2 * self.m * self.n * self.k


class Timing(NamedTuple):
    """Seconds a product, and of the compilation of a kernel that only makes it."""

    own: float
    numpy: float
    compiled: float


SOURCE = """
@njit(**FLAGS)
def f(A, B, C, P, times):
    a, b, c, p = ptr(A), ptr(B), ptr(C), ptr(P)
    for _ in range(times):
        multiply({ta}, {tb}, {m}, {n}, {k}, 1, a, {lda}, b, {ldb}, 0, c, {n}, p, {depth}, {rows})
"""


def source(shape: Shape, dtype: str) -> str:
    """A kernel that makes a product so many times."""
    from graphc.plan.products import choose

    ta, tb, (m, n, k) = shape.ta, shape.tb, shape[:3]
    choice = choose(ta, tb, m, n, k, dtype)
    leads = {"lda": m if ta else k, "ldb": k if tb else n}
    flags = {"ta": int(ta), "tb": int(tb)}
    return SOURCE.format(m=m, n=n, k=k, depth=choice.depth, rows=choice.rows, **flags, **leads)


def measured(shape: Shape, dtype: str, rounds: int) -> Timing:
    """Time a shape; raises AssertionError if the product is wrong."""
    import numpy as np

    from graphc.emit import prelude
    from graphc.emit.prelude.orders import multiply

    scope = {**vars(prelude), "multiply": multiply}
    exec(source(shape, dtype), scope)
    draw, own = np.random.default_rng(0), scope["f"]
    m, n, k, ta, tb = shape
    a = draw.standard_normal((k, m) if ta else (m, k)).astype(dtype)
    b = draw.standard_normal((n, k) if tb else (k, n)).astype(dtype)
    c, out, panel = np.empty((m, n), dtype), np.empty((m, n), dtype), np.empty(1 << 22, np.uint8)
    start = time.process_time()
    own(a, b, c, panel, 1)
    compiled = time.process_time() - start
    x, y = a.T if ta else a, b.T if tb else b
    np.testing.assert_allclose(c, np.dot(x, y), rtol=1e-3, atol=1e-3)

    def numpy(times: int) -> None:
        for _ in range(times):
            np.dot(x, y, out=out)

    best = alternately([lambda times: own(a, b, c, panel, times), numpy], shape.flop, rounds)
    return Timing(*best, compiled)


def alternately(runs: Sequence[Callable[[int], None]], flop: int, rounds: int) -> list[float]:
    """The best seconds of each, in turn, so that what else the machine does meets them alike."""
    times = max(1, int(1e-3 / (flop / 9e10 + 5e-7)))
    best = [math.inf] * len(runs)
    for _ in range(rounds):
        for n, run in enumerate(runs):
            start = time.perf_counter()
            run(times)
            best[n] = min(best[n], (time.perf_counter() - start) / times)
    return best


def report(shapes: Sequence[Shape], dtype: str, rounds: int) -> None:
    """Print a line for each shape, the geometric mean of the ratios and the worst."""
    print(f"{'shape':>20} {'us':>9} {'GFLOP/s':>8} {'NumPy us':>9} {'GFLOP/s':>8} {'ratio':>6}"
          f" {'compile ms':>10}")  # fmt: skip
    ratios = {}
    for shape in shapes:
        own, numpy, compiled = measured(shape, dtype, rounds)
        ratios[shape] = own / numpy
        speeds = [f"{t * 1e6:9.2f} {shape.flop / t / 1e9:8.1f}" for t in (own, numpy)]
        print(f"{shape!s:>20} {' '.join(speeds)} {own / numpy:6.2f} {compiled * 1e3:10.0f}")
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    worst = max(ratios, key=ratios.__getitem__)
    print(f"geometric mean {mean:.2f}, worst {ratios[worst]:.2f} ({worst})")


def main() -> None:
    """Measure the shapes of the command line, or all."""
    make = argparse.ArgumentParser(prog="python -m tools.bench.products")
    make.add_argument("shapes", nargs="*", default=SHAPES.split(), metavar="MxNxK[.ta][.tb]")
    make.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    make.add_argument("--rounds", type=int, default=30, metavar="N")
    options = make.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    report([Shape.parse(text) for text in options.shapes], options.dtype, options.rounds)


if __name__ == "__main__":
    main()
