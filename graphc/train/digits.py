"""1,797 real handwritten digits of 8x8 pixels, out of a file beside this one: no download.

They are the test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak
(1998), UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, under the licence Creative
Commons Attribution 4.0 International, https://creativecommons.org/licenses/by/4.0/. Repacked here
as two uint8 arrays; the values are unchanged. A pixel counts the dark points, 0 to 16, in a 4x4
block of a 32x32 bitmap; 13 people wrote them. Introduced in C. Kaynak, "Methods of Combining
Multiple Classifiers and Their Applications to Handwritten Digit Recognition", MSc thesis, Bogazici
University, 1995.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from graphc.train.data import Dataset, held_out

_DARKEST = 16.0


def load() -> dict[str, np.ndarray]:
    """The digits as stored: "images" uint8 (1797, 64), 0 to 16; "labels" uint8 (1797,), 0 to 9."""
    with (files("graphc.train") / "digits.npz").open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        return {name: archive[name] for name in ("images", "labels")}


def split(test: int | float = 360, seed: int = 0) -> Dataset:
    """The digits as float32 rows of 0 to 1, shuffled, every class held back in proportion.

    `test` is a number of rows, or a fraction of them when it is a float.
    Raises DataError when no row is left to train on.
    """
    digits = load()
    images, labels = digits["images"].astype(np.float32) / np.float32(_DARKEST), digits["labels"]
    train, held = held_out(labels, test, seed)
    return Dataset(images[train], labels[train], images[held], labels[held], _DARKEST)
