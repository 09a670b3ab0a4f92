"""The size solver."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalogue import BUILT_IN
from gateway.catalogue.sizes import SizeList, SizeRatios, SizeRule, nearest, sizes_of
from gateway.shapes import LARGEST_EDGE, parse_size, written

all_rows = BUILT_IN.all_rows

_IMAGEN = "1:1 3:4 4:3 9:16 16:9"
_STABILITY = "16:9 1:1 21:9 2:3 3:2 4:5 5:4 9:16 9:21"
_GEMINI = "1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9"
_FLUX = "1:1 21:9 16:9 3:2 5:4 4:5 2:3 9:16 9:21 4:3 3:4"
_TITAN = (
    "1024x1024 768x768 512x512 768x1152 384x576 1152x768 576x384 768x1280 384x640 1280x768 640x384 896x1152 448x576 "
    "1152x896 576x448 768x1408 384x704 1408x768 704x384 640x1408 320x704 1408x640 704x320 1152x640 1173x640"
)
_SDXL = "1024x1024 1152x896 1216x832 1344x768 1536x640 640x1536 768x1344 832x1216 896x1152"

_TABLE = {
    "256x256": ("1:1", "1:1", "1:1", "1:1", "512x512", "1024x1024"),
    "512x512": ("1:1", "1:1", "1:1", "1:1", "512x512", "1024x1024"),
    "1024x1024": ("1:1", "1:1", "1:1", "1:1", "1024x1024", "1024x1024"),
    "1536x1024": ("4:3", "3:2", "3:2", "3:2", "1152x768", "1216x832"),
    "1024x1536": ("3:4", "2:3", "2:3", "2:3", "768x1152", "832x1216"),
    "1792x1024": ("16:9", "16:9", "16:9", "16:9", "1152x640", "1344x768"),
    "1024x1792": ("9:16", "9:16", "9:16", "9:16", "768x1408", "768x1344"),
}


def _pairs(text):
    return [tuple(int(edge) for edge in word.replace(":", "x").split("x")) for word in text.split()]


@pytest.mark.parametrize("asked", _TABLE)
@pytest.mark.parametrize("column", range(6), ids=["imagen", "stability", "gemini", "flux", "titan", "sdxl"])
def test_the_nearest_size_is_the_one_of_the_reference_table(asked, column):
    offered = _pairs((_IMAGEN, _STABILITY, _GEMINI, _FLUX, _TITAN, _SDXL)[column])
    expected = _pairs(_TABLE[asked][column])[0]
    assert nearest(parse_size(asked), offered) == expected


_GRID = SizeRule(multiple=16, max_edge=3840, max_ratio=3, min_pixels=655360, max_pixels=8294400, auto=True)
_NOVA = SizeRule(multiple=16, min_edge=320, max_edge=4096, max_ratio=4, max_pixels=4194303)


@pytest.mark.parametrize(
    ("rule", "asked", "given"),
    [
        (_GRID, "1024x1024", "1024x1024"),
        (_GRID, "1000x1000", "992x992"),
        (_GRID, "256x256", "816x816"),
        (_GRID, "4096x4096", "2880x2880"),
        (_GRID, "7680x4320", "3840x2160"),
        (_GRID, "3000x100", "1408x480"),
        (_GRID, "1920x1080", "1920x1088"),
        (_NOVA, "256x256", "320x320"),
        (SizeRule(multiple=1, min_edge=64, max_edge=2048), "1x1", "64x64"),
        (SizeRule(multiple=1, min_edge=64, max_edge=2048), "16384x1", "2048x64"),
    ],
)
def test_a_size_off_the_rule_goes_to_a_near_one_on_it(rule, asked, given):
    assert rule.nearest(asked) == given


_SIZES = st.tuples(st.integers(1, LARGEST_EDGE), st.integers(1, LARGEST_EDGE))


@given(asked=_SIZES, rule=st.sampled_from([_GRID, _NOVA, *(row.sizes for row in all_rows() if row.sizes is not None)]))
def test_what_is_given_instead_is_always_a_size_the_model_takes(asked, rule):
    found = rule.nearest(written(asked))
    assert rule.accepts(found)


@given(asked=_SIZES)
def test_a_size_that_is_taken_stays_as_it_is(asked):
    if _GRID.accepts(written(asked)):
        assert _GRID.nearest(written(asked)) == written(asked)


@given(asked=st.tuples(st.integers(900, 2600), st.integers(900, 2600)))
def test_within_the_bounds_no_edge_moves_further_than_one_step(asked):
    # Where the shape and the area are allowed, only the grid is left to reach.
    found = parse_size(_GRID.nearest(written(asked)))
    assert all(abs(given - wanted) < 16 for given, wanted in zip(found, asked, strict=True))


@given(asked=_SIZES, offered=st.lists(_SIZES, min_size=1, max_size=12))
def test_no_offered_size_is_of_a_more_similar_shape_than_the_nearest(asked, offered):
    def error(size):
        return abs(math.log(asked[0] / asked[1]) - math.log(size[0] / size[1]))

    assert error(nearest(asked, offered)) <= min(map(error, offered)) + 1e-8


@pytest.mark.parametrize("text", ["1024×1024", "1024X1024", "0x5", "05x5", "99999x1", "5x", "auto", "٣x٣", 5, None])
def test_what_is_not_a_size_is_none(text):
    assert parse_size(text) is None


def test_sizes_are_described_in_one_phrase():
    assert sizes_of(["auto", "1024x1024"]).described() == "auto or 1024x1024"
    assert _GRID.described() == (
        "auto, or WIDTHxHEIGHT with both edges multiples of 16 and at most 3840, a ratio of at most 3:1, "
        "655360 to 8294400 pixels in all"
    )
    assert sizes_of(None) is None


_SHAPES = SizeRatios(ratios=("1:1", "3:2", "2:3", "16:9", "9:16"), tiers=("1K", "2K"))
_BARE = SizeRatios(ratios=("1:1", "16:9"), auto=False)
_TIERED = SizeRule(multiple=16, max_edge=4096, tiers=("2K", "4K"))


@pytest.mark.parametrize(
    ("sizes", "taken", "refused"),
    [
        (_SHAPES, ["auto", "1:1", "16:9", "3:2", "1536x1024", "1024x1024", "1920x1080", "1K", "2K"],
         ["4K", "21:9", "3000x1000", "large", "", "1:0"]),
        (_BARE, ["1:1", "16:9", "512x512"], ["auto", "1K", "4:3", "1024x768"]),
        (_TIERED, ["2K", "4K", "1024x1024"], ["1K", "auto", "16:9", "1000x1000"]),
        (SizeList(("1:1", "2K")), ["1:1", "2K"], ["1024x1024", "auto", "1K"]),
    ],
    ids=["shapes and tiers", "shapes alone", "a rule with tiers", "a list"],
)  # fmt: skip
def test_shapes_and_tiers_are_taken_where_the_model_has_them(sizes, taken, refused):
    assert [text for text in taken if not sizes.accepts(text)] == []
    assert [text for text in refused if sizes.accepts(text)] == []


@pytest.mark.parametrize(
    ("sizes", "asked", "given"),
    [
        (_SHAPES, "4K", "2K"),
        (_SHAPES, "21:9", "16:9"),
        (_SHAPES, "1000x1100", "1:1"),
        (_SHAPES, "auto", None),
        (_SHAPES, "large", None),
        (_BARE, "2K", "1:1"),
        (_BARE, "auto", None),
        (_GRID, "16:9", "1360x768"),
        (_GRID, "1:1", "1024x1024"),
        (_GRID, "2K", "2048x2048"),
        (_TIERED, "1K", "1024x1024"),
        (SizeList(("1024x1024", "1792x1024")), "16:9", "1792x1024"),
        (SizeList(("1K", "4K")), "3000x3000", "4K"),
        (SizeList(("auto",)), "16:9", None),
    ],
)
def test_a_shape_or_tier_goes_to_the_nearest_there_is(sizes, asked, given):
    assert sizes.nearest(asked) == given


@pytest.mark.parametrize(
    ("document", "sizes"),
    [
        (["1024x1024", "16:9"], SizeList(("1024x1024", "16:9"))),
        ({"ratios": ["1:1"], "tiers": ["1K"]}, SizeRatios(ratios=("1:1",), tiers=("1K",))),
        ({"multiple": 16, "max_edge": 4096, "tiers": ["2K", "4K"]}, _TIERED),
    ],
    ids=["a list", "ratios", "a rule"],
)
def test_sizes_are_read_from_a_row(document, sizes):
    assert sizes_of(document) == sizes


def test_shapes_and_tiers_are_described():
    assert _SHAPES.described() == (
        "auto, WIDTHxHEIGHT or W:H in the ratio 1:1, 3:2, 2:3, 16:9, or 9:16, or one of 1K or 2K"
    )
    assert _BARE.described() == "WIDTHxHEIGHT or W:H in the ratio 1:1 or 16:9"
    assert _TIERED.described() == "2K, or 4K, or WIDTHxHEIGHT with both edges multiples of 16 and at most 4096"


def test_auto_is_a_size_only_where_the_model_has_it():
    assert _GRID.accepts("auto")
    assert not _NOVA.accepts("auto")
    assert not SizeList(("1024x1024",)).accepts("auto")
