"""Pictures in the form that was asked for: fetched, or kept and linked to, and owned up to where that failed."""

import base64
import errno
import re
from collections import Counter
from dataclasses import replace

import pytest

from gateway.catalogue import Catalogue, row_of
from gateway.delivery import Delivery, FolderStore, Links
from gateway.delivery.verify import look
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from strategies import Cause, Failure, Success
from tests.gateway.delivery.pictures import painted
from tests.gateway.scripted import answer, downloaded, linked, picture, refused, route_with, run

KEY = {"provider": "openai", "api_key": "not-real"}
PERSISTED = {**KEY, "delivery": {"persist": True}}
OPENAI = replace(PROVIDERS["openai"], own_hosts=("files.openai.example",))
LINK = "https://cdn.example/1.png"
PNG = painted("PNG")
LOST = Failure(cause=Cause.UNREACHABLE, message="no way", reached=False)
CALLER = {"host": "127.0.0.1:8787"}


class FullStore:
    """A disk that is full."""

    def __init__(self):
        self.asked = 0

    def put(self, chunks, _extension):
        self.asked += 1
        next(iter(chunks))
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def folder(tmp_path):
    return FolderStore(tmp_path / "pictures", bytes_max=1 << 30, keep_seconds=604_800)


@pytest.fixture
def kept(folder):
    return Delivery(folder, Links(b"not-real"))


@pytest.fixture
def full():
    return Delivery(FullStore(), Links(b"not-real"))


async def handed(*script, config=KEY, delivery=None, catalogue=None, trusts=None, **params):
    given = {"delivery": delivery, "catalogue": catalogue, "trusts": trusts}
    outside = {name: value for name, value in given.items() if value is not None}
    route, transport = route_with(config, OPENAI, script, **outside)
    asked = {"prompt": "an otter", "model": "brand-new", **params}
    request = ImageRequest(params=asked, headers=CALLER)
    outcome, journey = await run(route, request)
    return outcome, transport.sent, journey


def bytes_of(made):
    return made.data if made.data is not None else base64.b64decode(made.b64)


def ledger(outcome):
    return [str(change) for change in outcome.reply.adaptations]


# --- from a link to the bytes


async def test_a_link_is_followed_where_the_bytes_are_asked_for():
    outcome, [_, fetched], _ = await handed(linked(LINK), downloaded(PNG), response_format="b64_json")
    [made] = outcome.reply.pictures
    assert (made.data, made.url, ledger(outcome)) == (PNG, None, [])
    assert (fetched.method, fetched.url, fetched.body, fetched.trusted) == ("GET", LINK, None, False)
    assert outcome.reply.canonical is None


async def test_the_words_that_came_with_a_link_stay_with_its_picture():
    received = answer()
    data = b'{"data": [{"url": "%s", "revised_prompt": "a wet otter"}]}' % LINK.encode()
    outcome, _, _ = await handed(replace(received, body=data), downloaded(PNG), response_format="b64_json")
    assert outcome.reply.pictures[0].revised_prompt == "a wet otter"


async def test_whoever_wants_events_wants_the_bytes():
    outcome, _, _ = await handed(linked(LINK), downloaded(PNG), stream=True)
    assert outcome.reply.pictures[0].data == PNG


@pytest.mark.parametrize("params", [{}, {"response_format": "url"}], ids=["nothing asked", "a link asked"])
async def test_a_link_stays_a_link_where_it_may(params, kept):
    outcome, sent, _ = await handed(linked(LINK), delivery=kept, **params)
    assert (outcome.reply.pictures[0].url, len(sent), ledger(outcome)) == (LINK, 1, [])
    assert outcome.reply.canonical is not None


HOSTS = {
    "a foreign host": (LINK, {}, False, False),
    "the provider's own": ("https://api.openai.com/v1/files/1", {}, True, True),
    "another host of the provider's": ("https://files.openai.example/1", {}, False, False),
    "a host that ends like one": ("https://evilfiles.openai.example/1", {}, False, False),
    "a trusted host": ("http://10.0.0.9:9000/1.png", {"trusts": {"10.0.0.9:9000"}.__contains__}, False, True),
}


@pytest.mark.parametrize(("link", "around", "told", "trusted"), HOSTS.values(), ids=HOSTS)
async def test_only_the_providers_hosts_are_told_its_credential(link, around, told, trusted):
    outcome, [asked, fetched], _ = await handed(linked(link), downloaded(PNG), response_format="b64_json", **around)
    assert isinstance(outcome, Success)
    assert asked.headers["authorization"] == "Bearer not-real"
    assert ("authorization" in fetched.headers) is told
    assert fetched.trusted is trusted
    assert told or fetched.headers == {"accept": "image/*"}


NOT_FETCHED = {
    "a link that leads nowhere": (LINK, [downloaded(b"gone", 410)], Cause.INCOMPLETE, "answered 410"),
    "a link that leads nowhere yet": (LINK, [downloaded(b"", 404)] * 4, Cause.INCOMPLETE, "answered 404"),
    "a redirect": (LINK, [downloaded(b"", 302)], Cause.INCOMPLETE, "answered 302"),
    "a page": (LINK, [downloaded(b"<!doctype html><html></html>")], Cause.EMPTY, "HTML"),
    "nothing": (LINK, [downloaded(b"")], Cause.EMPTY, "empty"),
    "a cut picture": (LINK, [downloaded(PNG[:-20])], Cause.EMPTY, "cut"),
    "no encryption": ("http://cdn.example/1.png", [], Cause.INCOMPLETE, "trusted_hosts"),
    "a cloud's metadata": ("http://169.254.169.254/latest", [], Cause.INCOMPLETE, "trusted_hosts"),
    "no address": ("ftp://cdn.example/1.png", [], Cause.EMPTY, ""),
}


@pytest.mark.parametrize(("link", "script", "cause", "words"), NOT_FETCHED.values(), ids=NOT_FETCHED)
async def test_what_cannot_be_fetched_is_a_failure_that_may_have_cost_money(link, script, cause, words):
    outcome, sent, journey = await handed(linked(link), *script, response_format="b64_json")
    assert (outcome.cause, outcome.reached, outcome.billable) == (cause, True, True)
    assert words in outcome.message
    assert (len(sent), journey.maybe_billed) == (1 + len(script), 1)


async def test_a_host_that_cannot_be_reached_does_not_make_the_picture_free():
    outcome, _, journey = await handed(linked(LINK), *[LOST] * 4, response_format="b64_json")
    assert (outcome.cause, outcome.billable, journey.maybe_billed) == (Cause.INCOMPLETE, True, 1)


HICCUPS = {
    "a lost connection": LOST,
    "a picture that is not there yet": downloaded(b"", 404),
    "a busy host": downloaded(b"", 429),
    "a host in trouble": downloaded(b"", 503),
}


@pytest.mark.parametrize("hiccup", HICCUPS.values(), ids=HICCUPS)
async def test_a_download_is_tried_again(hiccup):
    outcome, sent, journey = await handed(linked(LINK), hiccup, hiccup, downloaded(PNG), response_format="b64_json")
    assert (outcome.reply.pictures[0].data, len(sent), len(journey.attempts)) == (PNG, 4, 1)


async def test_what_cannot_be_fetched_to_be_kept_goes_out_as_the_providers_link(kept):
    gone = downloaded(b"", 410)
    outcome, _, _ = await handed(linked(LINK), gone, config=PERSISTED, delivery=kept, response_format="url")
    assert (outcome.reply.pictures[0].url, ledger(outcome)) == (LINK, ["delivery.persist=true->not kept"])
    outcome, _, _ = await handed(linked(LINK), gone, config=PERSISTED, delivery=kept, response_format="b64_json")
    assert outcome.cause is Cause.INCOMPLETE


async def test_a_fallback_stands_in_for_a_picture_that_cannot_be_fetched():
    config = {"strategy": {"mode": "fallback"}, "targets": [KEY, KEY]}
    outcome, sent, journey = await handed(
        linked(LINK), downloaded(b"", 410), answer(), config=config, response_format="b64_json"
    )
    assert isinstance(outcome, Success)
    assert (len(sent), journey.maybe_billed) == (3, 1)


@pytest.mark.parametrize(
    ("config", "asked", "fetches"),
    [
        ({**KEY, "override_params": {"response_format": "b64_json"}}, "url", True),
        ({**KEY, "default_params": {"response_format": "b64_json"}}, None, True),
        ({**KEY, "default_params": {"response_format": "b64_json"}}, "url", False),
        ({**KEY, "drop_params": ["response_format"]}, "b64_json", True),
    ],
    ids=["override", "default", "the caller before the default", "only kept from the provider"],
)
async def test_the_config_may_say_the_form(config, asked, fetches, kept):
    params = {} if asked is None else {"response_format": asked}
    outcome, sent, _ = await handed(linked(LINK), downloaded(PNG), config=config, delivery=kept, **params)
    assert (outcome.reply.pictures[0].url is None, len(sent) == 2) == (fetches, fetches)


# --- from the bytes to a link


async def test_bytes_are_kept_and_linked_to_where_a_link_is_asked_for(kept, folder, tmp_path):
    outcome, _, _ = await handed(answer(base64.b64encode(PNG).decode()), delivery=kept, response_format="url")
    [made] = outcome.reply.pictures
    link = re.fullmatch(r"http://127\.0\.0\.1:8787/v1/images/files/([0-9a-f]{64}\.png)\?(.*)", made.url)
    assert (made.b64, made.data, ledger(outcome), outcome.reply.canonical) == (None, None, [], None)
    assert b"".join(folder.get(link[1]).chunks) == PNG
    expires = int(re.search(r"expires=([0-9]+)", link[2])[1])
    assert kept.links.judge(link[1], link[2], expires - 3600) == "good"
    assert kept.links.judge(link[1], link[2], expires) == "expired"
    assert [path.name for path in (tmp_path / "pictures").rglob("*.*")] == [link[1]]


async def test_the_same_picture_is_kept_once(kept, tmp_path):
    twice = answer(picture((64, 64)), picture((64, 64)), picture((65, 64)))
    outcome, _, _ = await handed(twice, delivery=kept, response_format="url", n=3)
    names = [made.url.partition("?")[0] for made in outcome.reply.pictures]
    assert sorted(Counter(names).values()) == [1, 2]
    assert len(list((tmp_path / "pictures").rglob("*.png"))) == 2


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_a_kept_picture_is_called_what_it_is(kind, kept):
    received = answer(base64.b64encode(painted(kind)).decode())
    outcome, _, _ = await handed(received, delivery=kept, response_format="url")
    assert f".{kind.lower()}?" in outcome.reply.pictures[0].url


async def test_a_link_lasts_as_long_as_the_config_says(kept):
    ends = []
    for config in (KEY, {**KEY, "delivery": {"url_ttl": 86_400}}):
        outcome, _, _ = await handed(answer(), config=config, delivery=kept, response_format="url")
        ends.append(int(re.search(r"expires=([0-9]+)", outcome.reply.pictures[0].url)[1]))
    assert 82_800 <= ends[1] - ends[0] <= 82_810


async def test_base64_with_decorations_is_kept_bare(kept, folder):
    text = f"data:image/png;base64,{base64.b64encode(PNG).decode()}".replace("/", "\\/")
    received = answer()
    received = replace(received, body=b'{"data": [{"b64_json": "%s"}]}' % text.encode())
    outcome, _, _ = await handed(received, delivery=kept, response_format="url")
    name = re.search(r"/([0-9a-f]{64}\.png)\?", outcome.reply.pictures[0].url)[1]
    assert b"".join(folder.get(name).chunks) == PNG


@pytest.mark.parametrize("verify", [True, False])
async def test_what_is_no_picture_is_never_linked_to(verify, kept, tmp_path):
    config = {**KEY, "delivery": {"verify": verify}}
    outcome, _, _ = await handed(answer("aGVsbG8gd29ybGQ="), config=config, delivery=kept, response_format="url")
    assert outcome.cause is Cause.EMPTY
    assert not list((tmp_path / "pictures").rglob("*.*"))


async def test_a_full_disk_costs_the_link_and_not_the_picture(full, caplog):
    outcome, _, _ = await handed(answer(base64.b64encode(PNG).decode()), delivery=full, response_format="url")
    assert bytes_of(outcome.reply.pictures[0]) == PNG
    assert (outcome.reply.pictures[0].url, full.store.asked) == (None, 1)
    assert ledger(outcome) == ["response_format=url->b64_json"]
    assert "No space left on device" in caplog.text


async def test_lenient_says_nothing_of_a_full_disk(full):
    outcome, _, _ = await handed(answer(), config={**KEY, "adapt": "lenient"}, delivery=full, response_format="url")
    assert ledger(outcome) == []


# --- every picture at a link of the gateway's own


@pytest.mark.parametrize("asked", [None, "url"], ids=["nothing asked", "a link asked"])
@pytest.mark.parametrize(
    "script", [[linked(LINK), downloaded(PNG)], [answer(base64.b64encode(PNG).decode())]], ids=["a link", "bytes"]
)
async def test_persisted_pictures_get_a_link_that_does_not_die_early(script, asked, kept, folder):
    params = {} if asked is None else {"response_format": asked}
    outcome, _, _ = await handed(*script, config=PERSISTED, delivery=kept, **params)
    [made] = outcome.reply.pictures
    name = re.fullmatch(r"http://127\.0\.0\.1:8787/v1/images/files/([0-9a-f]{64}\.png)\?.*", made.url)[1]
    assert (made.b64, made.data, ledger(outcome)) == (None, None, [])
    assert b"".join(folder.get(name).chunks) == PNG


@pytest.mark.parametrize(
    "script", [[linked(LINK), downloaded(PNG)], [answer(base64.b64encode(PNG).decode())]], ids=["a link", "bytes"]
)
async def test_persisted_bytes_come_with_a_link(script, kept):
    outcome, _, _ = await handed(*script, config=PERSISTED, delivery=kept, response_format="b64_json")
    [made] = outcome.reply.pictures
    assert bytes_of(made) == PNG
    assert "/v1/images/files/" in made.url


async def test_persisting_on_a_full_disk_hands_over_the_bytes(full):
    outcome, _, _ = await handed(linked(LINK), downloaded(PNG), config=PERSISTED, delivery=full)
    assert (outcome.reply.pictures[0].data, ledger(outcome)) == (PNG, ["response_format=url->b64_json"])
    outcome, _, _ = await handed(answer(), config=PERSISTED, delivery=full, response_format="b64_json")
    assert (outcome.reply.pictures[0].url, ledger(outcome)) == (None, ["delivery.persist=true->not kept"])


# --- some good, some not


async def test_the_good_ones_of_several_pictures_are_kept_and_counted():
    outcome, _, _ = await handed(answer(picture((64, 64)), "###", picture((65, 64))), n=3)
    assert [look(made).width for made in outcome.reply.pictures] == [64, 65]
    assert (ledger(outcome), outcome.reply.canonical) == (["n=3->2"], None)


async def test_one_of_several_links_that_is_dead_is_left_out(caplog):
    links = [f"https://cdn.example/{number}.png" for number in range(3)]
    script = [linked(*links), downloaded(PNG), downloaded(b"", 410), downloaded(PNG)]
    outcome, sent, journey = await handed(*script, response_format="b64_json", n=3)
    assert (len(outcome.reply.pictures), ledger(outcome), len(sent)) == (2, ["n=3->2"], 4)
    assert journey.maybe_billed == 0
    assert "answered 410" in caplog.text


async def test_a_failure_of_all_pictures_is_a_failure():
    outcome, _, _ = await handed(answer("###", "aGVsbG8gd29ybGQ="), n=2)
    assert outcome.cause is Cause.EMPTY


async def test_only_delivered_pictures_are_reckoned():
    rows = Catalogue([row_of("openai", {"id": "brand-new", "n_max": 4, "price": {"image": 0.05}})])
    outcome, _, _ = await handed(answer(picture((64, 64)), "###"), catalogue=rows, n=2)
    assert outcome.reply.cost_usd == pytest.approx(0.05)


async def test_what_was_really_painted_is_reckoned_where_pixels_are_the_price():
    row = row_of("openai", {"id": "brand-new", "price": {"megapixel": 0.01}})
    outcome, _, _ = await handed(answer(picture((1200, 1000))), catalogue=Catalogue([row]))
    assert outcome.reply.cost_usd == pytest.approx(0.02)


async def test_a_crash_on_the_way_to_the_caller_is_that_targets_failure(caplog):
    class Broken(FullStore):
        def put(self, chunks, _extension):
            raise ZeroDivisionError

    config = {"strategy": {"mode": "fallback"}, "targets": [KEY, KEY]}
    delivery = Delivery(Broken(), Links(b"not-real"))
    outcome, sent, journey = await handed(
        answer(), linked(LINK), config=config, delivery=delivery, response_format="url"
    )
    assert (outcome.reply.pictures[0].url, len(sent), journey.maybe_billed) == (LINK, 2, 1)
    assert "Traceback" in caplog.text


async def test_an_error_of_the_provider_is_not_looked_at():
    outcome, sent, _ = await handed(refused(500), response_format="b64_json")
    assert (outcome.cause, len(sent)) == (Cause.PROVIDER_ERROR, 1)


# --- events


async def test_events_are_handed_over_as_they_come(kept):
    async def events():
        yield b"data: 1\n\n"

    received = replace(answer(), body=b"", events=events())
    outcome, [sent], _ = await handed(received, delivery=kept, model="gpt-image-1", stream=True, partial_images=2)
    assert [event async for event in outcome.reply.events] == [b"data: 1\n\n"]
    assert (outcome.reply.pictures, sent.json["stream"], sent.streams) == ((), True, True)


async def test_events_are_not_asked_for_by_the_target_alone():
    config = {**KEY, "override_params": {"stream": True}}
    outcome, [sent], _ = await handed(answer(), config=config, model="gpt-image-1")
    assert ("stream" in sent.json, outcome.reply.events) == (False, None)
