"""A user's FILE.npz in, float32 rows and labels 0..k-1 out, training and test apart.

What is wrong with a file is found here, before a network is compiled for it; nothing is unpickled.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from graphc.errors import DataError

IMAGES = ("x", "X", "images", "x_train")
LABELS = ("y", "t", "labels", "y_train")

# What numpy and zipfile raise for a file that is no .npz, or a damaged, encrypted or pickled one.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


_WRITE = "np.savez(file, x=images, y=labels) writes one; neither may hold objects"


class Dataset(NamedTuple):
    """Rows to train on and to test on: x float32 (n, features), y unsigned (n,) in 0..classes-1.

    `scale` is what the file's numbers were divided by; new images have to be divided by it too.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    scale: float = 1.0

    @property
    def features(self) -> int:
        """The length of a row."""
        return self.x_train.shape[1]

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.y_train.max()) + 1


def load_npz(path: str | os.PathLike[str], test: int | float = 0.2, seed: int = 0) -> Dataset:
    """Reads the images and the labels that the file holds under a name in IMAGES and in LABELS.

    Images of any shape (n, ...) are flattened; uint8 and uint16 are divided by 255 and 65535, other
    integers by the largest magnitude in the training images. Labels are 0..k-1, each of them there.
    Where the file has no x_test and y_test, `test` rows (a count, or a fraction) are held back, and
    `seed` chooses which. Raises DataError, a ValueError, that names the file and what is wrong.
    """
    file = os.fspath(path)
    try:
        return _dataset(_arrays(file), test, seed)
    except DataError as error:
        raise error.about(file) from error.__cause__


def held_out(labels: np.ndarray, test: int | float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws the rows to train on and those to test on, in random order, every class in proportion.

    `test` is a number of rows, or a fraction of them when it is a float.
    Raises DataError when no row is left to train on.
    """
    rows = len(labels)
    count = test if isinstance(test, int) else round(test * rows)
    if not 0 <= count < rows:
        hint = "test= takes a number of rows, or a fraction below 1.0"
        raise DataError(f"of {rows} rows, {count} cannot be held back for the test", hint=hint)
    random = np.random.default_rng(seed)
    order = random.permutation(rows)
    by_class = order[np.argsort(labels[order], kind="stable")]
    tested = np.zeros(rows, dtype=bool)
    # Evenly spaced through the rows sorted by class: each gives its share, to within one row.
    tested[by_class[np.arange(count) * rows // max(count, 1)]] = True
    return order[~tested[order]], order[tested[order]]


def _arrays(file: str) -> dict[str, np.ndarray]:
    """Every array of the file that this module knows by name."""
    known = {*IMAGES, *LABELS, "x_test", "y_test"}
    try:
        with open(file, "rb") as opened:
            archive = np.load(opened, allow_pickle=False)
            names = getattr(archive, "files", None)
            found = {name: _array(archive, name) for name in names or () if name in known}
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError("there is no such file") from error
    except _UNREADABLE as error:
        raise DataError("this is not an .npz file that can be read", hint=_WRITE) from error
    if names is None:
        raise DataError("this is a single array, not an .npz file", hint=_WRITE)
    if not found:
        held = ", ".join(map(repr, names[:8])) or "nothing"
        raise DataError(f"the file holds {held} and none of the known names", hint=_WRITE)
    return found


def _array(archive: Mapping[str, Any], name: str) -> np.ndarray:
    """One array of the file; objects would have to be unpickled, which could run code."""
    try:
        array = archive[name]
    except _UNREADABLE as error:
        sentence = f"{name!r} cannot be read: it is damaged, or an array of objects"
        raise DataError(sentence, hint=_WRITE) from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{name!r} is not an array", hint=_WRITE)
    return array


def _dataset(arrays: dict[str, np.ndarray], test: int | float, seed: int) -> Dataset:
    """Checks the arrays against each other and puts them into the form that a step takes."""
    images, labels = _only(arrays, IMAGES, "images"), _only(arrays, LABELS, "labels")
    _check_rows(images, arrays[images], labels, arrays[labels])
    y = _labels(labels, arrays[labels])
    scale = _scale(arrays[images])
    x = _rows(images, arrays[images], scale)
    if "x_test" not in arrays and "y_test" not in arrays:
        train, held = held_out(y, test, seed)
        return Dataset(x[train], y[train], x[held], y[held], scale)
    _check_test(arrays, images, int(y.max()) + 1)
    x_test = _rows("x_test", arrays["x_test"], scale)
    return Dataset(x, y, x_test, arrays["y_test"].astype(y.dtype), scale)


def _only(arrays: dict[str, np.ndarray], names: tuple[str, ...], what: str) -> str:
    """The one name among `names` that the file uses."""
    used = [name for name in names if name in arrays]
    if len(used) == 1:
        return used[0]
    hint = f"name the {what} one of {', '.join(names)}"
    if used:
        raise DataError(f"{' and '.join(map(repr, used))} could both be the {what}", hint=hint)
    raise DataError(f"the file holds no array of {what}", hint=hint)


def _check_rows(x_name: str, x: np.ndarray, y_name: str, y: np.ndarray) -> None:
    """Raises unless there is one label for each image, and something in each image."""
    if y.ndim != 1:
        hint = "one integer for each image: np.argmax(labels, axis=1) makes them from one-hot rows"
        raise DataError(f"{y_name!r} has shape {y.shape} but labels have one axis", hint=hint)
    if x.ndim == 0 or x.size == 0:
        hint = "the first axis of the images counts them"
        raise DataError(f"{x_name!r} has shape {x.shape} and holds no images", hint=hint)
    if len(x) != len(y):
        hint = "the first axis of the images counts them, and there is one label for each"
        sentence = f"{x_name!r} has {len(x)} rows but {y_name!r} has {len(y)}"
        raise DataError(sentence, hint=hint)


def _check_test(arrays: dict[str, np.ndarray], images: str, classes: int) -> None:
    """Raises unless the file's own test rows are of the same make as its training rows."""
    for name, other in (("x_test", "y_test"), ("y_test", "x_test")):
        if name not in arrays:
            raise DataError(f"there is {other!r} but no {name!r}", hint="give both, or neither")
    x, y, train = arrays["x_test"], arrays["y_test"], arrays[images]
    _check_rows("x_test", x, "y_test", y)
    _check_integers("y_test", y)
    if x.dtype != train.dtype or x.shape[1:] != train.shape[1:]:
        sentence = (
            f"'x_test' holds {x.dtype} of shape {x.shape[1:]} "
            f"but {images!r} holds {train.dtype} of shape {train.shape[1:]}"
        )
        raise DataError(sentence, hint="save both with one dtype and one shape of row")
    if (y >= classes).any():
        row = int(np.argmax(y >= classes))
        hint = f"the training labels know the classes 0 to {classes - 1}"
        raise DataError(f"'y_test'[{row}] is a class that was never trained", hint=hint)


def _check_integers(name: str, labels: np.ndarray) -> None:
    """Raises unless every label is a whole number from 0 up."""
    if labels.dtype.kind not in "biuf":
        hint = "np.unique(labels, return_inverse=True)[1] numbers any labels"
        raise DataError(f"{name!r} holds {labels.dtype}, not numbers", hint=hint)
    hint = "labels count the classes: 0, 1, 2, ..."
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        row = int(np.argmax(labels != np.floor(labels)))
        raise DataError(f"{name!r}[{row}] is not a whole number", hint=hint)
    if labels.dtype.kind in "if" and (labels < 0).any():
        raise DataError(f"{name!r}[{int(np.argmax(labels < 0))}] is negative", hint=hint)


def _labels(name: str, labels: np.ndarray) -> np.ndarray:
    """The labels as the smallest unsigned integers that hold them."""
    _check_integers(name, labels)
    classes = np.unique(labels)
    gaps = np.flatnonzero(classes != np.arange(len(classes)))
    if len(gaps):
        sentence = f"{name!r} has {len(classes)} classes, but not class {gaps[0]}"
        hint = f"number them from 0 without gaps: np.unique({name}, return_inverse=True)[1]"
        raise DataError(sentence, hint=hint)
    return labels.astype(np.min_scalar_type(len(classes) - 1))


def _scale(images: np.ndarray) -> float:
    """What integer images are divided by, so that they lie between -1 and 1; 1 for floats."""
    if images.dtype in (np.uint8, np.uint16):
        return float(np.iinfo(images.dtype).max)
    if images.dtype.kind not in "iu":
        return 1.0
    return max(abs(float(images.min())), abs(float(images.max())), 1.0)


def _rows(name: str, images: np.ndarray, scale: float) -> np.ndarray:
    """The images as float32 rows, divided by `scale`."""
    if images.dtype.kind not in "biuf":
        hint = "images are arrays of integers, floats or booleans"
        raise DataError(f"{name!r} holds {images.dtype}, not numbers", hint=hint)
    with np.errstate(over="ignore"):
        rows = images.reshape(len(images), -1).astype(np.float32) / np.float32(scale)
    if not np.isfinite(rows).all():
        row = int(np.argmin(np.isfinite(rows).all(axis=1)))
        hint = "leave the row out, or fill the gap with np.nan_to_num"
        raise DataError(f"{name!r}[{row}] holds nan, infinity or more than float32 can", hint=hint)
    return rows
