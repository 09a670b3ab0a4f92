"""The cache of a target: what is the same request, who pays, and what is kept for how long."""

import asyncio
from dataclasses import replace

import pytest

from gateway.config.spec import CacheSpec
from gateway.delivery import Delivery, Links
from gateway.images import ImageReply, ImageRequest, Picture
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.state import Memory, StateLost
from gateway.target import Cached, ImageTarget, Outside
from strategies import Attempt, Cause, Context, Failure, Journey, Success
from tests.gateway import scripted
from tests.gateway.delivery.pictures import painted, upload
from tests.gateway.scripted import After, ScriptedTransport, linked, picture, refused, spec_of

OPENAI = {"provider": "openai", "api_key": "test-key-not-real", "override_params": {"model": "gpt-image-1"}}
HOUR = 3600.0
LONG = 10_000_000.0
SMALL = picture((16, 16))


class Kitchen:
    """One cached target, and what it costs."""

    def __init__(self, *script, state=None, version="v1", delivery=None, **config):
        self.transport = ScriptedTransport([*script])
        self.state = Memory(50_000_000) if state is None else state
        self.outside = Outside(transport=self.transport, state=self.state, delivery=delivery or Delivery())
        self.node = self.of(version=version, **config)

    def of(self, version="v1", **config):
        spec = spec_of({**OPENAI, "cache": {"mode": "simple", "max_age": 3600}, **config}).root
        leaf = ImageTarget(spec, PROVIDERS[spec.provider], self.outside, checks=False)
        return Cached(Attempt(spec.path, leaf), leaf, spec.cache, version)

    async def ask(self, *, node=None, deadline=LONG, **about):
        self.journey = Journey(rng=None)
        context = Context(self.journey, asyncio.get_running_loop().time() + deadline)
        return await (node or self.node)(asking(**about), context)

    async def status(self, **about):
        return (await self.ask(**about)).reply.cache

    @property
    def paid(self):
        return len(self.transport.sent)


def asking(*, tenant="", metadata=None, headers=None, credential=None, path="/v1/images/generations", **params):
    return ImageRequest(
        params={"prompt": "an otter", **params},
        path=path,
        tenant=tenant,
        metadata=metadata or {},
        headers=headers or {},
        credential=credential,
    )


def answer(*pictures, **more):
    return scripted.answer(*(pictures or (SMALL,)), **more)


def different(number):
    return answer(picture((16 + number, 16)))


async def test_the_same_request_is_painted_once_and_answered_with_the_same_bytes():
    kitchen = Kitchen(answer(usage={"total_tokens": 7}, odd="kept too"), override_params={"model": "dall-e-3"})
    first = await kitchen.ask(quality="hd")
    attempts = len(kitchen.journey.attempts)
    second = await kitchen.ask(quality="hd")
    assert (first.reply.cache, second.reply.cache, kitchen.paid) == ("MISS", "HIT", 1)
    assert second.reply.canonical == first.reply.canonical
    assert [bytes(each.b64) for each in second.reply.pictures] == [bytes(each.b64) for each in first.reply.pictures]
    assert (second.reply.about, second.reply.model, second.reply.provider) == (
        first.reply.about,
        "dall-e-3",
        "openai",
    )
    assert (attempts, len(kitchen.journey.attempts)) == (1, 0)
    assert first.reply.cost_usd > 0
    assert (second.reply.cost_usd, second.reply.kept_by, first.reply.kept_by) == (0.0, "config", None)


OTHERS = {
    "another prompt": {"prompt": "a heron"},
    "another size": {"size": "1536x1024"},
    "another tenant": {"tenant": "team-b"},
    "other metadata": {"metadata": {"plan": "paid"}},
    "another namespace": {"headers": {"x-portkey-cache-namespace": "b"}},
    "another user": {"user": "grace"},
    "another number of pictures": {"n": 2},
    "a form of its own": {"response_format": "b64_json"},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_what_differs_is_painted_anew(other):
    kitchen = Kitchen(answer(), answer(SMALL, SMALL))
    assert await kitchen.status() == "MISS"
    assert await kitchen.status(**other) == "MISS"
    assert kitchen.paid == 2


CHANGES = {
    "another config": {"version": "v2"},
    "another model": {"override_params": {"model": "gpt-image-1-mini"}},
    "another key": {"api_key": "another-key-not-real"},
    "another host": {"custom_host": "https://elsewhere.example/v1"},
    "another organization": {"openai_organization": "org-b"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_another_target_has_a_cache_of_its_own(change):
    kitchen = Kitchen(answer(), answer())
    assert await kitchen.status() == "MISS"
    assert await kitchen.status(node=kitchen.of(**change)) == "MISS"


async def test_the_order_in_which_parameters_and_metadata_are_written_says_nothing():
    kitchen = Kitchen(answer())
    assert await kitchen.status(size="1024x1024", quality="low", metadata={"a": "1", "b": "2"}) == "MISS"
    assert await kitchen.status(quality="low", size="1024x1024", metadata={"b": "2", "a": "1"}) == "HIT"


async def test_headers_that_are_sent_on_are_part_of_the_request():
    kitchen = Kitchen(answer(), answer(), forward_headers=["x-style"])
    assert await kitchen.status(headers={"x-style": "a", "x-other": "1"}) == "MISS"
    assert await kitchen.status(headers={"x-style": "a", "x-other": "2"}) == "HIT"
    assert await kitchen.status(headers={"x-style": "b", "x-other": "1"}) == "MISS"


async def test_pictures_of_a_caller_s_own_provider_key_are_shown_to_that_key_alone():
    kitchen = Kitchen(answer(), answer())
    spec = spec_of(
        {"provider": "openai", "passthrough": True, "cache": {}, "override_params": {"model": "gpt-image-1"}}
    )
    leaf = ImageTarget(spec.root, PROVIDERS["openai"], kitchen.outside, checks=False)
    node = Cached(Attempt("config", leaf), leaf, CacheSpec(), "v1")
    ada, bob = Secret("key-of-ada-not-real"), Secret("key-of-bob-not-real")
    assert [await kitchen.status(node=node, credential=key) for key in (ada, ada, bob)] == ["MISS", "HIT", "MISS"]


async def test_an_edit_is_known_by_the_bytes_of_its_pictures():
    kitchen = Kitchen()

    async def paint(request, context):
        return Success(ImageReply(pictures=(Picture(data=b"any"),)))

    node = replace(kitchen.node, inner=paint)  # forms are written in threads, which have no virtual time
    edit, content = {"path": "/v1/images/edits"}, painted("PNG", (64, 64))
    assert await kitchen.status(node=node, image=[upload(content=content)], **edit) == "MISS"
    assert await kitchen.status(node=node, image=[upload(content=bytearray(content))], **edit) == "HIT"
    assert await kitchen.status(node=node, image=[upload(content=content + b"x")], **edit) == "MISS"


async def test_what_was_adapted_in_another_way_is_told_in_its_own_words():
    kitchen = Kitchen(answer(), answer())
    plain = await kitchen.ask(size="1024x1024", model="dall-e-3")
    adapted = await kitchen.ask(size="1000x1000", model="dall-e-3")
    assert "size=1000x1000->1024x1024" not in map(str, plain.reply.adaptations)
    assert "size=1000x1000->1024x1024" in map(str, adapted.reply.adaptations)


# --- how long ---


async def test_an_answer_is_kept_as_long_as_max_age_says():
    kitchen = Kitchen(answer(), answer())
    assert await kitchen.status() == "MISS"
    await asyncio.sleep(HOUR - 1)
    assert await kitchen.status() == "HIT"
    await asyncio.sleep(1)
    assert await kitchen.status() == "MISS"


async def test_links_of_a_provider_are_kept_for_five_minutes_at_most():
    kitchen = Kitchen(linked("https://pictures.example/a.png"), linked("https://pictures.example/b.png"))
    ask = {"model": "dall-e-3"}
    node = kitchen.of(override_params={"model": "dall-e-3"})
    first = await kitchen.ask(node=node, **ask)
    await asyncio.sleep(299)
    second = await kitchen.ask(node=node, **ask)
    assert second.reply.cache == "HIT"
    assert [each.url for each in second.reply.pictures] == [each.url for each in first.reply.pictures]
    await asyncio.sleep(1)
    assert await kitchen.status(node=node, **ask) == "MISS"


async def test_links_of_our_own_are_kept_for_half_of_their_time():
    links = Links(b"secret", public_url="https://img.example")
    link = links.link("a" * 64 + ".png", 10**10, {})
    kitchen = Kitchen(linked(link), linked(link), delivery=Delivery(None, links))
    node = kitchen.of(override_params={"model": "dall-e-3"}, delivery={"url_ttl": 1200})
    assert await kitchen.status(node=node) == "MISS"
    await asyncio.sleep(599)
    assert await kitchen.status(node=node) == "HIT"
    await asyncio.sleep(1)
    assert await kitchen.status(node=node) == "MISS"


async def test_links_are_kept_apart_by_the_host_that_they_lead_to():
    kitchen = Kitchen(linked("https://pictures.example/a.png"), linked("https://pictures.example/b.png"))
    node = kitchen.of(override_params={"model": "dall-e-3"})
    ask = {"node": node, "response_format": "url"}
    assert await kitchen.status(**ask, headers={"host": "img.example"}) == "MISS"
    assert await kitchen.status(**ask, headers={"host": "evil.example"}) == "MISS"


# --- what is kept ---


async def test_a_failure_is_not_kept():
    kitchen = Kitchen(refused(500), answer())
    assert (await kitchen.ask()).cause is Cause.PROVIDER_ERROR
    assert await kitchen.status() == "MISS"
    assert await kitchen.status() == "HIT"


async def test_fewer_pictures_than_asked_for_are_not_kept():
    kitchen = Kitchen(answer(SMALL), answer(SMALL, SMALL))
    partial = await kitchen.ask(n=2)
    assert (len(partial.reply.pictures), partial.reply.cache) == (1, "MISS")
    assert await kitchen.status(n=2) == "MISS"
    assert await kitchen.status(n=2) == "HIT"


async def test_events_of_a_provider_pass_uncached():
    kitchen = Kitchen(answer(), answer())
    assert [await kitchen.status(stream=True) for _ in range(2)] == ["DISABLED", "DISABLED"]
    assert kitchen.paid == 2


async def test_an_answer_that_only_becomes_an_event_here_is_kept_but_not_for_who_wants_none():
    kitchen = Kitchen(answer(), answer())
    node = kitchen.of(override_params={"model": "dall-e-3"})
    assert [await kitchen.status(node=node, stream=True) for _ in range(2)] == ["MISS", "HIT"]
    assert await kitchen.status(node=node) == "MISS"


async def test_a_refresh_paints_anew_and_replaces_what_is_kept():
    kitchen = Kitchen(different(1), different(2))
    await kitchen.ask()
    for word, status in (("false", "HIT"), ("True", "REFRESH")):
        assert await kitchen.status(headers={"x-portkey-cache-force-refresh": word}) == status
    got = await kitchen.ask()
    assert (got.reply.cache, kitchen.paid) == ("HIT", 2)
    assert got.reply.canonical == different(2).body


class Broken:
    """A store that is down."""

    async def get(self, *_):
        raise StateLost("connection refused")

    put = add = drop = count = get


class Full:
    """A store that keeps nothing, or nonsense."""

    def __init__(self, held):
        self.held = held

    async def get(self, key):
        return self.held

    async def put(self, key, value, seconds):
        pass

    add = put


@pytest.mark.parametrize("held", [None, b"", b"nonsense", b"{}\n", b'{"body": 9, "pictures": 5}\n', b"[]\nabc"])
async def test_a_store_that_keeps_nothing_or_nonsense_is_nobody_s_failure(held):
    kitchen = Kitchen(answer(), answer(), state=Full(held))
    assert [await kitchen.status() for _ in range(2)] == ["MISS", "MISS"]


@pytest.mark.parametrize("variants", [1, 2])
async def test_a_store_that_is_down_is_nobody_s_failure(variants, caplog):
    kitchen = Kitchen(answer(), answer(), state=Broken(), cache={"variants": variants})
    assert [await kitchen.status() for _ in range(2)] == ["MISS", "MISS"]
    assert "the cache cannot be read: connection refused" in caplog.messages
    assert "the cache cannot be written to: connection refused" in caplog.messages


# --- variants ---


async def seen(kitchen, times, **about):
    """Return how each of some answers came, and which pictures they held."""
    answers = [await kitchen.ask(**about) for _ in range(times)]
    return [each.reply.cache for each in answers], [bytes(each.reply.pictures[0].b64) for each in answers]


async def test_variants_are_painted_until_all_are_there_and_shown_in_turn():
    kitchen = Kitchen(*map(different, range(3)), cache={"variants": 3})
    told, pictures = await seen(kitchen, 9)
    assert told == ["MISS"] * 3 + ["HIT"] * 6
    assert (len(set(pictures[:3])), kitchen.paid) == (3, 3)
    assert set(pictures[3:6]) == set(pictures[6:9]) == set(pictures[:3])


async def test_variants_are_shared_by_all_callers_each_of_whom_sees_them_in_turn():
    kitchen = Kitchen(*map(different, range(2)), cache={"variants": 2})
    ada, bob = {"metadata": {"_user": "ada"}}, {"user": "bob"}
    assert (await seen(kitchen, 2, **ada))[0] == ["MISS", "MISS"]
    for caller in (ada, bob):
        told, pictures = await seen(kitchen, 2, **caller)
        assert (told, len(set(pictures))) == (["HIT", "HIT"], 2)


async def test_a_seed_has_one_picture():
    kitchen = Kitchen(answer(), cache={"variants": 3})
    assert (await seen(kitchen, 3, seed=7))[0] == ["MISS", "HIT", "HIT"]


async def test_a_refresh_replaces_the_variant_whose_turn_it_is():
    kitchen = Kitchen(*map(different, range(3)), cache={"variants": 2})
    _, before = await seen(kitchen, 2)
    assert await kitchen.status(headers={"x-portkey-cache-force-refresh": "true"}) == "REFRESH"
    told, after = await seen(kitchen, 2)
    assert told == ["HIT", "HIT"]
    assert len({*before, *after}) == 3


async def test_twins_that_come_at_once_are_painted_as_often_as_there_are_variants():
    kitchen = Kitchen(*(After(5, different(number)) for number in range(3)), cache={"variants": 3})
    got = await asyncio.gather(*(kitchen.ask() for _ in range(30)))
    assert (kitchen.paid, len({each.reply.canonical for each in got})) == (3, 3)


# --- at once ---


async def test_concurrent_twins_share_one_call():
    kitchen = Kitchen(After(5, answer()), override_params={"model": "dall-e-3"})
    got = await asyncio.gather(*(kitchen.ask() for _ in range(100)))
    assert (kitchen.paid, asyncio.get_running_loop().time()) == (1, 5)
    assert sorted(each.reply.cache for each in got) == ["HIT"] * 99 + ["MISS"]
    assert len({each.reply.canonical for each in got}) == 1
    assert sum(each.reply.cost_usd > 0 for each in got) == 1


async def test_after_a_failure_the_next_one_makes_the_call_never_all_at_once():
    kitchen = Kitchen(After(5, refused(500)), After(5, refused(500)), After(5, answer()))
    got = await asyncio.gather(*(kitchen.ask() for _ in range(10)))
    assert [isinstance(each, Failure) for each in got] == [True, True, *[False] * 8]
    assert (kitchen.paid, kitchen.transport.most_at_once) == (3, 1)
    assert asyncio.get_running_loop().time() == 15


async def test_when_the_first_one_leaves_the_next_one_takes_its_place():
    kitchen = Kitchen(After(5, answer()), After(5, answer()))
    first, *others = [asyncio.create_task(kitchen.ask()) for _ in range(3)]
    await asyncio.sleep(1)
    first.cancel()
    others[1].cancel()
    assert (await others[0]).reply.cache == "MISS"
    assert (kitchen.paid, asyncio.get_running_loop().time()) == (2, 6)
    assert await kitchen.status() == "HIT"


async def test_who_waits_longer_than_it_may_is_told_so_and_leaves_the_others_alone():
    kitchen = Kitchen(After(5, answer()))
    first = asyncio.create_task(kitchen.ask())
    await asyncio.sleep(0)
    late = await kitchen.ask(deadline=2)
    assert (late.cause, late.reached, asyncio.get_running_loop().time()) == (Cause.DEADLINE, False, 2)
    assert isinstance(await first, Success)


async def test_refreshes_that_come_at_once_share_one_call_and_no_earlier_one():
    kitchen = Kitchen(After(5, different(1)), After(5, different(2)))
    early = asyncio.create_task(kitchen.ask())
    await asyncio.sleep(1)
    refresh = {"headers": {"x-portkey-cache-force-refresh": "1"}}
    got = await asyncio.gather(*(kitchen.ask(**refresh) for _ in range(5)))
    assert (await early).reply.canonical == different(1).body
    assert {each.reply.canonical for each in got} == {different(2).body}
    assert {each.reply.cache for each in got} == {"REFRESH"}
    assert kitchen.paid == 2


class Elsewhere:
    """Flights of which another gateway makes the call."""

    def __init__(self, paint):
        self.paint, self.anew = paint, []

    async def join(self, key, call, judge, *, until, look, anew):
        self.anew.append(anew)
        await self.paint()
        found = await look()
        return (await call(), True) if found is None else (found, False)


def neighbours(*, here=(), there=(), state=None):
    """Return two kitchens with one store, of which the first waits for the second."""
    state = Memory(50_000_000) if state is None else state
    second, first = Kitchen(*there, state=state), Kitchen(*here, state=state)
    flights = Elsewhere(second.ask)
    first.outside = replace(first.outside, flights=flights)
    first.node = first.of()
    return first, second, flights


async def test_what_another_gateway_paints_meanwhile_is_given_here_for_nothing():
    here, there, flights = neighbours(there=[different(1), different(2)])
    first = await here.ask()
    assert (first.reply.cache, first.reply.cost_usd, first.reply.kept_by) == ("HIT", 0.0, "config")
    assert first.reply.canonical == different(1).body
    again = await here.ask(headers={"x-portkey-cache-force-refresh": "1"})
    assert again.reply.cache == "REFRESH"
    assert (here.paid, there.paid, flights.anew) == (0, 1, [False, True])


async def test_what_another_gateway_could_not_keep_is_painted_here():
    here, there, _ = neighbours(here=[answer()], there=[answer()], state=Broken())
    assert (await here.ask()).reply.cache == "MISS"
    assert (here.paid, there.paid) == (1, 1)


async def test_what_another_gateway_painted_waits_for_room_no_longer_than_it_may():
    here, _, _ = neighbours(there=[answer(picture((700, 700)))])

    class Full:
        async def take(self, count):
            await asyncio.sleep(LONG)

        def give(self, count):
            raise AssertionError

    request = ImageRequest(params={"prompt": "an otter"}, room=Full())
    got = await here.node(request, Context(Journey(rng=None), 2.0))
    assert (got.cause, asyncio.get_running_loop().time(), here.paid) == (Cause.DEADLINE, 2, 0)


async def test_large_answers_that_are_kept_wait_for_room_as_those_that_come():
    kitchen = Kitchen(answer(picture((700, 700))), answer())
    await kitchen.ask()
    taken = []

    class Room:
        async def take(self, count):
            taken.append(count)

        def give(self, count):
            raise AssertionError

    for prompt in ("an otter", "a small one", "a small one"):
        request = ImageRequest(params={"prompt": prompt}, room=Room())
        got = await kitchen.node(request, Context(Journey(rng=None), LONG))
        if prompt == "an otter":
            assert taken == [len(got.reply.canonical)]
            assert taken[0] > 1 << 20
            taken.clear()
    assert (got.reply.cache, taken) == ("HIT", [])


async def test_the_verdict_is_told_without_counting_or_painting():
    kitchen = Kitchen(different(1), different(2), cache={"variants": 2})
    assert await kitchen.node.verdict(asking()) == "MISS"
    await seen(kitchen, 2)
    for _ in range(3):
        assert await kitchen.node.verdict(asking()) == "HIT"
    assert await kitchen.node.verdict(asking(headers={"x-portkey-cache-force-refresh": "true"})) == "REFRESH"
    assert await kitchen.node.verdict(asking(stream=True)) == "DISABLED"
    assert kitchen.paid == 2
