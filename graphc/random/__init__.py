"""Random numbers in a graph, new ones at each call: `gr.random.normal((batch, 10))` is a stage."""

# ruff: noqa: F403

from graphc.random.draws import *
from graphc.random.draws import __all__ as __all__
