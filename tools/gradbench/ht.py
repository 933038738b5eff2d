"""HT: hand tracking. How far a posed model of a hand is from the points seen, and the Jacobian of
that with respect to the pose.

In the simple form a point belongs to a vertex of the model; in the complicated one it lies in a
triangle, at two coordinates of its own, which are fitted too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import graphc as gr
from graphc import Node

from .problem import Arrays, Programs, declared

ANGLES = 26
"""Numbers of a pose: how the hand is turned, where it is, and four angles of each finger."""

MODEL = "relatives inverses positions weights"


def drawn(rng: np.random.Generator, bones: int, vertices: int, points: int, us: bool) -> Arrays:
    """A model of five fingers of four bones between a wrist and a forearm; points near it."""
    parents = [-1, *(b - 1 if b % 4 != 1 else 0 for b in range(1, bones - 1)), 0]
    triangles = rng.permuted(np.tile(np.arange(vertices), (vertices, 1)), axis=1)[:, :3]
    theta = 0.3 * rng.standard_normal(ANGLES)
    return {
        "theta": theta,
        "us": rng.random((points, 2)) if us else np.zeros((0, 2)),
        "relatives": np.stack([moved(rng) for _ in range(bones)]),
        "inverses": np.stack([moved(rng) for _ in range(bones)]),
        "positions": np.concatenate([rng.random((vertices, 3)), np.ones((vertices, 1))], axis=1),
        "weights": rng.dirichlet(np.ones(bones), vertices),
        "points": rng.standard_normal((points, 3)),
        "belongs": rng.integers(0, vertices, points),
        "parents": np.array(parents),
        "triangles": triangles,
    }


def moved(rng: np.random.Generator) -> np.ndarray:
    """A rotation and a translation, as one matrix."""
    found = np.eye(4)
    found[:3, :3] = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    found[:3, 3] = 0.1 * rng.standard_normal(3)
    return found


def read(path: Path) -> Arrays:
    """ADBench's file of points, with the model that lies in the folder `model` beside it."""
    rows = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    n, angles = map(int, rows[0])
    own, rest = np.array(rows[1 : n + 1], np.float64), rows[n + 1 :]
    us = rest[:-angles]
    return {
        **read_model(path.parent / "model"),
        "belongs": own[:, 0].astype(np.int64),
        "points": own[:, 1:],
        "us": np.array(us, np.float64).reshape(-1, 2),
        "theta": np.array(rest[-angles:], np.float64)[:, 0],
    }


def read_model(folder: Path) -> Arrays:
    """Bones with their parents and matrices, vertices with the weights of bones, triangles."""
    bones = fields(folder / "bones.txt")
    vertices = fields(folder / "vertices.txt")
    matrices = np.array([row[2:34] for row in bones], np.float64).reshape(-1, 2, 4, 4)
    weights = np.zeros((len(vertices), len(bones)))
    for i, row in enumerate(vertices):
        for k in range(int(row[8])):
            weights[i, int(row[9 + 2 * k])] = float(row[10 + 2 * k])
    positions = np.ones((len(vertices), 4))
    positions[:, :3] = np.array([row[:3] for row in vertices], np.float64)
    return {
        "parents": np.array([row[1] for row in bones], np.int64),
        "relatives": matrices[:, 0],
        "inverses": matrices[:, 1],
        "positions": positions,
        "weights": weights,
        "triangles": np.array(fields(folder / "triangles.txt"), np.int64),
    }


def fields(path: Path) -> list[list[str]]:
    """The lines of a file, divided at colons."""
    return [line.split(":") for line in path.read_text(encoding="ascii").splitlines()]


def programs(arrays: Arrays) -> Programs:
    """The errors; and their Jacobian, the coordinates' part first where there is one."""
    g = gr.Graph("ht")
    theta, points, belongs, *model = declared(g, arrays, f"theta points belongs {MODEL}")
    vertices = skinned(theta, arrays["parents"], *model)
    if not len(arrays["us"]):
        error = points - gr.take(vertices, belongs, axis=0)
        return {"value": [error], "derivative": [gr.jacobian(error, theta)]}
    us, triangles = declared(g, arrays, "us triangles")
    corners = gr.take(vertices, gr.take(triangles, belongs, axis=0), axis=0)
    error = points - gr.vmap(within)(us, corners)
    by_us = -gr.vmap(lambda u, c: gr.jacobian(within(u, c), u))(us, corners)
    by_theta = gr.jacobian(error, theta)
    return {"value": [error], "derivative": [gr.concat([by_us, by_theta], axis=2)]}


def within(u: Node, corners: Node) -> Node:
    """A point of a triangle."""
    return u[0] * corners[0] + u[1] * corners[1] + (1 - u[0] - u[1]) * corners[2]


def skinned(
    theta: Node, parents: np.ndarray, relatives: Node, inverses: Node, positions: Node,
    weights: Node,
) -> Node:  # fmt: skip
    """Where a pose has the vertices: each is moved as its bones are, in the mean."""
    absolutes = along(relatives @ rotations(theta, len(parents)), parents)
    moves = (absolutes @ inverses)[:, :3]
    mean = gr.tensordot(weights, moves, axes=1)
    placed = gr.sum(mean * positions[:, None, :], axis=2)
    return placed @ gr.matrix_transpose(about(theta[:3])) + theta[3:6]


def along(relatives: Node, parents: Sequence[int]) -> Node:
    """Each bone's matrix behind those of the bones that it hangs on, generation by generation."""
    depth = [0] * len(parents)
    for bone, parent in enumerate(parents):
        depth[bone] = depth[parent] + 1 if parent >= 0 else 0
    order = sorted(range(len(parents)), key=lambda b: depth[b])
    found, bones = [], []
    for level in range(max(depth) + 1):
        here = [b for b in order if depth[b] == level]
        own = relatives[np.array(here)]
        if level:
            own = found[-1][np.array([bones.index(parents[b]) for b in here])] @ own
        found.append(own)
        bones = here
    return gr.concat(found)[np.argsort(order)]


def rotations(theta: Node, bones: int) -> Node:
    """What the angles of a pose do to each bone: (bones, 4, 4)."""
    none = ANGLES
    angles = np.full((bones, 3), none)
    for finger in range(5):
        first, bone = 6 + 4 * finger, 2 + 4 * finger
        angles[bone, :2] = first, first + 1
        angles[bone + 1, 0], angles[bone + 2, 0] = first + 2, first + 3
    known = gr.concat([theta, theta.graph.constant(np.zeros(1))])
    x, z, y = gr.unstack(gr.take(known, angles), axis=1)
    return turn(z, 0, 1) @ turn(y, 0, 2) @ turn(x, 1, 2)


def turn(angle: Node, i: int, j: int) -> Node:
    """The matrices that turn axis i towards axis j: (angles, 4, 4)."""
    still, cosine, sine = np.eye(4), np.zeros((4, 4)), np.zeros((4, 4))
    still[i, i] = still[j, j] = 0
    cosine[i, i] = cosine[j, j] = sine[j, i] = 1
    sine[i, j] = -1
    by = angle[:, None, None]
    return still + gr.cos(by) * cosine + gr.sin(by) * sine


CROSS = np.cross(np.eye(3)[None], np.eye(3)[:, None]).transpose(2, 0, 1)
"""CROSS @ a is the matrix of x -> a × x."""


def about(axis: Node) -> Node:
    """The matrix that turns about an axis by its length; it stays what it is near 0."""
    angle = gr.sqrt(gr.sum(axis**2))

    def turned(axis: Node, angle: Node) -> Node:
        unit = axis / angle
        straight = gr.outer(unit, unit)
        across = gr.tensordot(unit.graph.constant(CROSS), unit, axes=1)
        return straight + (np.eye(3) - straight) * gr.cos(angle) + across * gr.sin(angle)

    return gr.cond(
        angle < 1e-4, lambda axis, _: axis.graph.constant(np.eye(3)), turned, axis, angle
    )
