import math
import random
from collections import Counter

import pytest

from strategies import LoadBalance
from tests.strategies.scripted import Draw, ask, error, leaf

PICKS = 100_000


def balance(*weights):
    return LoadBalance([leaf(f"leaf {index}", str(index)) for index in range(len(weights))], weights)


@pytest.mark.parametrize(
    ("weights", "draw", "picked"),
    [
        pytest.param([1, 1], 0.0, 0, id="the lowest draw falls on the first"),
        pytest.param([1, 1], 0.49999, 0, id="a draw below the bound falls before it"),
        pytest.param([1, 1], 0.5, 1, id="a draw on the bound falls behind it"),
        pytest.param([0, 1], 0.0, 1, id="the lowest draw does not fall on a weight of 0"),
        pytest.param([1, 0], math.nextafter(1, 0), 0, id="nor does the highest"),
        pytest.param([1, 0, 1], 0.5, 2, id="nor does one on its bound"),
        pytest.param([0, 0, 3, 0], 0.7, 2, id="a single survivor is always picked"),
        pytest.param([5e-324], 0.999, 0, id="the smallest weight there is still counts"),
        pytest.param([0.1, 0.2, 0.7], math.nextafter(1, 0), 2, id="rounding never falls off the end"),
    ],
)
async def test_where_a_draw_falls(weights, draw, picked):
    tree = balance(*weights)
    answer = await ask(tree, rng=Draw(draw))
    assert answer.reply == str(picked)
    assert [child.calls for child in tree.children] == [[0] if index == picked else [] for index in range(len(weights))]


@pytest.mark.parametrize("weights", [(1, 1), (0.7, 0.2, 0.1), (3, 0, 1, 6), (5, 5, 0, 90), (1e-9, 3e-9)])
def test_weights_mean_what_they_say(weights):
    tree, rng = balance(*weights), random.Random(7)
    counts = Counter(tree.pick(rng.random()) for _ in range(PICKS))
    expected = {index: PICKS * weight / sum(weights) for index, weight in enumerate(weights) if weight}
    assert counts.keys() == expected.keys()
    distance = sum((counts[index] - share) ** 2 / share for index, share in expected.items())
    assert distance < 13.8, "chi-square at p = 0.001 for two degrees of freedom, generous for one"


def test_the_share_of_a_child_that_is_taken_out_goes_to_the_others_in_proportion():
    rng = random.Random(7)
    counts = Counter(balance(6, 0, 3).pick(rng.random()) for _ in range(PICKS))
    assert counts[0] / counts[2] == pytest.approx(2, rel=0.02)
    assert counts[1] == 0


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param([], id="no child at all"),
        pytest.param([0, 0], id="nothing to pick"),
        pytest.param([1, -1], id="a negative weight"),
        pytest.param([1, math.nan], id="a weight that is no number"),
        pytest.param([1, math.inf], id="an infinite weight"),
        pytest.param([1e308, 1e308], id="an infinite sum"),
    ],
)
def test_weights_that_cannot_be_drawn_from_are_refused(weights):
    with pytest.raises(ValueError, match="weight"):
        balance(*weights)


def test_every_child_needs_its_weight():
    with pytest.raises(ValueError, match="each child needs one finite weight"):
        LoadBalance([leaf("one"), leaf("two")], [1])


async def test_a_failed_pick_is_the_answer_and_no_sibling_is_asked():
    sick, well = leaf("sick", error(500)), leaf("well")
    answer = await ask(LoadBalance([sick, well], [1, 1]), rng=Draw(0))
    assert answer.failure.status == 500
    assert (sick.calls, well.calls, answer.at) == ([0], [], 1)
