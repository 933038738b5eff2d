"""Samples of stages that run graphs, and of single results of stages that have several."""

from __future__ import annotations

from typing import Any

import numpy as np
from specs import Sample, integer, one, positive, real


def _scan(step: Any, init: Any, xs: Any, **how: Any) -> Any:
    carry, ys = init, []
    for row in xs[::-1] if how.get("reverse") else xs:
        carry, y = step(carry, row)
        ys.append(y)
    return carry, np.stack(ys[::-1] if how.get("reverse") else ys)


def _while(going: Any, step: Any, init: Any) -> Any:
    while going(init):
        init = step(init)
    return init


NUMPY = {
    "scan": _scan,
    "cond": lambda test, then, otherwise: then() if test else otherwise(),
    "while_loop": _while,
}


def _mixed(m: Any, h: Any, x: Any) -> Any:
    new = m.tanh(h * 0.5 + x)
    return new, new * x


# fmt: off
SAMPLES: dict[str, list[Sample]] = {
    "scan":       [one(lambda m, h, x: m.scan(lambda c, r: _mixed(m, c, r), h, x)[0], real(3), real(4, 3)),
                   one(lambda m, h, x: m.scan(lambda c, r: _mixed(m, c, r), h, x, reverse=True)[1], real(), real(5)),
                   one(lambda m, h, x: m.scan(lambda c, r: _mixed(m, c, r), h, x)[1], real(2), real(1, 2))],
    "cond":       [one(lambda m, x, y: m.cond(m.sum(x) > 0, lambda: m.exp(x) * y, lambda: y * y), positive(3), real(3)),
                   one(lambda m, x, y: m.cond(m.sum(x) < 0, lambda: m.exp(x) * y, lambda: y * y), positive(3), real(3))],
    "while_loop": [one(lambda m, x: m.while_loop(lambda c: m.sum(c) < 40, lambda c: c * 2, x), integer(3, low=1))],
    "result":     [one(lambda m, x: m.qr(x)[1], real(3, 2)), one(lambda m, x: m.qr(x)[0], real(2, 2))],
}
# fmt: on
