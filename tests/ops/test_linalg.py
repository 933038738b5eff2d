"""Linear algebra beyond its samples: matrices that fail, equal eigenvalues, large matrices, what
forward and backward share, what is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gr
from graphc.errors import GraphcError, ShapeError, UsageError
from graphc.graph import Graph, Node
from graphc.interpret import evaluate

SINGULAR = [[1.0, 2.0], [2.0, 4.0]]
UNIT = [[1.0, 0.0], [0.0, 1.0]]


def evaluated(build: Any, *arrays: Any) -> Any:
    """The value of what is built from inputs of these arrays."""
    g = Graph("g")
    inputs = [g.input(f"x{i}", np.shape(a)) for i, a in enumerate(arrays)]
    made = build(*inputs)
    nodes = [made] if isinstance(made, Node) else list(made)
    values = evaluate(nodes, dict(zip(inputs, map(np.asarray, arrays), strict=True)))
    found = [values[n] for n in nodes]
    return found[0] if isinstance(made, Node) else found


def slope(build: Any, *arrays: Any) -> np.ndarray:
    """The gradient of a scalar at the first of these arrays."""
    return evaluated(lambda *xs: gr.grad(build(*xs), xs[0]), *arrays)


@pytest.mark.parametrize("jit", [False, True])
def test_one_bad_matrix_of_a_stack_gives_nan_and_spares_the_others(jit: bool) -> None:
    g = Graph("stack")
    a = g.input("a", ("batch", 2, 2))
    bad = [gr.inv(a), gr.solve(a, np.ones(2)), gr.cholesky(a), gr.lstsq(a, np.ones((2, 1)))[0]]
    bad.append(gr.solve_triangular(a, np.ones((2, 1))))
    stack = np.array([UNIT, [[0, 0], [1, 0]], [[np.nan, 1], [1, 1]]])
    with np.errstate(all="ignore"):
        for found in gr.compile(bad, jit=jit)(a=stack):
            assert np.isfinite(found[0]).all()
            assert np.isnan(found[1]).all()
            assert np.isnan(found[2]).any()


def test_interpreter_gives_nan_where_numpy_raises() -> None:
    a = np.array([UNIT, SINGULAR, [[np.nan, 1], [1, 1]]])
    for function in (gr.inv, lambda x: gr.eigh(x)[1], gr.svdvals):
        found = evaluated(function, a)
        assert np.isfinite(found[0]).all()
        assert np.isnan(found[2]).all()
    assert np.isnan(evaluated(gr.inv, a)[1]).all()


def test_debug_finds_the_matrix_that_is_singular() -> None:
    g = Graph("debug")
    a = g.input("a", (2, 2))
    program = gr.compile(gr.sum(gr.inv(a).named("inverse")), debug="nan", jit=False)
    with pytest.raises(gr.GraphcError, match="inverse"):
        program(a=SINGULAR)


def test_determinant_of_a_singular_matrix_has_its_cofactors_as_gradient() -> None:
    assert slope(gr.det, SINGULAR) == pytest.approx(np.array([[4.0, -2.0], [-2.0, 1.0]]))
    assert slope(gr.det, np.zeros((2, 2))) == pytest.approx(np.zeros((2, 2)))
    twice = slope(lambda a: gr.grad(gr.det(a), a)[0, 0], np.zeros((2, 2)))
    assert twice == pytest.approx(np.array([[0.0, 0.0], [0.0, 1.0]]))


def test_equal_values_have_gradients_and_their_vectors_have_none() -> None:
    a = np.diag([2.0, 2.0, 5.0])
    for values in (gr.eigvalsh, gr.svdvals, lambda a: gr.eigh(a)[0], lambda a: gr.svd(a)[1]):
        found = slope(lambda a, f=values: gr.sum(f(a) ** 3), a)
        assert found == pytest.approx(3 * a @ a)
    for vectors in (lambda a: gr.eigh(a)[1], lambda a: gr.svd(a)[0]):
        assert not np.isfinite(slope(lambda a, f=vectors: gr.sum(f(a)[0]), a)).all()


def test_forward_and_backward_share_one_factorisation() -> None:
    g = Graph("shared")
    a, b = g.input("a", (4, 4)), g.input("b", (4, 1))
    logs = gr.sum(gr.solve(a, b)) + gr.slogdet(a).logabsdet
    program = gr.compile(logs, wrt=[a, b], jit=False)
    assert program.source("forward").count(" lu(") == 1
    assert program.source("backward").count(" lu(") == 0


def test_gradient_of_a_symmetric_matrix_is_symmetric() -> None:
    a = np.array([[4.0, 9.0, 9.0], [1.0, 3.0, 9.0], [0.5, 0.2, 5.0]])
    for function in (gr.cholesky, lambda a: gr.eigh(a)[1], gr.eigvalsh):
        found = slope(lambda a, f=function: gr.sum(gr.sin(f(a))), a)
        assert found == pytest.approx(found.T)
        mirrored = np.tril(a) + np.tril(a, -1).T
        assert found == pytest.approx(slope(lambda a, f=function: gr.sum(gr.sin(f(a))), mirrored))


def test_either_triangle_may_be_read() -> None:
    a = np.array([[4.0, 1.0], [9.0, 3.0]])
    wanted = np.array([[4.0, 1.0], [1.0, 3.0]])
    assert evaluated(lambda x: gr.eigvalsh(x, UPLO="U"), a) == pytest.approx(
        np.linalg.eigvalsh(wanted)
    )
    upper = evaluated(lambda x: gr.cholesky(x, upper=True), a)
    assert upper.T @ upper == pytest.approx(wanted)


def test_large_matrices_are_numpys() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((70, 70)), rng.standard_normal((90, 40))
    whole = x @ x.T
    g = Graph("large")
    a, b, c = g.input("a", x.shape), g.input("b", y.shape), g.input("c", x.shape)
    built = [*gr.eigh(c), *gr.qr(b), *gr.svd(b, full_matrices=False), gr.slogdet(a)[1]]
    built += [gr.solve(a, b[:70]), gr.cholesky(c), gr.expm(a / 20)]
    w, v, q, r, u, s, vh, size, solved, factor, exponential = gr.compile(built)(a=x, b=y, c=whole)
    pairs = [(v * w @ v.T, whole), (q @ r, y), ((u * s) @ vh, y), (x @ solved, y[:70])]
    pairs += [(factor @ factor.T, whole), (size, np.linalg.slogdet(x)[1])]
    pairs += [(exponential, evaluated(gr.expm, x / 20)), (s, np.linalg.svdvals(y))]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_tangents_and_stacks_go_through() -> None:
    rng = np.random.default_rng(0)
    x, d = rng.standard_normal((2, 3, 3))

    def both(a: Node, t: Node) -> list[Node]:
        return [gr.jvp(gr.inv(a), a, t), gr.jvp(gr.eigvalsh(a + a.T), a, t)]

    inverse = np.linalg.inv(x)
    _, v = np.linalg.eigh(x + x.T)
    first, second = evaluated(both, x, d)
    assert first == pytest.approx(-inverse @ d @ inverse)
    assert second == pytest.approx(np.diag(v.T @ (d + d.T) @ v))


def test_every_matrix_of_a_stack_is_solved_for_its_own_right_side() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((5, 3, 3)), rng.standard_normal((5, 3))
    found = evaluated(lambda a, b: gr.vmap(gr.solve)(a, b), a, b)
    assert found == pytest.approx(np.linalg.solve(a, b[..., None])[..., 0])


def test_numpys_functions_build_the_graph() -> None:
    found = evaluated(lambda a: np.linalg.solve(a, np.ones(2)) + np.linalg.det(a), np.eye(2) * 2)
    assert found == pytest.approx(np.array([4.5, 4.5]))
    assert isinstance(Graph("g").input("a", (2, 2)).graph.nodes[0], Node)


def test_the_module_has_numpys_names() -> None:
    apart = {"LinAlgError", "eig", "eigvals", "linalg"}
    theirs = {name for name in np.linalg.__all__ if name not in apart}
    assert theirs <= set(gr.linalg.__all__)
    for name in gr.linalg.__all__:
        assert callable(getattr(gr.linalg, name))
    stack = np.arange(8.0).reshape(2, 2, 2)
    assert evaluated(gr.linalg.trace, stack).tolist() == [3, 11]
    assert evaluated(gr.linalg.diagonal, stack).tolist() == [[0, 3], [4, 7]]
    assert evaluated(gr.linalg.cond, UNIT) == pytest.approx(1)


REFUSED: list[tuple[Any, type[GraphcError], str]] = [
    (lambda a: gr.inv(a), ShapeError, r"a square matrix is wanted, not shape \(3, 2\)"),
    (lambda a: gr.det(a[0]), ShapeError, r"two axes or more, not shape \(2,\)"),
    (lambda a: gr.solve(a.T @ a, a), ShapeError, r"\(2, 2\) and \(3, 2\) do not fit: n is 2 and 3"),
    (lambda a: gr.qr(a, mode="raw"), UsageError, "'reduced', 'complete' or 'r', not 'raw'"),
    (lambda a: gr.eigh(a.T @ a, UPLO="X"), UsageError, "'L' or 'U', not 'X'"),
    (lambda a: gr.matrix_power(a.T @ a, 0.5), UsageError, "a whole number, not 0.5"),
    (lambda a: gr.grad(gr.sum(gr.qr(a, "complete").Q), a), UsageError, "is not unique"),
]


@pytest.mark.parametrize(("build", "error", "text"), REFUSED)
def test_what_has_no_meaning_is_refused(build: Any, error: type[GraphcError], text: str) -> None:
    with pytest.raises(error, match=text):
        build(Graph("g").input("a", (3, 2)))


def test_sizes_of_a_factorised_matrix_are_literal() -> None:
    a = Graph("g").input("a", ("rows", 2))
    for function in (gr.qr, gr.svd, gr.pinv):
        with pytest.raises(ShapeError, match=r"literal here, not \(rows, 2\)"):
            function(a)
