"""The same problems in PyTorch: arrays go in, functions of no arguments come out by the same words,
whose tensors are the same results in the same order.

Tensors over points, observations and bones where a tensor does; Python loops where a step needs the
one before it. Tensors that never change are made beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from math import log, pi
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import jacfwd, jacrev, jvp, vmap

from .ba import CAMERA
from .descent import NEAR, SLOPES
from .det import expansion
from .ht import ANGLES
from .ode import END
from .problem import Arrays

Runs = dict[str, Callable[[], Any]]


def tensors(arrays: Arrays, names: str) -> list[Tensor]:
    """The arrays that are named."""
    return [torch.from_numpy(np.asarray(arrays[name])) for name in names.split()]


def value_and_gradient(f: Callable[..., Tensor], *x: Tensor) -> Runs:
    """A function, and its gradient with respect to all its arguments, by one backward sweep."""
    wrt = [t.clone().requires_grad_() for t in x]
    return {"value": lambda: f(*x), "derivative": lambda: torch.autograd.grad(f(*wrt), wrt)}


# Gaussians


def gmm(arrays: Arrays) -> Runs:
    x, *wrt = tensors(arrays, "x alpha mu q l")
    m, gamma, (n, d) = int(arrays["m"]), float(arrays["gamma"]), x.shape
    row, column = torch.tril_indices(d, d, -1)
    order = torch.argsort(column, stable=True)  # column by column
    degrees = d + m + 1
    prior = degrees * d * log(gamma / 2**0.5)
    prior -= float(torch.special.multigammaln(torch.tensor(degrees / 2, dtype=x.dtype), d))

    def f(alpha: Tensor, mu: Tensor, q: Tensor, l: Tensor) -> Tensor:  # noqa: E741
        strict = q.new_zeros(len(q), d, d)
        strict[:, row[order], column[order]] = l
        away = x[:, None] - mu
        turned = torch.exp(q) * away + torch.einsum("kij,nkj->nki", strict, away)
        sums = q.sum(1)
        beta = alpha + sums - turned.square().sum(2) / 2
        likelihood = torch.logsumexp(beta, 1).sum() - n * torch.logsumexp(alpha, 0)
        squares = torch.exp(2 * q).sum() + l.square().sum()
        about_q = m * sums.sum() - gamma**2 / 2 * squares + len(q) * prior
        return likelihood - n * d / 2 * log(2 * pi) + about_q

    return value_and_gradient(f, *wrt)


# A text


def lstm(arrays: Arrays) -> Runs:
    main, extra, state, text = tensors(arrays, "main extra state text")

    def cell(weight: Tensor, bias: Tensor, h: Tensor, c: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        forget, take, give, change = (torch.cat([x, h, x, h]) * weight + bias).chunk(4)
        c = c * torch.sigmoid(forget) + torch.sigmoid(take) * torch.tanh(change)
        return torch.sigmoid(give) * torch.tanh(c), c

    def f(main: Tensor, extra: Tensor) -> Tensor:
        states, total = list(state), 0.0
        for letter, following in pairwise(text):
            x = letter * extra[0]
            for i in range(0, len(states), 2):
                states[i : i + 2] = cell(main[i], main[i + 1], *states[i : i + 2], x)
                x = states[i]
            y = x * extra[1] + extra[2]
            total = total + (following * (y - torch.log(2 + torch.exp(y).sum()))).sum()
        return -total / text[1:].numel()

    return value_and_gradient(f, main, extra)


# Cameras


def ba(arrays: Arrays) -> Runs:
    cams, points, w, feats, obs = tensors(arrays, "cams points w feats obs")

    def turned(axis: Tensor, x: Tensor) -> Tensor:
        square = axis.square().sum()
        angle = torch.where(square == 0, 1.0, square).sqrt()
        unit, c, s = axis / angle, torch.cos(angle), torch.sin(angle)
        far = x * c + torch.linalg.cross(unit, x) * s + unit * (unit @ x) * (1 - c)
        return torch.where(square == 0, x + torch.linalg.cross(axis, x), far)

    def error(camera: Tensor, point: Tensor, weight: Tensor, feature: Tensor) -> Tensor:
        seen = turned(camera[:3], point - camera[3:6])
        flat = seen[:2] / seen[2]
        square = flat.square().sum()
        bent = flat * (1 + camera[9] * square + camera[10] * square**2)
        return weight * (bent * camera[6] + camera[7:9] - feature)

    def value() -> list[Tensor]:
        return [vmap(error)(cams[obs[:, 0]], points[obs[:, 1]], w, feats), 1 - w**2]

    def derivative() -> list[Tensor]:
        found = vmap(jacrev(error, (0, 1, 2)))(cams[obs[:, 0]], points[obs[:, 1]], w, feats)
        rows = torch.cat([found[0], found[1], found[2][..., None]], 2)
        assert rows.shape[2] == CAMERA + 4
        return [torch.cat([rows.flatten(), -2 * w])]

    return {"value": value, "derivative": derivative}


# A hand


def ht(arrays: Arrays) -> Runs:
    theta, us, points, belongs, triangles = tensors(arrays, "theta us points belongs triangles")
    relatives, inverses, positions, weights = tensors(
        arrays, "relatives inverses positions weights"
    )
    posed = partial(skinned, arrays["parents"], relatives, inverses, positions, weights)

    def simple(theta: Tensor) -> Tensor:
        return points - posed(theta)[belongs]

    def complicated(theta: Tensor, us: Tensor) -> Tensor:
        a, b, c = posed(theta)[triangles[belongs]].unbind(1)
        u, v = us[:, :1], us[:, 1:]
        return points - (u * a + v * b + (1 - u - v) * c)

    def derivative() -> list[Tensor]:
        by_theta = jacfwd(complicated)(theta, us)
        directions = torch.eye(2, dtype=us.dtype)  # each point's own, all at once
        moved = [jvp(partial(complicated, theta), (us,), (e.expand_as(us),))[1] for e in directions]
        return [torch.cat([torch.stack(moved, 2), by_theta], 2)]

    if len(us):
        return {"value": lambda: [complicated(theta, us)], "derivative": derivative}
    return {"value": lambda: [simple(theta)], "derivative": lambda: [jacfwd(simple)(theta)]}


def skinned(
    parents: np.ndarray, relatives: Tensor, inverses: Tensor, positions: Tensor, weights: Tensor,
    theta: Tensor,
) -> Tensor:  # fmt: skip
    """Where a pose has the vertices."""
    bends = list(torch.zeros(len(parents), 3, dtype=theta.dtype))
    for finger, own in enumerate(theta[6:ANGLES].reshape(5, 4)):
        zero = torch.zeros_like(own[0])
        first = 2 + 4 * finger
        bends[first] = torch.stack([own[0], own[1], zero])
        bends[first + 1] = torch.stack([own[2], zero, zero])
        bends[first + 2] = torch.stack([own[3], zero, zero])
    absolutes: list[Tensor] = []
    for relative, bend, parent in zip(relatives, bends, parents, strict=True):
        own = relative @ bent(bend)
        absolutes.append(own if parent < 0 else absolutes[parent] @ own)
    moves = torch.stack(absolutes) @ inverses
    placed = torch.einsum("bij,vj,vb->vi", moves[:, :3], positions, weights)
    return placed @ about(theta[:3]).T + theta[3:6]


def bent(angles: Tensor) -> Tensor:
    """The 4 × 4 matrix of a bone's angles about x, z and y."""
    (cx, cz, cy), (sx, sz, sy) = torch.cos(angles), torch.sin(angles)
    o, one = torch.zeros_like(cx), torch.ones_like(cx)
    about_x = [one, o, o, o, cx, -sx, o, sx, cx]
    about_y = [cy, o, -sy, o, one, o, sy, o, cy]
    about_z = [cz, -sz, o, sz, cz, o, o, o, one]
    x, y, z = (torch.stack(m).reshape(3, 3) for m in (about_x, about_y, about_z))
    corner = torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=x.dtype)
    return torch.cat([torch.cat([z @ y @ x, corner[:, :3].T], 1), corner])


def about(axis: Tensor) -> Tensor:
    """The matrix that turns about an axis by its length."""
    angle = axis.square().sum().sqrt()
    if angle < 1e-4:
        return torch.eye(3, dtype=axis.dtype)
    (x, y, z), o = axis / angle, torch.zeros_like(angle)
    across = torch.stack([o, -z, y, z, o, -x, -y, x, o]).reshape(3, 3)
    return torch.matrix_exp(angle * across)


# Small ones


def ode(arrays: Arrays) -> Runs:
    (x,), steps = tensors(arrays, "x"), int(arrays["s"])
    h, one = END / steps, x.new_ones(1)

    def slope(x: Tensor, y: Tensor) -> Tensor:
        return x * torch.cat([one, y[:-1]])

    def end(x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        for _ in range(steps):
            k1 = slope(x, y)
            k2 = slope(x, y + h / 2 * k1)
            k3 = slope(x, y + h / 2 * k2)
            k4 = slope(x, y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y

    return value_and_gradient(lambda x: end(x)[-1], x) | {"value": lambda: end(x)}


def lse(arrays: Arrays) -> Runs:
    def f(x: Tensor) -> Tensor:
        top = torch.max(x)
        return top + torch.log(torch.sum(torch.exp(x - top)))

    return value_and_gradient(f, *tensors(arrays, "x"))


def llsq(arrays: Arrays) -> Runs:
    (x,), n = tensors(arrays, "x"), int(arrays["n"])
    t = torch.linspace(-1, 1, n, dtype=x.dtype)

    def f(x: Tensor) -> Tensor:
        powers = torch.linalg.vander(t, N=len(x))
        return (torch.sign(t) - powers @ x).square().sum() / 2

    return value_and_gradient(f, x)


def det(arrays: Arrays) -> Runs:
    (A,) = tensors(arrays, "A")
    n = len(A)
    tables = [tuple(map(torch.from_numpy, expansion(n, k))) for k in range(2, n + 1)]
    signs = [torch.tensor(np.resize([1.0, -1.0], k)) for k in range(2, n + 1)]

    def f(A: Tensor) -> Tensor:
        minors = A[-1]
        for k, ((columns, smaller), sign) in enumerate(zip(tables, signs, strict=True), 2):
            minors = (sign * A[n - k][columns] * minors[smaller]).sum(1)
        return minors[0]

    return value_and_gradient(f, A)


# Descent within descent


def slope(cost: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The gradient of a cost; its own gradient can be taken where gradients are being kept."""
    kept = torch.is_grad_enabled()
    with torch.enable_grad():
        x = x.clone() if x.requires_grad else x.clone().requires_grad_()
        (found,) = torch.autograd.grad(cost(x), x, create_graph=kept)
    return found


def argmin(cost: Callable[[Tensor], Tensor], x: Tensor, rate: float) -> Tensor:
    """Where gradient descent from x ends, its first steps at `rate`."""
    fx, gx, count = cost(x), slope(cost, x), 0
    while length(gx) > NEAR:
        if count == 10:
            rate, count = 2 * rate, 0
            continue
        new = x - rate * gx
        if length(new - x) <= NEAR:
            break
        f_new = cost(new)
        if f_new < fx:
            x, fx, gx, count = new, f_new, slope(cost, new), count + 1
        else:
            rate, count = rate / 2, 0
    return x


def length(x: Tensor) -> Tensor:
    return x.square().sum().sqrt()


def by_modes(call: Callable[[], Any]) -> Runs:
    """One function for each pair of modes: reverse mode within itself, which is the fastest."""
    return dict.fromkeys((o + i for o in SLOPES for i in SLOPES), torch.no_grad()(call))


def saddle(arrays: Arrays) -> Runs:
    (start,), rate = tensors(arrays, "start"), float(arrays["rate"])

    def height(x: Tensor, y: Tensor) -> Tensor:
        return x.square().sum() - y.square().sum()

    def highest(x: Tensor) -> Tensor:
        return height(x, argmin(lambda y: -height(x, y), start, rate))

    def point() -> Tensor:
        x = argmin(highest, start, rate)
        return torch.cat([x, argmin(lambda y: -height(x, y), start, rate)])

    return by_modes(point)


def particle(arrays: Arrays) -> Runs:
    (start,), rate, tick = tensors(arrays, "start"), float(arrays["rate"]), float(arrays["tick"])
    ten, fixed = start.new_tensor([10.0]), start.new_tensor([10.0, 0.0])

    def miss(w: Tensor) -> Tensor:
        charges = torch.cat([ten, 10 - w]), fixed
        x, v = start.new_tensor([0.0, 8.0]), start.new_tensor([0.75, 0.0])
        while (new := x + tick * v)[1] > 0:
            x, v = new, v - tick * slope(lambda x: sum(1 / length(x - c) for c in charges), x)
        return (x[0] - x[1] / v[1] * v[0]) ** 2

    return by_modes(lambda: argmin(miss, start, rate))


REFERENCES: dict[str, Callable[[Arrays], Runs]] = {
    "gmm": gmm,
    "lstm": lstm,
    "ba": ba,
    "ht simple": ht,
    "ht complicated": ht,
    "ode": ode,
    "lse": lse,
    "llsq": llsq,
    "det": det,
    "saddle": saddle,
    "particle": particle,
}
