"""The problems by name, with their sizes."""

from __future__ import annotations

from functools import partial

from . import ba, det, gmm, ht, llsq, lse, lstm, ode, particle, saddle
from .problem import Problem

HAND = {"bones": 22, "vertices": 544, "points": 100}
SMALL_HAND = {"bones": 22, "vertices": 9, "points": 4}

# fmt: off
PROBLEMS = {
    "gmm": Problem(
        gmm.drawn, gmm.programs, {"d": 3, "k": 2, "n": 5}, {"d": 10, "k": 25, "n": 1000},
        gmm.read, "gmm/1k/gmm_d10_K25.txt",
    ),
    "lstm": Problem(
        lstm.drawn, lstm.programs,
        {"layers": 2, "letters": 4, "bits": 3}, {"layers": 2, "letters": 1024, "bits": 14},
        lstm.read, "lstm/lstm_l2_c1024.txt",
    ),
    "ba": Problem(
        ba.drawn, ba.programs, {"n": 3, "m": 4, "p": 5}, {"n": 49, "m": 7776, "p": 31843},
        ba.read, "ba/ba1_n49_m7776_p31843.txt",
    ),
    "ht simple": Problem(
        partial(ht.drawn, us=False), ht.programs, SMALL_HAND, HAND,
        ht.read, "hand/simple_small/hand1_t26_c100.txt",
    ),
    "ht complicated": Problem(
        partial(ht.drawn, us=True), ht.programs, SMALL_HAND, HAND,
        ht.read, "hand/complicated_small/hand1_t26_c100.txt",
    ),
    "ode": Problem(ode.drawn, ode.programs, {"n": 4, "s": 5}, {"n": 100, "s": 100}),
    "lse": Problem(lse.drawn, lse.programs, {"n": 7}, {"n": 1_280_000}),
    "llsq": Problem(llsq.drawn, llsq.programs, {"n": 6, "m": 4}, {"n": 4096, "m": 128}),
    "det": Problem(det.drawn, det.programs, {"n": 4}, {"n": 8}),
    "saddle": Problem(
        saddle.drawn, saddle.programs, {"rate": 0.4, "most": 16}, {"rate": 1e-5, "most": 256},
    ),
    "particle": Problem(
        particle.drawn, particle.programs,
        {"rate": 1e-3, "tick": 2.0, "most": 16}, {"rate": 1e-5, "tick": 0.1, "most": 512},
    ),
}
# fmt: on
