import asyncio
import math
import random
from collections import Counter
from dataclasses import replace

import pytest

from strategies import Cause, Context, Fallback, Health, Journey, LoadBalance, Preference, Success
from tests.strategies.scripted import UNREACHABLE, Draw, Turn, Weather, always, ask, error, failure, leaf, target
from tests.strategies.test_gate import sick, throttled

PICKS = 100_000
SKIPPED = replace(UNREACHABLE, skipped=True)


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


def picked(tree, count, rng):
    """Return which child answered how often, without a loop: nothing in here waits."""
    counts = Counter()
    for _ in range(count):
        running = tree("a fox", Context(Journey(rng=rng), math.inf))
        with pytest.raises(StopIteration) as done:
            running.send(None)
        counts[done.value.value.reply] += 1
    return counts


def at_once(name):
    async def node(_request, _context, /):
        return Success(name)

    return node


def skipping(name):
    async def node(_request, context, /):
        return SKIPPED if context.has_way_out(SKIPPED) else Success(name)

    return node


def vectors():
    """Return twenty vectors of weights, some with a 0 in them, of all sizes."""
    rng = random.Random(20)
    return [
        [*(round(rng.choice((0, rng.random(), rng.random() * 100)), 3) for _ in range(rng.randint(2, 8))), 0.5]
        for _ in range(20)
    ]


# Quantiles of chi-square at p = 0.001, for one degree of freedom and more.
CRITICAL = (10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32, 26.12)


def distance(counts, weights):
    """Return chi-square, and its bound; what has no weight must not have been picked at all."""
    total = sum(counts.values())
    expected = {str(index): total * weight / sum(weights) for index, weight in enumerate(weights) if weight}
    assert counts.keys() <= expected.keys()
    chi = sum((counts[name] - share) ** 2 / share for name, share in expected.items())
    return chi, CRITICAL[max(len(expected) - 2, 0)]


@pytest.mark.parametrize("weights", vectors(), ids=str)
def test_a_hundred_thousand_picks_keep_to_any_weights(weights):
    """R9."""
    tree, rng = balance(*weights), random.Random(9)
    chi, bound = distance(Counter(str(tree.pick(rng.random())) for _ in range(PICKS)), weights)
    assert chi < bound


@pytest.mark.parametrize("weights", vectors(), ids=str)
def test_what_is_passed_over_leaves_its_share_to_the_others_in_proportion(weights):
    out = max(range(len(weights)), key=weights.__getitem__)
    children = [skipping(str(index)) if index == out else at_once(str(index)) for index in range(len(weights))]
    rng = random.Random(9)
    left = [0 if index == out else weight for index, weight in enumerate(weights)]
    if not any(left):
        assert picked(LoadBalance(children, weights), 100, rng) == {str(out): 100}
        return
    chi, bound = distance(picked(LoadBalance(children, weights), PICKS // 20, rng), left)
    assert chi < bound


async def test_where_all_are_passed_over_the_weights_hold_all_the_same():
    weights = [6, 0, 3, 1]
    tree = LoadBalance([skipping(str(index)) for index in range(4)], weights)
    chi, bound = distance(picked(tree, PICKS // 20, random.Random(9)), weights)
    assert chi < bound


def guarded(name, health, step=None):
    return target(always(name, step or name), health=health)


async def test_the_weight_of_a_sick_target_goes_to_the_others_and_it_gets_it_back():
    health = sick()
    tree = LoadBalance([guarded("a", health), guarded("b", Health()), guarded("c", Health())], [2, 1, 1])
    rng = random.Random(3)
    replies = Counter([(await ask(tree, rng=rng)).reply for _ in range(10)])
    assert replies.keys() == {"b", "c"}
    await asyncio.sleep(20)
    replies = Counter([(await ask(tree, rng=rng)).reply for _ in range(1000)])
    assert replies["a"] == pytest.approx(500, rel=0.1)


async def test_all_sick_all_are_tried():
    trees = [LoadBalance([guarded(name, sick()) for name in "abc"], [1, 1, 1]) for _ in range(12)]
    assert {(await ask(tree, rng=random.Random(seed))).reply for seed, tree in enumerate(trees)} == {"a", "b", "c"}


async def test_in_a_fallback_what_is_all_sick_is_left_to_the_next():
    tree = LoadBalance([guarded(name, sick()) for name in "ab"], [1, 1])
    assert (await ask(Fallback([tree, guarded("well", Health())]))).reply == "well"


async def test_one_that_is_throttled_and_one_that_is_sick():
    never = target(leaf("never"), health=throttled(1e6))
    for weights in ([1, 1], [1, 99], [99, 1]):
        tree = LoadBalance([never, guarded("sick", sick())], weights)
        assert {(await ask(tree, rng=random.Random(seed))).reply for seed in range(20)} == {"sick"}


async def test_throttled_targets_are_never_tried():
    tree = LoadBalance([target(leaf(f"never {pause}"), health=throttled(pause)) for pause in (50, 20, 90)], [1, 2, 3])
    for seed in range(20):
        answer = await ask(tree, rng=random.Random(seed))
        assert (answer.failure.cause, answer.tried) == (Cause.RATE_LIMITED, [])
        assert {told.retry_after for told in answer.journey.passed_over.values()} == {50, 20, 90}


async def test_a_single_survivor_that_is_sick_still_answers():
    tree = LoadBalance([target(leaf("never"), health=Health()), guarded("only", sick())], [0, 1])
    assert (await ask(tree)).reply == "only"


# --- other ways to choose ---


async def spread(tree, requests, every=0.1):
    """Send requests at a steady rate, and return who answered how many."""
    rng = random.Random(1)

    async def one(number):
        await asyncio.sleep(number * every)
        return (await ask(tree, rng=rng)).reply

    return Counter(await asyncio.gather(*(one(number) for number in range(requests))))


def by_latency(*targets):
    """Balance (name, step, weight) by latency, as a config does."""
    healths = [Health() for _ in targets]
    nodes = [guarded(name, health, step) for (name, step, _), health in zip(targets, healths, strict=True)]
    preference = Preference(lambda _, index: healths[index].load, looks_at=2)
    return LoadBalance(nodes, [weight for *_, weight in targets], preference)


def taking(name, seconds):
    return name, Turn(Success(name), seconds), 1


async def test_least_latency_prefers_the_quick_one():
    counts = await spread(by_latency(taking("quick", 1.0), taking("slow", 10.0)), 1000)
    assert counts["quick"] >= 850
    assert counts["slow"] >= 5, "which is tried now and then, as it may have become quicker"


async def test_least_latency_finds_out_that_a_slow_one_has_become_quick():
    now = asyncio.get_running_loop().time

    def step(_):
        return Turn(Success("b"), 30.0 if now() < 100 else 1.0)

    health, other = Health(), Health()
    tree = LoadBalance(
        [guarded("a", health, Turn(Success("a"), 3.0)), target(Weather("b", (), at=step), health=other)],
        [1, 1],
        Preference(lambda _, index: (health, other)[index].load, looks_at=2),
    )
    await spread(tree, 100, every=1.0)
    await asyncio.sleep(200)
    counts = await spread(tree, 200, every=1.0)
    assert counts["b"] > counts["a"]


async def test_least_latency_is_not_drawn_to_what_fails_at_once():
    """A key that was revoked answers 401 within milliseconds, for ever, and opens no breaker."""
    revoked = failure(Cause.AUTH, 401)
    tree = by_latency(("revoked", Turn(revoked, 0.01), 1), taking("well", 5.0))
    failed = 0
    for _ in range(200):
        failed += (await ask(tree, rng=random.Random(4))).outcome == revoked
    assert failed <= 20


async def test_least_latency_does_not_pile_up_on_what_hangs():
    hanging = ("hanging", Turn(Success("late"), 3000.0), 1)
    tree = by_latency(hanging, taking("well", 1.0))
    rng, answers = random.Random(1), []
    requests = [asyncio.create_task(ask(tree, rng=rng, deadline=5000)) for _ in range(2)]
    for _ in range(100):
        await asyncio.sleep(1)
        requests.append(asyncio.create_task(ask(tree, rng=rng, deadline=5000)))
    await asyncio.sleep(10)
    answers = [request for request in requests if request.done()]
    assert len(requests) - len(answers) <= 2
    await asyncio.wait(requests)


async def test_least_latency_looks_at_two_drawn_by_weight():
    healths = [Health() for _ in range(3)]
    for health, seconds in zip(healths, (1.0, 2.0, 3.0), strict=True):
        health.measure(seconds, 0.0)
    nodes = [at_once(str(index)) for index in range(3)]
    tree = LoadBalance(nodes, [1, 1, 1], Preference(lambda _, index: healths[index].load, looks_at=2))
    rng = random.Random(2)
    counts = Counter([(await ask(tree, rng=rng)).reply for _ in range(600)])
    assert counts["0"] == pytest.approx(400, rel=0.1)
    assert counts["1"] == pytest.approx(200, rel=0.15)
    assert counts["2"] == 0


async def test_least_inflight_evens_out_what_is_under_way():
    healths = [Health(), Health(), Health()]
    nodes = [guarded(name, health, Turn(Success(name), 50.0)) for name, health in zip("abc", healths, strict=True)]
    weights = [1, 1, 2]
    tree = LoadBalance(nodes, weights, Preference(lambda _, index: healths[index].in_flight / weights[index]))
    requests = [asyncio.create_task(ask(tree, rng=random.Random(number))) for number in range(40)]
    await asyncio.sleep(1)
    assert [health.in_flight for health in healths] == [10, 10, 20]
    await asyncio.wait(requests)


@pytest.mark.parametrize(
    ("prices", "chosen"),
    [((3, 1, 2), {"1"}), ((3, math.inf, 2), {"2"}), ((1, 1, 2), {"0", "1"}), ((math.inf,) * 3, {"0", "1", "2"})],
    ids=["the cheapest", "the unknown last", "a tie by weight", "nothing known"],
)
async def test_the_lowest_score_wins(prices, chosen):
    tree = LoadBalance(
        [at_once(str(index)) for index in range(3)], [1, 2, 3], Preference(lambda _, index: prices[index])
    )
    rng = random.Random(6)
    assert {(await ask(tree, rng=rng)).reply for _ in range(60)} == chosen


async def test_what_has_no_weight_is_not_chosen_for_its_price_either():
    tree = LoadBalance([at_once("free"), at_once("dear")], [0, 1], Preference(lambda _, index: index))
    assert (await ask(tree)).reply == "dear"


async def test_where_the_best_is_passed_over_the_next_best_is_chosen():
    tree = LoadBalance([skipping("0"), at_once("1"), at_once("2")], [1, 1, 9], Preference(lambda _, index: index))
    assert {(await ask(tree, rng=random.Random(seed))).reply for seed in range(20)} == {"1"}


def pinned(weights, word, children=None):
    children = children or [at_once(str(index)) for index in range(len(weights))]
    return LoadBalance(children, weights, pin=lambda _: word)


async def chosen(tree, seed=0):
    return (await ask(tree, rng=random.Random(seed))).reply


async def test_the_same_word_leads_to_the_same_child_whatever_chance_says():
    for user in range(50):
        assert len({await chosen(pinned([1, 2, 3], f"user {user}"), seed) for seed in range(20)}) == 1


@pytest.mark.parametrize("weights", [[1, 1], [5, 1, 4], [0, 7, 3], [0.001, 1, 1, 1]], ids=str)
async def test_over_many_words_the_weights_hold(weights):
    counts = Counter([await chosen(pinned(weights, f"user {number}")) for number in range(4000)])
    chi, bound = distance(counts, weights)
    assert chi < bound


async def test_a_pinned_child_that_is_passed_over_is_replaced_and_taken_back_and_the_others_stay_where_they_are():
    words = [f"user {number}" for number in range(300)]
    before = {word: await chosen(pinned([1, 1, 1], word)) for word in words}
    children = [skipping("0"), at_once("1"), at_once("2")]
    without = {word: await chosen(pinned([1, 1, 1], word, children)) for word in words}
    assert all(without[word] == before[word] for word in words if before[word] != "0")
    moved = Counter(without[word] for word in words if before[word] == "0")
    assert moved["0"] == 0
    assert min(moved["1"], moved["2"]) > 0.3 * moved.total()
    assert {word: await chosen(pinned([1, 1, 1], word)) for word in words} == before


async def test_a_request_without_the_fields_is_not_pinned():
    assert {await chosen(pinned([1, 1], None), seed) for seed in range(20)} == {"0", "1"}


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
