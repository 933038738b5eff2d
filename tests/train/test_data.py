"""The digits that come with graphc and a user's FILE.npz: what is read, what is refused and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.errors import DataError
from graphc.train import digits
from graphc.train.data import Dataset, held_out, load_npz

WRITE = "np.savez(file, x=images, y=labels) writes one; neither may hold objects"


def saved(folder: Path, **arrays: Any) -> Path:
    """A FILE.npz of these arrays."""
    path = folder / "own.npz"
    np.savez(path, **arrays)
    return path


def six(**arrays: Any) -> dict[str, Any]:
    """Six rows of two features in three classes, with these arrays in place of its own."""
    return {"x": np.arange(12.0).reshape(6, 2), "y": np.array([0, 1, 2, 0, 1, 2]), **arrays}


def complaint(path: Path) -> str:
    """What load_npz says about a file, its path shortened to its name."""
    with pytest.raises(DataError) as caught:
        load_npz(path)
    return str(caught.value).replace(str(path), path.name)


def test_digits_are_the_1797_of_the_repository() -> None:
    data = digits.load()
    assert data["images"].shape == (1797, 64)
    assert data["images"].dtype == data["labels"].dtype == np.uint8
    assert data["images"].max() == 16
    # The class counts that the repository states for its test set.
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(data["labels"]).tolist() == counts


def test_first_digit_is_a_zero_with_a_hole_in_it() -> None:
    data = digits.load()
    assert data["labels"][0] == 0
    assert data["images"][0].reshape(8, 8)[4].tolist() == [0, 5, 8, 0, 0, 9, 8, 0]


def test_split_gives_every_digit_to_exactly_one_side() -> None:
    data = digits.split(test=360)
    assert data.x_train.shape == (1437, 64)
    assert data.x_test.shape == (360, 64)
    rows = np.concatenate([data.x_train, data.x_test]) * data.scale
    whole = digits.load()["images"]
    assert np.array_equal(np.unique(rows, axis=0), np.unique(whole, axis=0))


def test_split_scales_images_to_one_and_keeps_labels_small() -> None:
    data = digits.split()
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert data.y_train.dtype == data.y_test.dtype == np.uint8
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
    assert (data.features, data.classes, data.scale) == (64, 10, 16)


def test_split_holds_every_class_back_in_proportion() -> None:
    share = np.bincount(digits.load()["labels"]) * 360 / 1797
    assert np.abs(np.bincount(digits.split(test=360).y_test) - share).max() < 1


def test_split_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    assert np.array_equal(digits.split(seed=1).x_train, digits.split(seed=1).x_train)
    assert not np.array_equal(digits.split(seed=1).x_train, digits.split(seed=2).x_train)


def test_rows_come_shuffled_not_sorted_by_class() -> None:
    data = digits.split()
    assert len(set(data.y_train[:40].tolist())) > 5
    assert len(set(data.y_test[:40].tolist())) > 5


def test_fraction_and_count_hold_back_the_same_rows() -> None:
    assert len(digits.split(test=0.25).y_test) == 449
    assert len(digits.split(test=0).y_test) == 0


@pytest.mark.parametrize(("test", "count"), [(6, 6), (1.0, 6), (-1, -1), (7, 7)])
def test_a_split_that_leaves_nothing_to_train_on_is_refused(test: float, count: int) -> None:
    with pytest.raises(DataError) as caught:
        held_out(np.zeros(6, dtype=np.uint8), test, seed=0)
    assert str(caught.value) == (
        f"[G701] of 6 rows, {count} cannot be held back for the test\n"
        "  hint: test= takes a number of rows, or a fraction below 1.0"
    )


@pytest.mark.parametrize("x", ["x", "X", "images", "x_train"])
@pytest.mark.parametrize("y", ["y", "t", "labels", "y_train"])
def test_file_is_read_under_each_of_the_names(tmp_path: Path, x: str, y: str) -> None:
    own = six()
    data = load_npz(saved(tmp_path, **{x: own["x"], y: own["y"]}), test=2)
    assert (data.x_train.shape, data.x_test.shape) == ((4, 2), (2, 2))


def test_rows_keep_their_labels(tmp_path: Path) -> None:
    labels = np.arange(40) % 4
    data = load_npz(saved(tmp_path, x=labels * 10.0, y=labels), test=0.25)
    assert np.array_equal(data.x_train[:, 0], data.y_train * 10.0)
    assert np.array_equal(data.x_test[:, 0], data.y_test * 10.0)


def test_images_are_flattened_and_bytes_divided_by_255(tmp_path: Path) -> None:
    images = np.full((6, 2, 3), 51, dtype=np.uint8)
    data = load_npz(saved(tmp_path, **six(x=images)), test=0)
    assert data.x_train.dtype == np.float32
    assert np.array_equal(data.x_train, np.full((6, 6), 0.2, dtype=np.float32))
    assert data.scale == 255


@pytest.mark.parametrize(
    ("dtype", "scale"), [("uint16", 65535), ("int64", 11), ("int8", 11), ("bool", 1), ("f8", 1)]
)
def test_each_element_type_has_its_scale(tmp_path: Path, dtype: str, scale: float) -> None:
    images = np.arange(12).reshape(6, 2).astype(dtype)
    data = load_npz(saved(tmp_path, **six(x=images)), test=0)
    assert data.scale == scale
    assert data.x_train.max() == np.float32(images.max()) / np.float32(scale)


def test_all_zero_integers_are_not_divided_by_zero(tmp_path: Path) -> None:
    assert load_npz(saved(tmp_path, **six(x=np.zeros((6, 2), dtype=int)))).scale == 1


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float32", "float64"])
def test_labels_of_any_type_become_small_unsigned_integers(tmp_path: Path, dtype: str) -> None:
    labels = np.array([0, 1, 0, 1, 0, 1]).astype(dtype)
    data = load_npz(saved(tmp_path, **six(y=labels)), test=0)
    assert data.y_train.dtype == np.uint8
    assert data.classes == 2


def test_a_file_with_test_rows_of_its_own_is_not_split(tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.uint8).reshape(6, 2)
    own = saved(tmp_path, x_train=x, y_train=six()["y"], x_test=x[:2], y_test=np.array([2, 0]))
    data = load_npz(own)
    assert np.array_equal(data.x_train, (x / np.float32(255)).astype(np.float32))
    assert np.array_equal(data.x_test, data.x_train[:2])
    assert data.y_test.tolist() == [2, 0]


def test_dataset_unpacks_into_its_four_arrays(tmp_path: Path) -> None:
    x_train, y_train, x_test, y_test, _ = load_npz(saved(tmp_path, **six()))
    assert len(x_train) == len(y_train)
    assert len(x_test) == len(y_test)
    assert Dataset(x_train, y_train, x_test, y_test).scale == 1


def test_missing_file_is_named(tmp_path: Path) -> None:
    assert complaint(tmp_path / "gone.npz") == "[G701] gone.npz: there is no such file"


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"PK\x03\x04 and then nothing"])
def test_what_is_no_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    sentence = "[G701] own.npz: this is not an .npz file that can be read"
    assert complaint(path) == f"{sentence}\n  hint: {WRITE}"


def test_folder_is_refused(tmp_path: Path) -> None:
    assert "this is not an .npz file that can be read" in complaint(tmp_path)


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, **six())
    path.write_bytes(path.read_bytes()[:-40])
    assert "this is not an .npz file that can be read" in complaint(path)


def test_damaged_array_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path, **six())
    content = bytearray(path.read_bytes())
    content[content.index(b"NUMPY") + 150] ^= 1
    path.write_bytes(bytes(content))
    sentence = "[G701] own.npz: 'x' cannot be read: it is damaged, or an array of objects"
    assert complaint(path) == f"{sentence}\n  hint: {WRITE}"


def test_single_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.npy"
    np.save(path, np.zeros(3))
    sentence = "[G701] own.npy: this is a single array, not an .npz file"
    assert complaint(path) == f"{sentence}\n  hint: {WRITE}"


class Explodes:
    """What a file could do if it were unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("the file was unpickled",)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = saved(tmp_path, **six(x=np.array([Explodes()] * 6, dtype=object)))
    sentence = "[G701] own.npz: 'x' cannot be read: it is damaged, or an array of objects"
    assert complaint(path) == f"{sentence}\n  hint: {WRITE}"


NAMES = "name the images one of x, X, images, x_train"
COUNTS = "labels count the classes: 0, 1, 2, ..."
EACH = "the first axis of the images counts them, and there is one label for each"

# fmt: off
REFUSED = [
    (dict(a=[1], b=[1]), "the file holds 'a', 'b' and none of the known names", WRITE),
    (dict(), "the file holds nothing and none of the known names", WRITE),
    (dict(y=np.zeros(6)), "the file holds no array of images", NAMES),
    (six(X=np.zeros((6, 2))), "'x' and 'X' could both be the images", NAMES),
    (six(y=np.zeros(5)), "'x' has 6 rows but 'y' has 5", EACH),
    (six(y=np.eye(6)), "'y' has shape (6, 6) but labels have one axis",
     "one integer for each image: np.argmax(labels, axis=1) makes them from one-hot rows"),
    (six(x=np.zeros((0, 2)), y=np.zeros(0)), "'x' has shape (0, 2) and holds no images",
     "the first axis of the images counts them"),
    (six(x=np.float64(1)), "'x' has shape () and holds no images",
     "the first axis of the images counts them"),
    (six(y=np.array([0, 1, -1, 0, 1, 2])), "'y'[2] is negative", COUNTS),
    (six(y=np.array([0, 1, 2, 0.5, 1, 2])), "'y'[3] is not a whole number", COUNTS),
    (six(y=np.array([0, 1, 2, 0, np.nan, 2])), "'y'[4] is not a whole number", COUNTS),
    (six(y=np.array(list("abcabc"))), "'y' holds <U1, not numbers",
     "np.unique(labels, return_inverse=True)[1] numbers any labels"),
    (six(y=np.array([1, 2, 3, 1, 2, 3])), "'y' has 3 classes, but not class 0",
     "number them from 0 without gaps: np.unique(y, return_inverse=True)[1]"),
    (six(y=np.array([0, 1, 3, 0, 1, 3])), "'y' has 3 classes, but not class 2",
     "number them from 0 without gaps: np.unique(y, return_inverse=True)[1]"),
    (six(x=np.zeros((6, 2), dtype=complex)), "'x' holds complex128, not numbers",
     "images are arrays of integers, floats or booleans"),
    (six(x=np.full((6, 2), np.nan)), "'x'[0] holds nan, infinity or more than float32 can",
     "leave the row out, or fill the gap with np.nan_to_num"),
    (six(x=np.full((6, 2), 1e300)), "'x'[0] holds nan, infinity or more than float32 can",
     "leave the row out, or fill the gap with np.nan_to_num"),
    (six(x_test=np.zeros((1, 2))), "there is 'x_test' but no 'y_test'", "give both, or neither"),
    (six(y_test=np.zeros(1)), "there is 'y_test' but no 'x_test'", "give both, or neither"),
    (six(x_test=np.zeros((1, 3)), y_test=np.zeros(1)),
     "'x_test' holds float64 of shape (3,) but 'x' holds float64 of shape (2,)",
     "save both with one dtype and one shape of row"),
    (six(x_test=np.zeros((1, 2)), y_test=np.array([3])),
     "'y_test'[0] is a class that was never trained",
     "the training labels know the classes 0 to 2"),
]
# fmt: on


@pytest.mark.parametrize(("arrays", "sentence", "hint"), REFUSED)
def test_bad_arrays_are_refused_in_one_sentence(
    tmp_path: Path, arrays: dict[str, Any], sentence: str, hint: str
) -> None:
    path = saved(tmp_path, **arrays)
    assert complaint(path) == f"[G701] own.npz: {sentence}\n  hint: {hint}"
    with pytest.raises(ValueError, match="G701"):
        load_npz(path)
