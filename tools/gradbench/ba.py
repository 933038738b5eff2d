"""BA: bundle adjustment. How far points are seen from where cameras would show them, and the sparse
Jacobian of that.

Each observation has a camera, a point and a weight, so its rows of the Jacobian are a block of 2 x
15; the blocks are computed for all observations at once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import graphc as gr
from graphc import Node

from .problem import Arrays, Programs, declared

CAMERA, POINT = 11, 3
"""Numbers of a camera (rotation 3, centre 3, focal length, principal point 2, distortion 2) and of
a point.
"""


def drawn(rng: np.random.Generator, n: int, m: int, p: int) -> Arrays:
    """p observations of m points by n cameras, which look at them from a distance; the first camera
    is not turned.
    """
    cams = rng.standard_normal((n, CAMERA))
    cams[:, 3:6] += (0, 0, -20)
    cams[:, 6:9] += (500, 100, 100)
    cams[:, :3] *= 0.3
    cams[:, 9:] *= 0.1
    cams[0, :3] = 0
    return {
        "cams": cams,
        "points": rng.standard_normal((m, POINT)),
        "w": rng.random(p),
        "feats": 100 * rng.standard_normal((p, 2)),
        "obs": np.stack([np.arange(p) % n, rng.integers(0, m, p)], axis=1),
    }


def read(path: Path) -> Arrays:
    """ADBench's file: n, m, p; one camera, one point, one weight and one feature, for all."""
    rows = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    n, m, p = map(int, rows[0])
    camera, point, weight, feature = (np.array(row, np.float64) for row in rows[1:5])
    return {
        "cams": np.tile(camera, (n, 1)),
        "points": np.tile(point, (m, 1)),
        "w": np.tile(weight, p),
        "feats": np.tile(feature, (p, 1)),
        "obs": np.stack([np.arange(p) % n, np.arange(p) % m], axis=1),
    }


def programs(arrays: Arrays) -> Programs:
    """The errors; and the entries of the Jacobian that are not zero, observation by observation."""
    g = gr.Graph("ba")
    cams, points, w, feats, obs = declared(g, arrays, "cams points w feats obs")
    seen = gr.take(cams, obs[:, 0], axis=0), gr.take(points, obs[:, 1], axis=0), w, feats
    blocks = gr.vmap(block)(*seen)
    return {
        "value": [gr.vmap(reprojection)(*seen), 1 - w**2],
        "derivative": [gr.concat([gr.reshape(blocks, (-1,)), -2 * w])],
    }


def block(camera: Node, point: Node, weight: Node, feature: Node) -> Node:
    """The Jacobian of one error with respect to camera, point and weight: (2, 15)."""
    error = reprojection(camera, point, weight, feature)
    by_camera, by_point, by_weight = gr.jacobian(error, [camera, point, weight])
    return gr.concat([by_camera, by_point, by_weight[:, None]], axis=1)


def reprojection(camera: Node, point: Node, weight: Node, feature: Node) -> Node:
    """How far a camera shows a point from where it was seen."""
    x, y, z = gr.unstack(turned(camera[:3], point - camera[3:6]))
    flat = gr.stack([x / z, y / z])
    square = gr.sum(flat**2)
    bent = flat * (1 + camera[9] * square + camera[10] * square**2)
    return weight * (bent * camera[6] + camera[7:9] - feature)


def turned(axis: Node, x: Node) -> Node:
    """x turned about an axis by its length: Rodrigues' formula, or what is left of it at 0."""
    square = gr.sum(axis**2)
    still = gr.equal(square, 0.0)
    angle = gr.sqrt(gr.where(still, 1.0, square))
    unit = axis / angle
    across, along = gr.cross(unit, x), unit * (gr.sum(unit * x) * (1 - gr.cos(angle)))
    far = x * gr.cos(angle) + across * gr.sin(angle) + along
    return gr.where(still, x + gr.cross(axis, x), far)
