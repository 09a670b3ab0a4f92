"""n means n: several calls where one makes too few pictures."""

from dataclasses import replace

import pytest

from gateway.catalogue import Catalogue, row_of
from gateway.delivery.verify import look
from gateway.providers import PROVIDERS
from strategies import Cause, Failure, Success
from tests.gateway.scripted import After, answer, asking, picture, refused, route_with, run

KEY = {"provider": "openai", "api_key": "not-real"}
FANNED = {**KEY, "fan_out": True}
DALL_E_3 = {"model": "dall-e-3", "size": "1024x1024"}
ONE_AT_A_TIME = replace(PROVIDERS["openai"], n_max=1)
CUT = Failure(cause=Cause.INCOMPLETE, message="cut off")
BUSY = refused(500)
REFUSED = refused(400, "content_policy_violation")


async def fanned(*script, config=FANNED, request=None, outside=None, **params):
    route, transport = route_with(config, ONE_AT_A_TIME, script, **(outside or {}))
    outcome, journey = await run(route, request, **params)
    return outcome, transport, journey


def sized(number, **more):
    """Return an answer with one picture that can be told from others."""
    return answer(picture((64 + number, 64)), **more)


def widths(outcome):
    return [look(each).width - 64 for each in outcome.reply.pictures]


def ledger(outcome):
    return [str(change) for change in outcome.reply.adaptations]


async def test_one_call_for_each_picture_that_a_call_makes():
    outcome, transport, journey = await fanned(*[answer()] * 3, **DALL_E_3, n=3)
    assert [sent.json["n"] for sent in transport.sent] == [1, 1, 1]
    assert (len(outcome.reply.pictures), ledger(outcome)) == (3, [])
    assert (len(journey.attempts), journey.maybe_billed) == (3, 0)
    assert outcome.reply.canonical is None


async def test_the_last_call_makes_what_is_left():
    rows = Catalogue([row_of("openai", {"id": "threes", "n_max": 3})])
    answers = [answer(*[picture((64, 64))] * count) for count in (3, 3, 1)]
    outcome, transport, _ = await fanned(*answers, outside={"catalogue": rows}, model="threes", n=7)
    assert [sent.json["n"] for sent in transport.sent] == [3, 3, 1]
    assert (len(outcome.reply.pictures), ledger(outcome)) == (7, [])


@pytest.mark.parametrize("params", [{}, {"n": 1}, {"n": None}], ids=["nothing is said", "one", "null"])
async def test_what_one_call_makes_is_one_call(params):
    given = {name: value for name, value in params.items() if value is not None}
    outcome, transport, _ = await fanned(answer(), **DALL_E_3, **given)
    assert isinstance(outcome, Success)
    assert len(transport.sent) == 1
    assert outcome.reply.canonical is not None


async def test_a_model_that_makes_enough_is_asked_once():
    outcome, transport, _ = await fanned(answer(*[picture((64, 64))] * 4), model="gpt-image-1", n=4)
    assert (len(transport.sent), transport.sent[0].json["n"], len(outcome.reply.pictures)) == (1, 4, 4)


async def test_a_rerouted_request_fans_out_unasked():
    config = {**KEY, "override_params": {"model": "dall-e-3"}}
    outcome, transport, _ = await fanned(*[answer()] * 2, config=config, model="gpt-image-1", size="1024x1024", n=2)
    assert (len(transport.sent), ledger(outcome)) == (2, [])


async def test_the_model_the_caller_named_does_not_unless_it_is_told_to():
    outcome, transport, journey = await fanned(config=KEY, model="brand-new", n=2)
    assert (outcome.cause, outcome.reached, outcome.param, transport.sent) == (Cause.UNSUPPORTED, False, "n", [])
    assert "fan_out: true" in outcome.message
    assert journey.maybe_billed == 0


async def test_the_target_may_say_how_many_itself():
    config = {**FANNED, "override_params": {"n": 2}}
    outcome, transport, _ = await fanned(*[answer()] * 2, config=config, **DALL_E_3)
    assert (len(transport.sent), len(outcome.reply.pictures)) == (2, 2)


async def test_pictures_are_in_the_order_they_were_asked_for_whoever_comes_first():
    script = [After(4 - number, sized(number)) for number in range(4)]
    outcome, _, _ = await fanned(*script, model="brand-new", n=4)
    assert widths(outcome) == [0, 1, 2, 3]


async def test_four_calls_run_at_a_time_at_most():
    script = [After(1, sized(number)) for number in range(10)]
    outcome, transport, _ = await fanned(*script, model="brand-new", n=10)
    assert widths(outcome) == list(range(10))
    assert transport.most_at_once == 4
    assert [sent.at for sent in transport.sent] == [0] * 4 + [1] * 4 + [2] * 2


async def test_a_seed_is_varied_so_that_pictures_differ():
    request = asking(model="brand-new", n=3, seed=7)
    _, transport, _ = await fanned(*[answer()] * 3, request=request)
    assert [sent.json["seed"] for sent in transport.sent] == [7, 8, 9]
    assert request.params["seed"] == 7


async def test_only_what_is_missing_is_asked_for_again():
    config = {**FANNED, "retry": {"attempts": 1}}
    script = [After(1, sized(0)), After(2, BUSY), After(3, sized(2)), sized(1)]
    outcome, transport, journey = await fanned(*script, config=config, model="brand-new", n=3)
    assert widths(outcome) == [0, 1, 2]
    assert ledger(outcome) == []
    assert (len(transport.sent), len(journey.attempts)) == (4, 4)


async def test_partial_success_is_success_and_says_so():
    outcome, _, journey = await fanned(sized(0), BUSY, sized(2), model="brand-new", n=3)
    assert (widths(outcome), ledger(outcome)) == ([0, 2], ["n=3->2"])
    assert [isinstance(each.outcome, Success) for each in journey.attempts] == [True, False, True]
    assert not journey.exhausted


async def test_partial_success_says_nothing_where_nothing_is_to_be_said():
    outcome, _, _ = await fanned(sized(0), BUSY, config={**FANNED, "adapt": "lenient"}, model="brand-new", n=2)
    assert (widths(outcome), ledger(outcome)) == ([0], [])


async def test_the_failures_of_some_parts_are_logged(caplog):
    await fanned(sized(0), refused(500, message="the kiln is cold"), model="brand-new", n=2)
    assert "a share of the pictures failed" in caplog.text


async def test_a_call_that_makes_fewer_than_its_share_is_told_once():
    rows = Catalogue([row_of("openai", {"id": "pairs", "n_max": 2})])
    script = [answer(picture((64, 64))), answer(*[picture((64, 64))] * 2)]
    outcome, _, _ = await fanned(*script, outside={"catalogue": rows}, model="pairs", n=4)
    assert (len(outcome.reply.pictures), ledger(outcome)) == (3, ["n=4->3"])


async def test_where_all_parts_fail_the_first_failure_is_told():
    outcome, transport, journey = await fanned(refused(503), BUSY, model="brand-new", n=2)
    assert (outcome.cause, outcome.status) == (Cause.PROVIDER_ERROR, 503)
    assert (len(transport.sent), len(journey.attempts)) == (2, 2)


async def test_one_part_that_failed_for_good_does_not_end_the_next_ones():
    script = [
        After(1, BUSY),
        *[After(2, sized(number)) for number in (1, 2, 3)],
        After(1, sized(4)),
        After(1, sized(5)),
    ]
    outcome, transport, _ = await fanned(*script, model="brand-new", n=6)
    assert (widths(outcome), ledger(outcome), len(transport.sent)) == ([1, 2, 3, 4, 5], ["n=6->5"], 6)


@pytest.mark.parametrize(
    ("received", "cause"),
    [(REFUSED, Cause.POLICY), (refused(401), Cause.AUTH), (refused(400, "invalid_size"), Cause.INVALID)],
    ids=["policy", "credential", "invalid"],
)
async def test_what_every_call_would_be_told_stops_the_rest(received, cause):
    script = [After(1, received), *[After(2, sized(number)) for number in (1, 2, 3)]]
    outcome, transport, _ = await fanned(*script, model="brand-new", n=8)
    assert (widths(outcome), ledger(outcome), len(transport.sent)) == ([1, 2, 3], ["n=8->3"], 4)
    outcome, transport, _ = await fanned(*[After(1, received)] * 4, model="brand-new", n=8)
    assert (outcome.cause, len(transport.sent)) == (cause, 4)


async def test_no_more_is_paid_for_after_what_the_money_rule_ends():
    config = {**FANNED, "billing": "strict"}
    script = [After(1, CUT), *[After(2, sized(number)) for number in (1, 2, 3)]]
    outcome, transport, journey = await fanned(*script, config=config, model="brand-new", n=8)
    assert (widths(outcome), len(transport.sent), journey.maybe_billed) == ([1, 2, 3], 4, 1)
    outcome, transport, journey = await fanned(*[After(1, CUT)] * 4, config=config, model="brand-new", n=8)
    assert (outcome.terminal, len(transport.sent), journey.maybe_billed) == (True, 4, 4)


async def test_a_terminal_failure_is_told_before_others():
    config = {**FANNED, "billing": "strict"}
    outcome, _, _ = await fanned(BUSY, CUT, config=config, model="brand-new", n=2)
    assert (outcome.cause, outcome.terminal) == (Cause.INCOMPLETE, True)


@pytest.mark.parametrize(("allowed", "made"), [(1, 1), (2, 2), (5, 5), (9, 8)])
async def test_attempts_are_bounded_for_all_calls_together(allowed, made):
    script = [After(1, sized(number)) for number in range(made)]
    outcome, transport, _ = await fanned(*script, config={**FANNED, "max_attempts": allowed}, model="brand-new", n=8)
    assert (len(transport.sent), len(outcome.reply.pictures)) == (made, made)
    assert ledger(outcome) == ([] if made == 8 else [f"n=8->{made}"])


async def test_what_is_there_by_the_deadline_is_handed_over():
    config = {**FANNED, "deadline": 1500}
    script = [After(1, sized(number)) for number in range(8)]
    outcome, transport, journey = await fanned(*script, config=config, model="brand-new", n=12)
    assert (widths(outcome), ledger(outcome), len(transport.sent)) == ([0, 1, 2, 3], ["n=12->4"], 8)
    assert journey.maybe_billed == 4
    outcome, transport, _ = await fanned(*[After(2, sized(0))] * 4, config=config, model="brand-new", n=12)
    assert (outcome.cause, len(transport.sent)) == (Cause.DEADLINE, 4)


async def test_a_fallback_moves_on_only_where_no_part_succeeded():
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [FANNED, {**FANNED, "override_params": {"model": "another"}}],
    }
    outcome, transport, _ = await fanned(sized(0), BUSY, config=config, model="brand-new", n=2)
    assert (ledger(outcome), len(transport.sent)) == (["n=2->1"], 2)
    outcome, transport, _ = await fanned(BUSY, BUSY, sized(0), sized(1), config=config, model="brand-new", n=2)
    assert (widths(outcome), ledger(outcome)) == ([0, 1], [])
    assert [sent.json["model"] for sent in transport.sent] == ["brand-new"] * 2 + ["another"] * 2


async def test_what_the_parts_cost_is_added_up():
    outcome, _, _ = await fanned(*[answer()] * 3, **DALL_E_3, n=3)
    assert outcome.reply.cost_usd == pytest.approx(0.12)
    outcome, _, _ = await fanned(answer(), BUSY, **DALL_E_3, n=2)
    assert outcome.reply.cost_usd == pytest.approx(0.04)


COUNTED = {"usage": {"input_tokens": 10, "output_tokens": 100, "input_tokens_details": {"text_tokens": 10}}}


async def test_one_unknown_cost_makes_the_sum_unknown():
    row = row_of("openai", {"id": "counted", "price": {"tokens": {"text_in": 5, "image_out": 40}}})
    outside = {"catalogue": Catalogue([row])}
    outcome, _, _ = await fanned(*[answer(**COUNTED)] * 2, outside=outside, model="counted", n=2)
    assert outcome.reply.cost_usd == pytest.approx(2 * (10 * 5 + 100 * 40) / 1e6)
    outcome, _, _ = await fanned(answer(**COUNTED), answer(), outside=outside, model="counted", n=2)
    assert outcome.reply.cost_usd is None
    outcome, _, _ = await fanned(*[answer()] * 2, model="brand-new", n=2)
    assert outcome.reply.cost_usd is None


async def test_what_the_parts_count_is_added_up_as_far_as_all_count_it():
    outcome, _, _ = await fanned(*[answer(**COUNTED)] * 3, model="brand-new", n=3)
    assert outcome.reply.about["usage"] == {
        "input_tokens": 30,
        "output_tokens": 300,
        "input_tokens_details": {"text_tokens": 30},
    }
    outcome, _, _ = await fanned(answer(**COUNTED), answer(usage={"output_tokens": 5}), model="brand-new", n=2)
    assert outcome.reply.about["usage"] == {"output_tokens": 105, "input_tokens_details": {}}
    outcome, _, _ = await fanned(answer(), answer(**COUNTED), model="brand-new", n=2)
    assert "usage" not in outcome.reply.about


async def test_events_are_not_asked_for_where_pictures_are_put_together():
    outcome, transport, _ = await fanned(*[answer()] * 2, model="brand-new", stream=True, partial_images=2, n=2)
    assert all("stream" not in sent.json for sent in transport.sent)
    assert (outcome.reply.events, len(outcome.reply.pictures)) == (None, 2)


async def test_previews_are_not_asked_for_where_events_are_not():
    outcome, transport, _ = await fanned(*[answer()] * 2, model="brand-new", stream=True, partial_images=2, n=2)
    assert all("partial_images" not in sent.json for sent in transport.sent)
    assert ledger(outcome) == ["partial_images=2->dropped"]


async def test_shares_that_retry_keep_to_the_attempts_there_are():
    patient = {**FANNED, "retry": {"attempts": 2}, "max_attempts": 5}
    script = [After(1, BUSY) for _ in range(4)] + [After(1, answer())]
    outcome, transport, journey = await fanned(*script, config=patient, model="brand-new", n=4)
    assert (len(transport.sent), len(journey.attempts)) == (5, 5)
    assert ledger(outcome) == ["n=4->1"]


async def test_the_retries_of_all_shares_are_told():
    patient = {**FANNED, "retry": {"attempts": 2}}
    outcome, _, journey = await fanned(
        After(1, BUSY), After(2, answer()), After(1, answer()), config=patient, model="brand-new", n=2
    )
    assert (len(outcome.reply.pictures), journey.retries) == (2, 1)
