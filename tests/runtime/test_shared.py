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

SLOW = """
import time
import numpy as np
import graphc as gr
from graphc.runtime import tiles

tiles.get = lambda name: time.sleep(1)  # the tile comes long after all that calls it is typed
g = gr.Graph("slow", dtype="float32")
x, w = g.input("x", ("batch", 8)), g.param("w", (8, 8), init=gr.init.normal(0.1))
step = gr.compile_step(gr.mean(gr.square(gr.tanh(x @ w) @ w - 1)), optimizer=gr.optim.SGD(lr=0.1))
print(step.epoch({"x": np.ones((40, 8), "float32")}, batch_size=20))
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


def test_a_kernel_that_others_call_waits_for_no_tile(tmp_path):
    variables = os.environ | {"GRAPHC_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", SLOW], env=variables, capture_output=True)
    assert done.returncode == 0, done.stderr
