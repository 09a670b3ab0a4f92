"""One attempt's talk with a provider: whom it tells the credential, what it asks again, what it signs."""

import pytest

from gateway.dialect.encode import Adapted, Field, encode
from gateway.images import Embedded, ImageReply, Picture
from gateway.wire import Adapter, Draw, Outgoing, Send, Wait, draw, send
from strategies import Cause, Failure, Success
from tests.gateway.delivery.pictures import painted, upload
from tests.gateway.scripted import answer, asking, downloaded, linked, refused, route_with, run

KEY = {"provider": "openai", "api_key": "not-real"}
DONE = Success(ImageReply(pictures=(Picture(data=painted("PNG")),)))
LOST = Failure(cause=Cause.UNREACHABLE, message="no way", reached=False)
CUT = Failure(cause=Cause.INCOMPLETE, message="cut off")


def playing(flow, **more):
    return Adapter(
        name="openai",
        base_url=lambda _: "https://api.provider.example/v1",
        authorize=lambda wire: {"X-Key": wire.credentials["api_key"].reveal()},
        flow=flow,
        **more,
    )


async def driven(flow, *script, config=KEY, request=None, adapter=None, trusts=None, **params):
    outside = {} if trusts is None else {"trusts": trusts}
    route, transport = route_with(config, playing(flow, **(adapter or {})), script, **outside)
    outcome, journey = await run(route, request, **params)
    return outcome, transport.sent, journey


# --- whom the credential is told


def _asking_at(path):
    def flow(_request, _target):
        yield from send(Send("GET", path))
        return DONE

    return flow


OWN = {"own_hosts": ("files.provider.example", ".cdn.example")}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/jobs/1", True),
        ("?page=2", True),
        ("https://api.provider.example/v1/jobs/1", True),
        ("https://api.provider.example/elsewhere", True),
        ("https://api.provider.example:8443/v1/jobs/1", True),
        ("https://files.provider.example/1", True),
        ("https://eu.cdn.example/1", True),
        ("https://cdn.example/1", False),
        ("https://eu.cdn.example.evil.example/1", False),
        ("https://evilcdn.example/1", False),
        ("https://files.provider.example@evil.example/1", False),
        ("https://evil.example/api.provider.example", False),
        ("https://api.provider.example.evil.example/", False),
    ],
)
async def test_only_the_providers_own_hosts_see_the_credential(path, told):
    outcome, [sent], _ = await driven(_asking_at(path), answer(), adapter=OWN)
    assert isinstance(outcome, Success)
    assert ("x-key" in sent.headers) is told
    assert sent.trusted is path.startswith(("/", "?", "https://api.provider.example/"))


@pytest.mark.parametrize(
    ("custom", "path", "told"),
    [
        ("https://proxy.example/v1", "https://files.provider.example/1", False),
        ("https://proxy.example/v1", "https://api.provider.example/v1/jobs/1", False),
        ("https://proxy.example/v1", "https://proxy.example/elsewhere", True),
        ("https://files.provider.example/v1", "https://eu.cdn.example/1", True),
    ],
    ids=["a file of the provider's", "the provider itself", "the same host", "another of the provider's hosts"],
)
async def test_a_host_in_the_providers_place_shares_its_credential_with_none_of_the_providers(custom, path, told):
    config = {**KEY, "custom_host": custom}
    outcome, [sent], _ = await driven(_asking_at(path), answer(), adapter=OWN, config=config)
    assert isinstance(outcome, Success)
    assert ("x-key" in sent.headers) is told


async def test_headers_of_the_caller_go_where_the_credential_goes():
    config = {**KEY, "forward_headers": ["x-request-id"]}
    request = asking()
    request = type(request)(params=request.params, headers={"x-request-id": "7"})
    for path, told in (("/jobs/1", True), ("https://foreign.example/1", False)):
        _, [sent], _ = await driven(_asking_at(path), answer(), config=config, request=request)
        assert ("x-request-id" in sent.headers) is told


@pytest.mark.parametrize(
    "path",
    ["http://foreign.example/1", "http://api.provider.example/v1/jobs/1", "http://169.254.169.254/latest/meta-data"],
    ids=["a foreign host", "the provider's own", "a cloud's metadata"],
)
async def test_links_without_encryption_are_not_followed(path):
    outcome, sent, _ = await driven(_asking_at(path))
    assert (sent, outcome.code) == ([], "upstream_bad_response")
    assert "trusted_hosts" in outcome.message


@pytest.mark.parametrize("path", ["evil.example/1", "@evil.example/1", ":80@evil.example/", "ftp://evil.example/1"])
async def test_what_is_no_address_is_not_joined_to_the_base(path):
    outcome, sent, _ = await driven(_asking_at(path))
    assert (sent, outcome.cause, outcome.code) == ([], Cause.INCOMPLETE, "upstream_bad_response")


async def test_an_operator_may_trust_a_host_without_encryption():
    trusts = {"10.0.0.9:9000"}.__contains__
    outcome, [sent], _ = await driven(_asking_at("http://10.0.0.9:9000/1"), answer(), trusts=trusts)
    assert isinstance(outcome, Success)
    assert (sent.trusted, "x-key" in sent.headers) == (True, False)


async def test_loopback_is_for_the_socket_to_judge():
    _, [sent], _ = await driven(_asking_at("http://127.0.0.1:8188/view"), answer())
    assert (sent.trusted, "x-key" in sent.headers) == (False, False)


async def test_a_server_of_ones_own_may_link_to_itself():
    config = {"provider": "openai", "api_key": "not-real", "custom_host": "http://10.0.0.5:8080/v1"}
    _, [sent], _ = await driven(_asking_at("http://10.0.0.5:8080/files/1"), answer(), config=config)
    assert (sent.trusted, "x-key" in sent.headers) == (True, True)
    _, [sent], _ = await driven(_asking_at("https://api.provider.example/v1/1"), answer(), config=config)
    assert (sent.trusted, "x-key" in sent.headers) == (False, False)


async def test_a_path_may_lead_beside_the_last_segment_of_the_base():
    _, [sent], _ = await driven(_asking_at("/../v2/jobs"), answer())
    assert sent.url == "https://api.provider.example/v2/jobs"


# --- a job that was taken on


def _polling(_request, _target):
    yield from send(Send("POST", "/jobs", json={"a": 1}))
    while True:
        yield Wait(5)
        received = yield from send(Send("GET", "/jobs/1"))
        if received.json().get("data"):
            return DONE


BUSY = downloaded(b"{}")


@pytest.mark.parametrize("lost", [LOST, CUT], ids=["no connection", "a cut one"])
async def test_a_question_about_a_job_is_asked_again_after_a_lost_connection(lost):
    outcome, sent, journey = await driven(_polling, answer(), BUSY, lost, lost, lost, answer())
    assert isinstance(outcome, Success)
    assert [(each.method, each.at) for each in sent] == [
        ("POST", 0),
        ("GET", 5),
        ("GET", 10),
        ("GET", 11),
        ("GET", 12),
        ("GET", 13),
    ]
    assert (len(journey.attempts), journey.maybe_billed) == (1, 0)


async def test_a_job_that_cannot_be_asked_about_may_have_cost_money():
    outcome, sent, journey = await driven(_polling, answer(), LOST, LOST, LOST, LOST)
    assert (outcome.cause, outcome.billable, journey.maybe_billed) == (Cause.UNREACHABLE, True, 1)
    assert [each.method for each in sent] == ["POST"] + ["GET"] * 4


async def test_other_failures_of_a_question_are_not_asked_again():
    late = Failure(cause=Cause.TIMEOUT, message="too late")
    outcome, sent, _ = await driven(_polling, answer(), late)
    assert (outcome.cause, outcome.billable, len(sent)) == (Cause.TIMEOUT, True, 2)


async def test_a_job_that_was_not_taken_on_is_not_asked_for_again():
    outcome, sent, journey = await driven(_polling, LOST)
    assert (outcome.cause, outcome.billable, journey.maybe_billed, len(sent)) == (Cause.UNREACHABLE, False, 0, 1)


def _asking_first(_request, _target):
    yield from send(Send("GET", "/account"))
    return DONE


async def test_a_question_before_anything_was_taken_on_is_asked_once():
    outcome, sent, _ = await driven(_asking_first, LOST)
    assert (outcome.cause, outcome.billable, len(sent)) == (Cause.UNREACHABLE, False, 1)


def _submitting_twice(_request, _target):
    yield from send(Send("POST", "/jobs"))
    yield from send(Send("POST", "/jobs/1/go"))
    return DONE


async def test_what_is_no_question_is_never_sent_again():
    outcome, sent, _ = await driven(_submitting_twice, answer(), CUT)
    assert (outcome.cause, outcome.billable, len(sent)) == (Cause.INCOMPLETE, True, 2)
    outcome, sent, _ = await driven(_submitting_twice, refused(500), LOST)
    assert (outcome.billable, len(sent)) == (False, 2)


# --- signatures


async def test_a_request_is_signed_as_it_leaves():
    seen = []

    def sign(wire, outgoing):
        seen.append((wire.credentials["api_key"].reveal(), outgoing))
        return {"Authorization": "Signature abc", "X-Date": "now"}

    def flow(_request, _target):
        yield from send(Send("POST", "/jobs?a=b", json={"a": 1}, headers={"X-Step": "one"}))
        yield from send(Send("GET", "https://foreign.example/1"))
        return DONE

    _, [own, foreign], _ = await driven(flow, answer(), answer(), adapter={"sign": sign})
    [(key, outgoing)] = seen
    assert key == "not-real"
    assert isinstance(outgoing, Outgoing)
    assert (outgoing.method, outgoing.url) == ("POST", "https://api.provider.example/v1/jobs?a=b")
    assert outgoing.body == own.body == b'{"a":1}'
    assert outgoing.at > 1.7e9
    assert {"x-step", "content-type", "x-key"} <= outgoing.headers.keys()
    assert own.headers == {**outgoing.headers, "authorization": "Signature abc", "x-date": "now"}
    assert foreign.headers.keys().isdisjoint({"authorization", "x-date", "x-key"})


# --- targets that allow no changes


def _encoding(request, _target):
    turn = Field("size", turn=lambda value: value if value == "1024x1024" else Adapted("1024x1024"))
    encoded = encode((Field("prompt"), turn), request.params)
    yield from send(Send("POST", "/jobs", json=encoded.body))
    return Success(ImageReply(pictures=DONE.reply.pictures, adaptations=encoded.adaptations))


@pytest.mark.parametrize("params", [{"size": "512x512"}, {"style": "vivid"}], ids=["changed", "dropped"])
async def test_strict_sends_nothing_that_an_adapter_would_have_to_change(params):
    strict = {**KEY, "adapt": "strict"}
    outcome, sent, journey = await driven(_encoding, config=strict, model="brand-new", **params)
    assert (outcome.cause, outcome.reached, sent, journey.maybe_billed) == (Cause.UNSUPPORTED, False, [], 0)
    [(name, value)] = params.items()
    assert f"{name}={value}->" in outcome.message
    assert "adapt: strict" in outcome.message
    outcome, sent, _ = await driven(_encoding, answer(), model="brand-new", **params)
    assert (len(sent), outcome.reply.adaptations[0].param) == (1, name)


async def test_strict_sends_what_an_adapter_need_not_change():
    outcome, sent, _ = await driven(_encoding, answer(), config={**KEY, "adapt": "strict"}, size="1024x1024")
    assert isinstance(outcome, Success)
    assert sent[0].json == {"prompt": "an otter", "size": "1024x1024"}


async def test_a_change_that_strict_hears_of_after_the_painting_is_delivered_and_listed():
    def flow(_request, _target):
        yield from send(Send("POST", "/jobs", json={}))
        return Success(ImageReply(pictures=DONE.reply.pictures, adaptations=_encoding_change()))

    outcome, _, journey = await driven(flow, answer(), config={**KEY, "adapt": "strict"})
    assert ([str(change) for change in outcome.reply.adaptations], journey.maybe_billed) == (
        ["style=vivid->dropped"],
        0,
    )


def _encoding_change():
    return encode((), {"style": "vivid"}).adaptations


# --- what flows may wish for


async def test_chance_comes_from_the_requests_own_numbers():
    drawn = []

    def flow(_request, _target):
        drawn.append((yield from draw()))
        drawn.append((yield Draw()))
        yield from send(Send("GET", "/"))
        return DONE

    await driven(flow, answer())
    await driven(flow, answer())
    assert drawn[:2] == drawn[2:]
    assert all(0 <= number < 1 for number in drawn)
    assert drawn[0] != drawn[1]


async def test_an_answer_without_a_picture_is_empty():
    def flow(_request, _target):
        yield from send(Send("GET", "/"))
        return Success(ImageReply())

    outcome, _, _ = await driven(flow, answer())
    assert (outcome.cause, outcome.message) == (Cause.EMPTY, "openai answered without a picture")


async def test_links_are_not_followed_unless_somebody_wants_the_bytes():
    outcome, sent, _ = await driven(_linking, linked("https://cdn.example/1.png"))
    assert (outcome.reply.pictures[0].url, len(sent)) == ("https://cdn.example/1.png", 1)


def _linking(_request, _target):
    received = yield from send(Send("POST", "/"))
    return Success(ImageReply(pictures=tuple(Picture(url=each["url"]) for each in received.json()["data"])))


def test_a_picture_of_a_request_is_shown_without_its_bytes():
    assert str(upload()) == f"<png 64x64, {upload().content.size} bytes>"


async def test_a_mask_without_transparency_is_unsupported_before_anything_is_spent():
    def flow(request, _target):
        yield from send(Send("POST", "/", data=Embedded(upload=request.mask, form="bytes", mask="white")))
        return DONE

    outcome, sent, journey = await driven(flow, model="brand-new", mask=upload("jpeg"))
    assert (outcome.cause, outcome.param, outcome.reached) == (Cause.UNSUPPORTED, "mask", False)
    assert "transparent" in outcome.message
    assert (sent, journey.maybe_billed) == ([], 0)
