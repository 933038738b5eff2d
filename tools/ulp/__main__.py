"""The command line: `python -m tools.ulp [--function NAME] [--every N] [--float64]`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from .measure import drawn, edges_differ, patterns, worst
from .references import SINGLE


def parser() -> argparse.ArgumentParser:
    """The options."""
    make = argparse.ArgumentParser(
        prog="python -m tools.ulp",
        description="Measures the errors of the prelude's functions in units of the last place.",
    )
    add = make.add_argument
    add("--function", nargs="+", choices=tuple(SINGLE), default=tuple(SINGLE), metavar="NAME")
    add("--every", type=int, default=1, metavar="N", help="one of N patterns of a float's bits")
    add("--float64", action="store_true", help="doubles drawn at random instead of all floats")
    add("--samples", type=int, default=4_000_000, metavar="N", help="how many doubles")
    return make


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row a function."""
    options = parser().parse_args(arguments)
    dtype = np.float64 if options.float64 else np.float32
    print(f"{'function':<12}{'max ULP':>9}  {'at x':<24}edges")
    for name in options.function:
        chunks = drawn(options.samples) if options.float64 else patterns(options.every)
        found, differ = worst(name, chunks), edges_differ(name, dtype)
        said = f"not as NumPy at {differ}" if differ else "as NumPy"
        print(f"{name:<12}{found.ulp:>9.3f}  {found.x:<24.17g}{said}", flush=True)


if __name__ == "__main__":
    main()
