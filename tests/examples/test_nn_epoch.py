"""`nn_epoch` trains as NumPy does, in place, and compiles once."""

import warnings

import numpy as np
import pytest
from differences import differences

from examples import nn_epoch as example
from examples.nn_epoch import in_numpy, nn_epoch
from graphc.errors import RecompileWarning

NAMES = ("X", "y", "W1", "W2")


def small(rows: int = 23, dtype: str = "float64") -> list[np.ndarray]:
    """A net of 6, 5 and 3 units and its rows."""
    rng = np.random.default_rng(0)
    X, W1, W2 = (rng.standard_normal(s).astype(dtype) for s in ((rows, 6), (6, 5), (5, 3)))
    return [X, rng.integers(0, 3, rows), W1, W2]


def test_epoch_leaves_the_weights_that_numpy_leaves():
    X, y, W1, W2 = example.data(500)
    V1, V2 = W1.copy(), W2.copy()
    assert nn_epoch(X, y, W1, W2) is None
    in_numpy(X, y, V1, V2)
    assert abs(W1 - example.data(500)[2]).max() > 1e-3
    np.testing.assert_allclose(W1, V1, atol=2e-6)
    np.testing.assert_allclose(W2, V2, atol=2e-6)


def test_smaller_last_batch_is_divided_by_its_own_size():
    X, y, W1, W2 = small()
    V1, V2 = W1.copy(), W2.copy()
    for _ in range(2):
        nn_epoch(X, y, W1, W2, lr=0.3, batch=10)
        in_numpy(X, y, V1, V2, lr=0.3, batch=10)
    np.testing.assert_allclose(W1, V1, rtol=1e-12)
    np.testing.assert_allclose(W2, V2, rtol=1e-12)


def loss(values: dict[str, np.ndarray]) -> float:
    """The mean cross-entropy of the net, in NumPy."""
    scores = np.maximum(0, values["X"] @ values["W1"]) @ values["W2"]
    own = scores[np.arange(len(scores)), values["y"]]
    return float(np.mean(np.log(np.exp(scores).sum(axis=1)) - own))


@pytest.mark.parametrize("name", ["W1", "W2"])
def test_change_of_the_weights_at_lr_1_is_the_numerical_gradient(name):
    before = dict(zip(NAMES, small(rows=10), strict=True))
    after = {key: array.copy() for key, array in before.items()}
    nn_epoch(**after, lr=1.0, batch=10)
    expected = differences(loss, before, name)
    np.testing.assert_allclose(before[name] - after[name], expected, atol=1e-8)


def test_another_rate_batch_or_number_of_rows_compiles_nothing():
    X, y, W1, W2 = small()
    with warnings.catch_warnings():
        warnings.simplefilter("error", RecompileWarning)
        nn_epoch(X, y, W1, W2, batch=10)
        nn_epoch(X, y, W1, W2, lr=0.01, batch=10)
        nn_epoch(X[:15], y[:15], W1, W2, batch=4)


def test_larger_batch_compiles_once_more_and_says_so():
    X, y, W1, W2 = small()
    nn_epoch(X, y, W1, W2, batch=10)
    with pytest.warns(RecompileWarning, match="batch grew from 10 to 20"):
        nn_epoch(X, y, W1, W2, batch=20)
    nn_epoch(X, y, W1, W2, batch=19)
