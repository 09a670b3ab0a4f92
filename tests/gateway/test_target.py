import json
import logging
from dataclasses import replace

import pytest

from gateway.config.provider_fields import FIELDS
from gateway.delivery import Delivery, FolderStore, Links
from gateway.images import ImageReply, ImageRequest, Picture
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.target import ImageTarget, Outside
from gateway.wire import Adapter, Send, Wait, send
from strategies import Attempt, Cause, Failure, Success
from tests.gateway.delivery.pictures import painted
from tests.gateway.scripted import ScriptedTransport, answer, asking, picture, refused, route_of, route_with, run

KEY = {"provider": "openai", "api_key": "providers-key"}


async def sent(config, *script, request=None, **params):
    """Return the outcome, and what was sent for it."""
    transport = ScriptedTransport(list(script) or [answer()])
    outcome, journey = await run(route_of(config, transport), request, **params)
    return outcome, transport.sent, journey


async def body(config, **params):
    outcome, [request], _ = await sent(config, **params)
    assert isinstance(outcome, Success), outcome
    return request.json


async def adaptations(config, *script, **params):
    outcome, _, _ = await sent(config, *script, **params)
    return [str(change) for change in outcome.reply.adaptations]


async def test_what_is_sent():
    outcome, [request], journey = await sent(KEY, model="gpt-image-1", quality="low")
    assert (request.method, request.url) == ("POST", "https://api.openai.com/v1/images/generations")
    assert request.headers["authorization"] == "Bearer providers-key"
    assert request.headers["content-type"] == "application/json"
    assert request.json == {"prompt": "an otter", "model": "gpt-image-1", "quality": "low"}
    assert request.trusted
    assert (outcome.reply.provider, outcome.reply.model) == ("openai", "gpt-image-1")
    assert journey.attempts[0].sent


async def test_parameters_are_shaped_in_order():
    config = {
        **KEY,
        "default_params": {
            "model": "by-default",
            "quality": "by-default",
            "user": "by-default",
            "extra": {"a": 1, "b": 2},
        },
        "override_params": {"quality": "overridden", "style": "overridden"},
        "drop_params": ["style", "extra.b"],
    }
    assert await body(config, model="the-callers", style="the-callers") == {
        "prompt": "an otter",
        "model": "the-callers",
        "quality": "overridden",
        "user": "by-default",
        "extra": {"a": 1},
    }


async def test_a_request_is_shared_and_never_changed():
    request = asking(model="gpt-image-1", size="1000x1000")
    before = json.dumps(dict(request.params))
    await sent({**KEY, "override_params": {"model": "dall-e-3"}, "drop_params": ["user"]}, request=request)
    assert json.dumps(dict(request.params)) == before


async def test_an_unknown_model_gets_what_the_caller_sent():
    params = {"model": "brand-new", "size": "7x7", "quality": "odd", "anything": [1]}
    assert await body(KEY, **params) == {"prompt": "an otter", **params}


async def test_what_another_model_lacks_is_fitted_and_told():
    config = {**KEY, "override_params": {"model": "dall-e-3"}}
    changes = await adaptations(
        config, model="gpt-image-1", size="1536x1024", quality="low", response_format="b64_json"
    )
    assert "size=1536x1024->1792x1024" in changes
    assert "quality=low->standard" in changes
    assert (await body(config, model="gpt-image-1", size="1536x1024"))["size"] == "1792x1024"


async def test_the_form_the_provider_makes_anyway_is_no_change():
    assert await adaptations(KEY, model="brand-new", response_format="b64_json") == []
    assert await adaptations(KEY, model="gpt-image-1", response_format="b64_json") == []


@pytest.mark.parametrize(
    ("config", "params"),
    [
        (KEY, {"response_format": "url"}),
        ({**KEY, "override_params": {"response_format": "url"}}, {}),
        ({**KEY, "default_params": {"response_format": "url"}}, {}),
        ({**KEY, "delivery": {"persist": True}}, {}),
        ({**KEY, "delivery": {"persist": True}}, {"response_format": "b64_json"}),
    ],
    ids=["asked for", "by override", "by default", "persisted", "persisted beside the bytes"],
)
async def test_links_without_a_place_for_pictures_are_refused_before_anything_is_spent(config, params):
    outcome, requests, journey = await sent(config, **params)
    assert (outcome.cause, outcome.reached, outcome.param) == (Cause.UNSUPPORTED, False, "response_format")
    assert "--data" in outcome.message
    assert (requests, journey.maybe_billed) == ([], 0)


async def test_strict_refuses_to_fit():
    config = {**KEY, "override_params": {"model": "dall-e-3"}, "adapt": "strict"}
    outcome, requests, _ = await sent(config, model="gpt-image-1", size="1536x1024")
    assert (outcome.cause, outcome.reached, requests) == (Cause.UNSUPPORTED, False, [])
    assert "size=1536x1024->1792x1024" in outcome.message
    assert "adapt: strict" in outcome.message


async def test_strict_sends_what_needs_no_fitting():
    config = {**KEY, "override_params": {"model": "dall-e-3"}, "adapt": "strict"}
    assert (await body(config, model="gpt-image-1", size="1024x1024"))["size"] == "1024x1024"


async def test_lenient_fits_and_says_nothing():
    config = {**KEY, "override_params": {"model": "dall-e-3"}, "adapt": "lenient"}
    assert await adaptations(config, answer(picture((64, 64))), model="gpt-image-1", size="1536x1024", n=3) == []
    assert (await body(config, model="gpt-image-1", size="1536x1024"))["size"] == "1792x1024"


MIXED = {
    "strategy": {"mode": "fallback"},
    "targets": [{**KEY}, {**KEY, "override_params": {"model": "dall-e-2"}}],
}


async def test_the_limits_of_the_callers_model_are_checked_where_the_edge_could_not():
    outcome, [request], _ = await sent(MIXED, model="dall-e-3", size="512x512")
    assert isinstance(outcome, Success)
    assert (request.json["model"], request.json["size"]) == ("dall-e-2", "512x512")


async def test_a_refused_request_names_the_parameter():
    outcome, requests, _ = await sent({**MIXED, "targets": MIXED["targets"][:1]}, model="dall-e-3", size="512x512")
    assert isinstance(outcome, Success)  # nothing renames the model: the edge has checked it
    assert len(requests) == 1
    outcome, requests, _ = await sent(
        {
            **MIXED,
            "targets": [MIXED["targets"][0], {**KEY, "override_params": {"model": "dall-e-2"}, "adapt": "strict"}],
        },
        model="dall-e-3",
        size="512x513",
    )
    assert (outcome.cause, outcome.code, outcome.param, outcome.status) == (
        Cause.UNSUPPORTED,
        "invalid_size",
        "size",
        400,
    )
    assert requests == []


async def test_only_listed_headers_go_on_and_only_if_they_came():
    config = {**KEY, "forward_headers": ["X-Request-Id", "x-missing"]}
    request = ImageRequest(params={"prompt": "p"}, headers={"x-request-id": "7", "x-other": "8", "cookie": "c"})
    _, [forwarded], _ = await sent(config, request=request)
    assert forwarded.headers["x-request-id"] == "7"
    assert forwarded.headers.keys().isdisjoint({"x-other", "x-missing", "cookie"})
    assert [name for name in forwarded.headers if name == "authorization"] == ["authorization"]


@pytest.mark.parametrize(
    ("provider", "header"), [("openai", "Bearer callers-key"), ("azure-openai", "callers-key")], ids=["openai", "azure"]
)
async def test_passthrough_sends_the_callers_credential(provider, header):
    fields = {"azure_resource_name": "r", "azure_deployment_id": "d"} if provider == "azure-openai" else {}
    request = ImageRequest(params={"prompt": "p"}, credential=Secret("callers-key"))
    _, [made], _ = await sent({"provider": provider, "passthrough": True, **fields}, request=request)
    assert made.headers.get("api-key" if fields else "authorization") == header


async def test_a_stored_credential_is_not_replaced_by_the_callers():
    request = ImageRequest(params={"prompt": "p"}, credential=Secret("callers-key"))
    _, [made], _ = await sent(KEY, request=request)
    assert made.headers["authorization"] == "Bearer providers-key"


async def test_without_a_credential_nothing_is_sent():
    outcome, requests, journey = await sent({"provider": "openai", "passthrough": True}, model="gpt-image-1")
    assert requests == []
    assert (outcome.cause, outcome.code, outcome.reached) == (Cause.AUTH, "invalid_api_key", False)
    assert "Authorization" in outcome.message
    assert journey.maybe_billed == 0


async def test_a_server_of_ones_own_needs_no_credential():
    config = {"provider": "openai-compatible", "custom_host": "http://10.0.0.5:8080/v1/"}
    outcome, [request], _ = await sent(config, model="sdxl")
    assert isinstance(outcome, Success)
    assert request.url == "http://10.0.0.5:8080/v1/images/generations"
    assert "authorization" not in request.headers


NOT_PICTURES = {
    "no picture at all": answer().__class__(200, {}, b'{"created": 1, "data": []}'),
    "something else in base64": answer("aGVsbG8gd29ybGQ="),
    "a cut picture": answer(picture()[: len(picture()) // 8 * 4]),
    "no base64": answer("###"),
}


@pytest.mark.parametrize("received", NOT_PICTURES.values(), ids=NOT_PICTURES)
async def test_what_is_no_whole_picture_is_a_failure(received):
    outcome, _, journey = await sent(KEY, received)
    assert (outcome.cause, outcome.reached, outcome.billable) == (Cause.EMPTY, True, True)
    assert "openai" in outcome.message
    assert journey.maybe_billed == 1


async def test_verification_can_be_switched_off():
    outcome, _, _ = await sent({**KEY, "delivery": {"verify": False}}, answer("aGVsbG8gd29ybGQ="))
    assert isinstance(outcome, Success)


async def test_another_size_than_asked_is_told():
    assert await adaptations(KEY, answer(picture((64, 32))), size="1024x1024") == ["size=1024x1024->64x32"]
    assert await adaptations(KEY, answer(picture((64, 32))), size="auto") == []


async def test_fewer_pictures_than_asked_are_told():
    small = picture((64, 64))
    assert await adaptations(KEY, answer(small, small), n=3) == ["n=3->2"]
    assert await adaptations(KEY, answer(small, small), n=2) == []
    assert await adaptations(KEY, answer(small)) == []


async def test_a_canonical_answer_is_kept_as_it_came():
    received = answer()
    outcome, _, _ = await sent(KEY, received)
    assert outcome.reply.canonical is received.body


async def test_what_it_cost_is_told_where_it_is_known():
    outcome, _, _ = await sent(KEY, model="dall-e-3", size="1024x1024")
    assert outcome.reply.cost_usd == pytest.approx(0.04)
    outcome, _, _ = await sent(KEY, model="brand-new")
    assert outcome.reply.cost_usd is None


async def test_a_providers_error_is_a_failure():
    outcome, _, _ = await sent(KEY, refused(429, message="slow down", **{"retry-after": "7"}))
    assert (outcome.cause, outcome.status, outcome.retry_after) == (Cause.RATE_LIMITED, 429, 7.0)


async def test_what_the_transport_says_is_passed_on():
    gone = Failure(cause=Cause.UNREACHABLE, message="no way", reached=False)
    outcome, _, journey = await sent(KEY, gone)
    assert (outcome.cause, outcome.message, outcome.reached) == (Cause.UNREACHABLE, "no way", False)
    assert not journey.attempts[0].sent


@pytest.mark.parametrize(
    ("config", "trusted"),
    [
        (KEY, True),
        ({**KEY, "custom_host": "http://10.0.0.5/v1"}, True),
    ],
    ids=["a provider's own host", "a host in a file"],
)
async def test_what_operators_wrote_is_trusted(config, trusted):
    _, [request], _ = await sent(config)
    assert request.trusted is trusted


# --- adapters of any behaviour, as none of ours has it


def adapter(flow):
    return Adapter(
        name="openai", base_url=lambda _: "https://a.example/v1", authorize=lambda _: {"X-Key": "k"}, flow=flow
    )


async def driven(flow, *script, **params):
    transport = ScriptedTransport(list(script))
    route = route_of(KEY)
    [spec] = route.targets.values()
    leaf = ImageTarget(spec, adapter(flow), Outside(transport=transport), False)
    return await run(replace(route, tree=Attempt("config", leaf)), **params), transport


async def test_a_crash_before_anything_was_sent_costs_nothing(caplog):
    def flow(_request, _target):
        raise ZeroDivisionError
        yield

    with caplog.at_level(logging.ERROR):
        (outcome, journey), _ = await driven(flow)
    assert (outcome.cause, outcome.reached, outcome.billable) == (Cause.INCOMPLETE, False, False)
    assert journey.maybe_billed == 0


async def test_a_crash_over_an_answer_is_that_targets_failure(caplog):
    def flow(_request, _target):
        received = yield from send(Send("POST", "/x", json={}))
        return received.json()["secret-of-the-answer"]["a"]

    with caplog.at_level(logging.ERROR):
        (outcome, journey), _ = await driven(flow, answer())
    assert (outcome.cause, outcome.code) == (Cause.INCOMPLETE, "upstream_bad_response")
    assert (outcome.reached, outcome.billable, journey.maybe_billed) == (True, True, 1)
    incident = outcome.message.partition("incident ")[2].partition(" ")[0]
    assert len(incident) == 8
    assert incident in caplog.text
    assert "Traceback" in caplog.text
    assert "secret-of-the-answer" not in outcome.message


async def test_a_polled_flow_shares_headers_but_not_those_of_one_step():
    def flow(_request, _target):
        yield from send(Send("POST", "/jobs", json={"a": 1}, headers={"X-Step": "one"}))
        yield Wait(0)
        yield from send(Send("GET", "/jobs/1"))
        return Success(ImageReply(pictures=(Picture(data=painted("PNG")),)))

    (outcome, _), transport = await driven(flow, answer(), answer())
    assert isinstance(outcome, Success)
    post, get = transport.sent
    assert (post.method, post.json, post.headers["x-key"], post.headers["x-step"]) == ("POST", {"a": 1}, "k", "one")
    assert (get.method, get.json, get.headers["x-key"]) == ("GET", None, "k")
    assert get.headers.keys().isdisjoint({"x-step", "content-type"})


async def test_a_failed_exchange_ends_the_flow():
    ended = []

    def flow(_request, _target):
        try:
            yield from send(Send("POST", "/jobs"))
        finally:
            ended.append(True)

    cut = Failure(cause=Cause.INCOMPLETE, message="cut off")
    (outcome, _), _ = await driven(flow, cut)
    assert outcome.cause is Cause.INCOMPLETE
    assert ended == [True]


# --- the sandbox


async def test_orders_for_the_sandbox_never_leave():
    orders = {"sandbox": {"status": 500}, "model": "gpt-image-1"}
    assert "sandbox" not in await body(KEY, **orders)
    assert "sandbox" not in await body(KEY, sandbox={"status": 500}, model="brand-new")
    assert "sandbox" not in await body({**KEY, "override_params": {"sandbox": {"status": 500}}}, model="m")


async def test_orders_that_an_unknown_model_is_not_given_are_listed():
    assert await adaptations(KEY, sandbox={"status": 500}, model="brand-new") == ["sandbox=orders->dropped"]
    outcome, requests, _ = await sent({**KEY, "adapt": "strict"}, sandbox={"status": 500}, model="brand-new")
    assert (outcome.cause, requests) == (Cause.UNSUPPORTED, [])


@pytest.mark.parametrize(
    "asked",
    [{"response_format": "url"}, {}],
    ids=["links are wanted", "everything is kept"],
)
async def test_a_providers_own_events_are_not_asked_for_where_they_could_not_be_delivered(asked, tmp_path):
    config = KEY if asked else {**KEY, "delivery": {"persist": True}}
    place = Delivery(FolderStore(tmp_path / "p", bytes_max=1 << 30, keep_seconds=3600), Links(b"not-real"))
    route, transport = route_with(config, PROVIDERS["openai"], [answer()], delivery=place)
    params = {"prompt": "an otter", "model": "brand-new", "stream": True, "partial_images": 1, **asked}
    outcome, _ = await run(route, ImageRequest(params=params, headers={"host": "127.0.0.1:1"}))
    assert not {"stream", "partial_images"} & transport.sent[0].json.keys()
    assert outcome.reply.pictures[0].url is not None
    assert [str(each) for each in outcome.reply.adaptations] == ["partial_images=1->dropped"]


async def test_the_sandbox_sends_nothing():
    outcome, requests, _ = await sent({"provider": "sandbox"}, size="64x64", n=2)
    assert isinstance(outcome, Success)
    assert (len(outcome.reply.pictures), requests) == (2, [])
    assert outcome.reply.cost_usd in (0, None)


async def test_the_sandbox_misbehaves_on_command():
    outcome, _, _ = await sent(
        {"provider": "sandbox", "override_params": {"sandbox": {"status": 503, "retry_after": 2}}}
    )
    assert (outcome.cause, outcome.status, outcome.retry_after) == (Cause.RATE_LIMITED, 503, 2.0)


def test_every_provider_that_a_config_may_name_can_be_talked_to():
    assert PROVIDERS.keys() == FIELDS.keys()
