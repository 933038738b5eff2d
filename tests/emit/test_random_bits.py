"""The prelude's random bits: the published answers, and lanes, numbers and twins bit for bit."""

import numpy as np
import pytest

from graphc.emit import prelude
from graphc.emit.prelude import PLAIN
from graphc.emit.prelude.random import enciphered

NAMES = {"threefry": "i8", "uniform32": "f4", "uniform32_second": "f4", "uniform64": "f8"}
COUNTERS = np.concatenate(
    [np.arange(-32, 32), np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 64)]
)
KEY = -1234567890123456789

# Random123 1.14, tests/kat_vectors: threefry2x32 20, counter, key, result.
ANSWERS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("counter", "key", "wanted"), ANSWERS)
def test_published_answers(counter, key, wanted):
    assert enciphered(key, counter) == wanted


def test_twin_of_lanes_is_that_of_numbers():
    for name, dtype in NAMES.items():
        lanes, each = PLAIN[name](KEY, COUNTERS), [PLAIN[name](KEY, c) for c in COUNTERS]
        assert lanes.dtype == each[0].dtype == dtype
        assert np.array_equal(lanes, each)


@pytest.mark.skipif(prelude.JIT_OFF, reason="there is nothing compiled to look at")
def test_lanes_and_numbers_have_the_bits_of_the_twin():
    body = ["@njit(**FLAGS)", f"def run(key, c, {', '.join(f'v_{n}, o_{n}' for n in NAMES)}):"]
    body += ["  p = ptr(c)", "  for i in range(0, 128, 8):"]
    body += [f"    store(ptr(v_{n}), i, {n}(key, load8(p, i)))" for n in NAMES]
    body += ["  for i in range(128):", *(f"    o_{n}[i] = {n}(key, c[i])" for n in NAMES)]
    scope = dict(vars(prelude))
    exec(compile("\n".join(body), "emitted", "exec"), scope)
    outs = [np.empty(128, dtype) for dtype in NAMES.values() for _ in range(2)]
    scope["run"](KEY, COUNTERS, *outs)
    for name, lanes, numbers in zip(NAMES, outs[::2], outs[1::2], strict=True):
        assert np.array_equal(lanes, PLAIN[name](KEY, COUNTERS)), name
        assert np.array_equal(numbers, lanes), name
