"""Products that programs share in the cache: found by the next one, missed when they are gone."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
import numpy as np
import graphc as gr
from graphc.runtime import load

g = gr.Graph("product")
x, w = g.input("x", (40, 64)), g.input("w", (64, 32))
made = gr.compile(x @ w + float(sys.argv[1]), threads=1)
given = np.arange(2560.0).reshape(40, 64), np.arange(2048.0).reshape(64, 32)
np.testing.assert_allclose(made(x=given[0], w=given[1]), given[0] @ given[1] + float(sys.argv[1]))
print(len(load.compilations))
"""


@pytest.fixture
def run(tmp_path):
    def compiled(number):
        variables = os.environ | {"GRAPHC_CACHE_DIR": str(tmp_path)}
        command = [sys.executable, "-c", SCRIPT, str(number)]
        done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
        return int(done.stdout)

    return compiled


def tiles(folder):
    return sorted(folder.glob("graphc_tile_*.o"))


def test_another_program_takes_the_tile_that_is_there(run, tmp_path):
    assert run(1) > 0
    before = [(tile, tile.stat().st_mtime_ns) for tile in tiles(tmp_path)]
    assert before
    assert run(2) > 0
    assert [(tile, tile.stat().st_mtime_ns) for tile in tiles(tmp_path)] == before


def test_a_program_whose_tile_is_gone_compiles_again(run, tmp_path):
    assert run(1) > 0
    assert run(1) == 0
    for tile in tiles(tmp_path):
        tile.unlink()
    assert run(1) > 0
    assert tiles(tmp_path)
    assert run(1) == 0
