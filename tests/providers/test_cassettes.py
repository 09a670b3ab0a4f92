"""Replays recorded conversations through the pure flows: exactly what is sent, exactly what is understood.

Nothing is mocked and no loop runs: a flow is a generator, and a cassette says what it is given. The classes below are
the cassette format; a key that they do not have is an error. Pictures of the request are painted here, each in a colour
of its own, and what is sent of them shows as a few words: `<data_url png 64x64 image 1>`.
"""

import base64
import functools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import long_json
from gateway.catalogue import BUILT_IN
from gateway.images import Embedded, ImageRequest, InMemory, Picture, Upload
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.wire import Draw, Paint, Received, Send, Target, Wait, joined
from strategies import Failure, Success

CASSETTES = Path(__file__).parent / "cassettes"


class Form(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Aim(Form):
    options: dict[str, Any] = {}
    credentials: dict[str, str] = {}
    """Test keys, which say so."""
    model: str | None = None
    custom_host: str | None = None


class FormPart(Form):
    name: str
    value: str
    filename: str | None = None


class Sent(Form):
    method: str
    url: str
    """The whole address: `custom_host` or the adapter's base URL, then the path; or the address the provider named."""
    headers: dict[str, str]
    """What identifies us, and what this request says beside it. A request to an address that the provider named shows
    only the latter: whether the credential goes along is not the flow's to decide."""
    json: Any = None
    form: list[FormPart] | None = None
    data: str | None = None
    streams: bool = False


class Answer(Form):
    status: int
    headers: dict[str, str] = {}
    json: Any = msgspec.UNSET
    body: str | None = None
    """For answers that are not JSON; one of `json`, `body` and `base64` is given."""
    base64: str | None = None
    """For answers that are not text."""


class Painting(Form):
    prompt: str
    how: dict[str, Any]


class Step(Form):
    """One of: `send` with `receive`; `wait`, in seconds; `draw`, the number given; `paint`."""

    send: Sent | None = None
    receive: Answer | None = None
    wait: float | None = None
    draw: float | None = None
    paint: Painting | None = None


class Pictured(Form):
    b64: str | None = None
    url: str | None = None
    painted: int | None = None
    """The number of the `paint` step whose bytes these are, from 1."""
    body: int | None = None
    """The number of the answer whose whole body these bytes are, from 1."""
    revised_prompt: str | None = None


class Understood(Form):
    pictures: list[Pictured]
    canonical: bool
    """Whether the provider's body goes to the caller as it is."""
    created: int | None = None
    about: dict[str, Any] = {}
    adaptations: list[str] = []
    cost_usd: float | None = None


class Failed(Form):
    cause: str
    message: str
    billable: bool
    status: int | None = None
    code: str | None = None
    provider_code: str | None = None
    param: str | None = None
    retry_after: float | None = None
    reached: bool = True


class Ending(Form):
    success: Understood | None = None
    failure: Failed | None = None


class Drawn(Form):
    """A picture of the request."""

    format: str = "png"
    size: str = "64x64"


class Asked(Form):
    params: dict[str, Any]
    operation: str = "generate"
    """`generate`, `edit` or `vary`."""
    images: list[Drawn] = []
    mask: Drawn | None = None


class Cassette(Form):
    source: str
    date: str
    provider: str
    request: Asked
    steps: list[Step]
    outcome: Ending
    target: Aim = msgspec.field(default_factory=Aim)


_PATHS = {"generate": "/v1/images/generations", "edit": "/v1/images/edits", "vary": "/v1/images/variations"}


def upload(drawn, name):
    width, height = map(int, drawn.size.split("x"))
    return Upload(content=InMemory(name.encode()), format=drawn.format, width=width, height=height)


def asked_of(asked):
    params = dict(asked.params)
    if asked.images:
        params["image"] = [upload(drawn, f"image {number}") for number, drawn in enumerate(asked.images, 1)]
    if asked.mask is not None:
        params["mask"] = upload(asked.mask, "mask")
    return ImageRequest(params=params, path=_PATHS[asked.operation])


def replay(cassette):
    adapter = PROVIDERS[cassette.provider]
    target = Target(
        provider=cassette.provider,
        model=cassette.target.model,
        options=cassette.target.options,
        credentials={name: Secret(value) for name, value in cassette.target.credentials.items()},
    )
    flow = adapter.flow(asked_of(cassette.request), target)
    given, bodies, paintings = None, [], []
    for step in cassette.steps:
        asked = flow.send(given)
        match asked:
            case Send():
                assert step.send == sent(asked, adapter, target, cassette.target.custom_host)
                bodies.append(_body(step.receive))
                given = Received(step.receive.status, step.receive.headers, bodies[-1])
            case Wait(seconds):
                assert step == Step(wait=seconds)
                given = None
            case Draw():
                assert step.draw is not None
                given = step.draw
            case Paint(work):
                assert isinstance(work, functools.partial)
                assert step == Step(paint=Painting(*work.args, how=_shown(work.keywords)))
                given = f"painting {len(paintings) + 1}".encode()
                paintings.append(given)
    with pytest.raises(StopIteration) as end:
        flow.send(given)
    return end.value.value, bodies, paintings


def sent(asked, adapter, target, custom_host):
    """Return a request as cassettes write it."""
    if asked.path.startswith(("https://", "http://")):
        url, headers = asked.path, dict(asked.headers)
    else:
        url = joined(custom_host or adapter.base_url(target), asked.path)
        headers = {**adapter.authorize(target), **asked.headers}
    form = None
    if asked.form is not None:
        form = [FormPart(part.name, _shown(part.value), part.filename) for part in asked.form]
    data = asked.data
    if data is not None:
        data = data.decode() if isinstance(data, bytes) else _shown(data)
    return Sent(asked.method, url, headers, _shown(asked.json), form, data, asked.streams)


def _shown(value):
    """Return JSON in which pictures of the request are a few words."""
    if isinstance(value, Upload):
        return f"{value.format} {value.width}x{value.height} {value.content.at(0, 99).decode()}"
    if isinstance(value, Embedded):
        mask = "" if value.mask is None else f" {value.mask}" + (" binary" if value.binary else "")
        return f"<{value.form} {_shown(value.upload)}{mask}>"
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list | tuple) else value


def told(outcome, bodies, paintings):
    if isinstance(outcome, Failure):
        assert not outcome.terminal
        names = set(Failed.__struct_fields__) - {"billable", "cause"}
        fields = {name: getattr(outcome, name) for name in names}
        return Ending(failure=Failed(cause=outcome.cause.value, billable=outcome.billable, **fields))
    assert isinstance(outcome, Success)
    reply = outcome.reply
    assert reply.canonical is None or reply.canonical is bodies[-1]
    return Ending(
        success=Understood(
            pictures=[_pictured(picture, bodies, paintings) for picture in reply.pictures],
            canonical=reply.canonical is not None,
            created=reply.created,
            about=dict(reply.about),
            adaptations=[str(adaptation) for adaptation in reply.adaptations],
            cost_usd=reply.cost_usd,
        )
    )


def _pictured(picture: Picture, bodies, paintings):
    assert [picture.b64, picture.url, picture.data].count(None) == 2
    data = picture.data
    return Pictured(
        b64=None if picture.b64 is None else bytes(picture.b64).decode(),
        url=picture.url,
        painted=paintings.index(data) + 1 if data in paintings else None,
        body=bodies.index(data) + 1 if data is not None and data not in paintings else None,
        revised_prompt=picture.revised_prompt,
    )


def _body(answer: Answer) -> bytes:
    assert [answer.json is not msgspec.UNSET, answer.body is not None, answer.base64 is not None].count(True) == 1
    if answer.base64 is not None:
        return base64.b64decode(answer.base64)
    return msgspec.json.encode(answer.json) if answer.body is None else answer.body.encode()


def cassettes_of(slug):
    """Return the conversations of a provider."""
    return [msgspec.json.decode(file.read_bytes(), type=Cassette) for file in sorted((CASSETTES / slug).glob("*.json"))]


def _files():
    return sorted(CASSETTES.rglob("*.json"))


@pytest.mark.parametrize("file", _files(), ids=lambda file: str(file.relative_to(CASSETTES).with_suffix("")))
def test_a_cassette_replays(file):
    cassette = msgspec.json.decode(file.read_bytes(), type=Cassette)
    assert cassette.provider == file.parent.name
    for value in cassette.target.credentials.values():
        assert "not-real" in value, "a test key says that it is one"

    assert told(*replay(cassette)) == cassette.outcome


@pytest.mark.parametrize("file", _files(), ids=lambda file: str(file.relative_to(CASSETTES).with_suffix("")))
def test_it_replays_as_well_where_its_texts_are_long(file, monkeypatch):
    monkeypatch.setattr(long_json, "LONG", 4)
    cassette = msgspec.json.decode(file.read_bytes(), type=Cassette)
    assert told(*replay(cassette)) == cassette.outcome


_NEEDED = ("success", "rate_limited", "refused", "malformed")
_NEEDED_OF_LOCAL = ("success", "failing", "refused")
_NEEDED_WITHOUT_AN_API = ("unsupported_generate", "unsupported_edit", "unsupported_variation")
_WITHOUT_AN_API = frozenset({"reka-ai"})
_NEEDED_OF_POLLED = (*_NEEDED, "success_slow", "failed")

# Any model may stand behind a compatible server, and none behind who has no image API.
_WITHOUT_ROWS = frozenset({"openai-compatible", *_WITHOUT_AN_API})


def _needed(slug, files):
    if slug in _WITHOUT_AN_API:
        return _NEEDED_WITHOUT_AN_API
    if PROVIDERS[slug].local:
        return _NEEDED_OF_LOCAL
    return _NEEDED_OF_POLLED if any('"wait"' in file.read_text() for file in files) else _NEEDED


@pytest.mark.parametrize("slug", PROVIDERS)
def test_each_provider_has_the_cassettes_it_needs(slug):
    files = list((CASSETTES / slug).glob("*.json"))
    for needed in _needed(slug, files):
        assert any(file.stem.startswith(needed) for file in files), f"no cassette {slug}/{needed}….json"
    rows = [row for row in BUILT_IN.all_rows() if row.provider == slug]
    if any(row.edit for row in rows):
        assert any(file.stem.startswith("success_edit") for file in files), f"no cassette {slug}/success_edit….json"
    if any(row.variation for row in rows):
        assert any(file.stem.startswith("success_vari") for file in files), (
            f"no cassette {slug}/success_variation….json"
        )


def test_each_provider_has_rows_in_the_catalogue_and_each_file_of_rows_its_provider():
    assert {row.provider for row in BUILT_IN.all_rows()} == PROVIDERS.keys() - _WITHOUT_ROWS


def test_each_folder_of_cassettes_has_its_provider():
    assert {folder.name for folder in CASSETTES.iterdir() if folder.is_dir()} == set(PROVIDERS)


def test_a_cassette_with_an_unknown_key_is_an_error():
    text = _files()[0].read_text().replace('"source"', '"sauce": 1, "source"', 1)
    with pytest.raises(msgspec.ValidationError, match="sauce"):
        msgspec.json.decode(text, type=Cassette)
