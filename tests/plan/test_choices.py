"""The cost model of products: what is packed and shared, and how it is said."""

import re
from itertools import product

import pytest

from graphc.plan.products import DEPTH, ROWS, choose, panel_bytes

SIZES = (1, 3, 17, 100, 256, 784, 1024, 3000)


def test_small_products_are_read_where_they_lie():
    for m, n, k in [(8, 8, 8), (100, 10, 100), (100, 100, 784), (1, 512, 512), (64, 1, 64)]:
        assert panel_bytes(False, False, m, n, k) == 0


def test_large_products_pack_panels_and_rows():
    choice = choose(False, False, 1024, 1024, 1024)
    assert (choice.depth, choice.rows) == (344, 516)
    assert choice.panel >= (3 * 8 * 344 + 516 * 344) * 4


def test_transposed_b_is_packed_unless_there_are_few_rows():
    assert choose(False, True, 100, 784, 100).depth == 104
    assert choose(False, True, 4, 128, 128).depth == 0
    assert choose(True, True, 4, 128, 128).depth == 128
    assert choose(False, True, 200, 1024, 2048).depth > 0


def test_what_is_packed_depends_on_the_share_of_a_thread():
    assert [choose(False, True, 60, 256, 256, threads=n).depth for n in (1, 2)] == [256, 0]


def test_parts_are_even_and_within_their_limits():
    for m, n, k in product(SIZES, repeat=3):
        choice = choose(True, False, m, n, k)
        assert choice.depth % 8 == 0
        assert choice.depth <= DEPTH
        assert choice.rows % 12 == 0
        assert choice.rows <= ROWS
        assert choice.rows == 0 or choice.depth > 0


def test_a_panel_grows_with_the_type_of_number():
    sizes = False, True, 512, 512, 512
    assert panel_bytes(*sizes, "float32") < panel_bytes(*sizes, "float64")


@pytest.mark.parametrize(
    ("sizes", "by"), [((8, 8, 8), ""), ((784, 100, 100), "rows"), ((16, 1000, 256), "columns")]
)
def test_a_team_shares_the_longer_side_of_what_is_worth_it(sizes, by):
    assert choose(False, False, *sizes, threads=2).by == by
    assert choose(False, False, *sizes).by == ""


def test_the_reason_says_what_is_packed_shared_and_done():
    said = str(choose(True, False, 784, 100, 1000, threads=2))
    assert re.fullmatch(r"tile, panel \d+ kB, split by rows: 157 MFLOP", said)
    assert str(choose(False, False, 1, 64, 64)) == "tile of one row: 8.19 kFLOP"
