"""Every config in examples/configs does what its description says, in a gateway that runs as a user runs it."""

import base64
import contextlib
import datetime as dt
import http.client
import io
import json
import random
import re
import shutil
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from gateway.cli import main
from gateway.config.folder import read
from strategies import LoadBalance
from tests.fake_others import FakeOthers
from tests.fake_provider import KEY, FakeOpenAI
from tests.running import ROOT, serving

EXAMPLES = ROOT / "examples" / "configs"
KEYS = dict.fromkeys(re.findall(r"\$\{(\w+)\}", (EXAMPLES / "gateway.yaml").read_text()), KEY)
FILES = sorted(file for file in EXAMPLES.iterdir() if file.stem != "gateway")
NAMES = [file.stem for file in FILES]

DOWN = (503, {"error": {"message": "overloaded"}}, {})
LIMITED = (429, {"error": {"message": "slow down"}}, {"retry-after": "0.3"})
"""For less than a moment, as the gateway remembers it from one case to the next."""
REFUSED = (400, {"error": {"message": "refused", "code": "moderation_blocked"}}, {})
WITHOUT_A_PICTURE = (200, {"created": 1, "data": []}, {})
GPT = {"model": "gpt-image-2"}
KLEIN = "flux-2-klein-4b"
FLUX, KONTEXT = "flux-2-pro", "flux-kontext-pro"
SD, GEMINI = "stability.sd3-5-large-v1:0", "gemini-3.1-flash-image"


def png(mode, colour):
    buffer = io.BytesIO()
    Image.new(mode, (256, 256), colour).save(buffer, "PNG")
    return buffer.getvalue()


OTTER = png("RGB", (90, 60, 30))
PICTURES = {"image": OTTER, "image[]": OTTER, "mask": png("RGBA", (0, 0, 0, 0))}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request, and everything its answer says."""

    says: str
    body: dict[str, Any] = field(default_factory=dict)
    edits: tuple[str, ...] = ()
    """The pictures that come along, by the names of their fields; without any, a new picture is wanted."""
    metadata: dict[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    given: dict[str, list[Any]] = field(default_factory=dict)
    """Provider → the answers it gives before it answers properly."""
    variant: str | None = None
    """The name of a copy that `gateway` edits, where the example as it is cannot show this."""

    status: int = 200
    code: str | None = None
    answered: str | set[str] = "config"
    attempts: int = 1
    maybe_billed: int = 0
    adaptations: str | None = None
    size: tuple[int, int] = (1024, 1024)
    count: int = 1
    keeps: int | None = None
    """For how many seconds the links are good; `None`: the provider answers as it does."""
    cost: str | None = None
    model: str = "sandbox"
    seconds: tuple[float, float] = (0, 30)
    """Between which the answer comes."""
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What providers saw, first OpenAI: who, and what its body says besides the prompt."""


CASES: dict[str, list[Case]] = {
    "bedrock-or-vertex": [
        Case(
            says="Bedrock is well",
            answered="config.targets[0]",
            model=SD,
            sent=[("aws", {"model": SD})],
        ),
        Case(
            says="Bedrock throttles",
            given={"aws": [(429, {"message": "Too many requests"}, {"x-amzn-errortype": "ThrottlingException"})]},
            answered="config.targets[1]",
            attempts=2,
            model=GEMINI,
            sent=[("aws", {"model": SD}), ("google-cloud", {"model": GEMINI})],
        ),
    ],
    "by-plan": [
        Case(says="pro plans", metadata={"plan": "pro"}, answered="config.targets[0]"),
        Case(says="enterprise", metadata={"plan": "enterprise"}, answered="config.targets[0]"),
        Case(says="free plans", metadata={"plan": "free"}, answered="config.targets[1]"),
        Case(says="nobody said", answered="config.targets[1]"),
    ],
    "by-size": [
        Case(says="wide", body={"size": "1536x1024"}, size=(1536, 1024), answered="config.targets[0]"),
        Case(says="hd", body={"quality": "hd"}, answered="config.targets[0]"),
        Case(says="square", body={"size": "512x512"}, size=(512, 512), answered="config.targets[1]"),
        Case(says="no size", answered="config.targets[1]"),
    ],
    "cached": [
        Case(
            says="painted anew where that is wanted",
            headers={"x-portkey-cache-force-refresh": "true"},
            model="gpt-image-2",
            sent=[("openai", GPT)],
        ),
    ],
    "canary": [Case(says="one of the two", answered={"config.targets[0]", "config.targets[1]"})],
    "tour": [
        Case(says="the first painter answers", answered="config.targets[0]"),
        Case(
            says="the first painter is taken to be down",
            headers={"x-gateway-assume": "primary=503"},
            answered="config.targets[1]",
            attempts=2,
        ),
    ],
    "chaos": [Case(says="the backup answers", answered="config.targets[1]", attempts=2)],
    "cheapest-first": [
        Case(
            says="a size that the small model has",
            body={"size": "1536x1024"},
            size=(1536, 1024),
            answered="config.targets[0]",
            model=KLEIN,
            sent=[("flux", {"model": KLEIN, "width": 1536, "height": 1024})],
        ),
        Case(
            says="a quality that only the large model has",
            body={"quality": "high"},
            answered="config.targets[1]",
            attempts=2,
            model="gpt-image-2",
            sent=[("openai", GPT | {"quality": "high"})],
        ),
        Case(
            says="the small model is down",
            given={"flux": [DOWN]},
            answered="config.targets[1]",
            attempts=2,
            model="gpt-image-2",
            sent=[("openai", GPT), ("flux", {"model": KLEIN})],
        ),
    ],
    "edits": [
        Case(
            says="OpenAI is well",
            edits=("image", "mask"),
            answered="config.targets[0]",
            model="gpt-image-2",
            sent=[("openai", GPT)],
        ),
        Case(
            says="OpenAI is down",
            edits=("image",),
            given={"openai": [DOWN]},
            answered="config.targets[1]",
            attempts=2,
            model=KONTEXT,
            sent=[("openai", GPT), ("flux", {"model": KONTEXT, "input_image": "a picture"})],
        ),
        Case(
            says="of several pictures none is lost",
            edits=("image[]", "image[]"),
            given={"openai": [LIMITED]},
            answered="config.targets[1]",
            attempts=2,
            model=KONTEXT,
            sent=[
                ("openai", GPT),
                ("flux", {"model": KONTEXT, "input_image": "a picture", "input_image_2": "a picture"}),
            ],
        ),
        Case(
            says="a masked edit is not turned into one without",
            edits=("image", "mask"),
            given={"openai": [DOWN]},
            status=503,
            answered="config.targets[0]",
            attempts=2,
            sent=[("openai", GPT)],
        ),
    ],
    "fallback": [
        Case(says="OpenAI is well", answered="config.targets[0]", model="gpt-image-2", sent=[("openai", GPT)]),
        Case(
            says="OpenAI is down",
            given={"openai": [DOWN]},
            answered="config.targets[1]",
            attempts=2,
            model="gpt-image-2",
            sent=[("openai", GPT), ("eu", GPT)],
        ),
        Case(
            says="OpenAI is rate limited",
            given={"openai": [LIMITED]},
            answered="config.targets[1]",
            attempts=2,
            model="gpt-image-2",
            sent=[("openai", GPT), ("eu", GPT)],
        ),
        Case(
            says="a refused prompt is not shopped around",
            given={"openai": [REFUSED]},
            status=400,
            code="content_policy_violation",
            answered="config.targets[0]",
            sent=[("openai", GPT)],
        ),
    ],
    "hedge": [
        Case(
            says="the next one wins, and the slow one may send a bill",
            answered="config.targets[1]",
            attempts=2,
            maybe_billed=1,
            seconds=(0.5, 3.5),
        ),
    ],
    "left-alone": [
        Case(says="the primary is well", answered="config.targets[0]", model="gpt-image-2", sent=[("openai", GPT)]),
        Case(
            says="the primary fails",
            given={"openai": [DOWN]},
            answered="config.targets[1]",
            attempts=2,
            model=FLUX,
            sent=[("openai", GPT), ("flux", {"model": FLUX})],
        ),
    ],
    "many-pictures": [
        Case(
            says="three are three",
            body={"n": 3},
            count=3,
            attempts=3,
            model=FLUX,
            sent=[("flux", {"model": FLUX})] * 3,
        ),
        Case(
            says="only what failed is painted again",
            body={"n": 2},
            given={"flux": [DOWN]},
            count=2,
            attempts=3,
            model=FLUX,
            sent=[("flux", {"model": FLUX})] * 3,
        ),
    ],
    "moderation": [Case(says="the second opinion", answered="config.targets[1]", attempts=2)],
    "never-twice": [
        Case(
            says="the first is well",
            answered="config.targets[0]",
            model="gpt-image-2",
            sent=[("openai", GPT | {"quality": "high"})],
        ),
        Case(
            says="a failure that cost nothing goes on",
            given={"openai": [LIMITED]},
            answered="config.targets[1]",
            attempts=2,
            model="gpt-image-2",
            sent=[("openai", GPT | {"quality": "high"}), ("eu", GPT | {"quality": "high"})],
        ),
        Case(
            says="a failure that may have been billed is the end",
            given={"openai": [WITHOUT_A_PICTURE]},
            status=502,
            answered="config.targets[0]",
            maybe_billed=1,
            sent=[("openai", GPT | {"quality": "high"})],
        ),
    ],
    "own-links": [
        Case(says="a link of our own", keeps=86_400, model=FLUX, sent=[("flux", {"model": FLUX})]),
        Case(
            says="whoever wants no link gets none",
            body={"response_format": "b64_json"},
            model=FLUX,
            sent=[("flux", {"model": FLUX})],
        ),
    ],
    "own-key": [
        Case(
            says="the caller's key is used",
            body=GPT,
            headers={"authorization": f"Bearer {KEY}"},
            model="gpt-image-2",
            sent=[("openai", GPT)],
        ),
        Case(
            says="and tried again",
            body=GPT,
            headers={"authorization": f"Bearer {KEY}"},
            given={"openai": [DOWN]},
            attempts=2,
            model="gpt-image-2",
            sent=[("openai", GPT), ("openai", GPT)],
        ),
        Case(says="no key, no request", body=GPT, status=401, code="invalid_api_key"),
    ],
    "pool": [
        Case(
            says="one of the deployments",
            answered={"config.targets[0].targets[0]", "config.targets[0].targets[1]"},
            model="gpt-image-2",
            sent=[("azure", GPT)],
        ),
        Case(
            says="the pool is out of quota",
            given={"eu": [LIMITED], "us": [LIMITED]},
            answered="config.targets[1]",
            attempts=2,
            model="gpt-image-2",
            sent=[("openai", GPT), ("azure", GPT)],
        ),
    ],
    "quickest": [
        Case(
            says="the quicker one, or one that is not known yet",
            answered={"config.targets[0]", "config.targets[1]"},
            model="gpt-image-2",
            sent=[("azure", GPT)],
        ),
    ],
    "regions": [
        Case(says="Europeans", metadata={"region": "eu-west-1"}, answered="config.targets[0].targets[0]"),
        Case(
            says="everybody else",
            metadata={"region": "us"},
            answered={"config.targets[1].targets[0]", "config.targets[1].targets[1]"},
        ),
        Case(
            says="France stands in for Sweden",
            variant="regions-without-sweden",
            metadata={"region": "eu"},
            answered="config.targets[0].targets[1]",
            attempts=2,
        ),
    ],
    "retired-model": [
        Case(
            says="a request for dall-e-3",
            body={"model": "dall-e-3", "size": "1792x1024", "quality": "hd", "style": "vivid"},
            size=(1792, 1024),
            adaptations="quality=hd->high; style=vivid->dropped",
            model="gpt-image-2",
            sent=[("openai", GPT | {"size": "1792x1024", "quality": "high"})],
        ),
    ],
    "retry": [],  # chance decides: test_retry_waits_as_long_as_it_is_told
    "sandbox": [
        Case(says="a picture"),
        Case(says="a large one", body={"size": "1536x1024"}, size=(1536, 1024)),
    ],
    "self-hosted": [
        Case(
            says="the studio answers, as the catalogue says it can",
            body={"size": "1000x1000"},
            answered="config.targets[0]",
            adaptations="size=1000x1000->1024x1024",
            cost="0.002000",
            model="flux-schnell",
            sent=[("studio", {"model": "flux-schnell", "size": "1024x1024"})],
        ),
        Case(
            says="the studio is broken",
            body={"size": "768x768"},
            size=(768, 768),
            given={"studio": [DOWN]},
            answered="config.targets[1]",
            attempts=2,
            model="automatic1111",
            sent=[
                ("studio", {"model": "flux-schnell", "size": "768x768"}),
                ("forge", {"model": "txt2img", "width": 768, "height": 768}),
            ],
        ),
        Case(says="both are off", variant="self-hosted-off", answered="config.targets[2]", attempts=3),
    ],
    "single": [
        Case(says="its defaults", model="gpt-image-2", sent=[("openai", GPT | {"quality": "medium"})]),
        Case(
            says="what the caller says wins",
            body={"model": "gpt-image-1", "quality": "low"},
            model="gpt-image-1",
            sent=[("openai", {"model": "gpt-image-1", "quality": "low"})],
        ),
        Case(
            says="a model that cannot do it is refused before anything is sent",
            body={"model": "gpt-image-1", "size": "2048x2048"},
            status=400,
            code="invalid_size",
        ),
    ],
    "strict": [
        Case(
            says="a size that OpenAI has",
            body={"size": "1536x1024"},
            size=(1536, 1024),
            answered="config.targets[0]",
            model="gpt-image-2",
            sent=[("openai", GPT | {"size": "1536x1024"})],
        ),
        Case(
            says="a size that only FLUX has",
            body={"size": "512x512"},
            size=(512, 512),
            answered="config.targets[1]",
            attempts=2,
            model=FLUX,
            sent=[("flux", {"model": FLUX, "width": 512, "height": 512})],
        ),
        Case(says="a size that nobody has", body={"size": "1000x1000"}, status=422, code="unsupported"),
    ],
    "timeouts": [
        Case(
            says="the quick one answers, and the slow one may send a bill",
            answered="config.targets[1]",
            attempts=2,
            maybe_billed=1,
            seconds=(1.0, 3.5),
        ),
    ],
}


class Providers(dict[str, FakeOpenAI | FakeOthers]):
    """Stand-ins for every provider that the examples name."""

    def forget(self):
        for fake in self.values():
            fake.seen.clear()
            fake.failures.clear()

    def seen(self, *, pool):
        """Return who saw which body, without prompts; of a pool it is up to chance which deployment it was."""
        return [
            ("azure" if pool and name in {"eu", "us"} else name, {key: body[key] for key in body.keys() - {"prompt"}})
            for name, fake in self.items()
            for body in fake.bodies
        ]


@pytest.fixture(scope="module")
def providers():
    with contextlib.ExitStack() as stack:
        like_openai = {name: stack.enter_context(FakeOpenAI()) for name in ("openai", "eu", "us")}
        others = {name: stack.enter_context(FakeOthers()) for name in ("flux", "aws", "google-cloud")}
        own = {"studio": FakeOpenAI(key=None), "forge": FakeOthers(key=None)}
        yield Providers(like_openai | others | {name: stack.enter_context(fake) for name, fake in own.items()})


@pytest.fixture(scope="module")
def unused_port():
    """Return a port that belongs to nobody else, and at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture(scope="module")
def gateway(providers, unused_port, tmp_path_factory):
    """Serve a copy of the examples in which every provider is a stand-in."""
    folder = tmp_path_factory.mktemp("examples") / "configs"
    shutil.copytree(EXAMPLES, folder)

    def edit(name, change, to=None):
        document = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
        change(document)
        (folder / f"{to or name}.yaml").write_text(yaml.safe_dump(document))

    def stand_ins(document):
        keys = document["virtual_keys"]
        hosts = {
            "openai-prod": providers["openai"].url,
            **{f"azure-{name}": f"http://127.0.0.1:{providers[name].port}/openai" for name in ("eu", "us")},
            "flux": providers["flux"].url,
            "aws": providers["aws"].origin,
            "google-cloud": providers["google-cloud"].origin,
        }
        assert set(keys) == set(hosts), "the new one needs a stand-in"
        for name, host in hosts.items():
            keys[name]["custom_host"] = host
        # A service account signs in at an https address, which a stand-in is not: a token stands for one.
        keys["google-cloud"]["api_key"] = keys["google-cloud"].pop("vertex_service_account_json")

    edit("gateway", stand_ins)
    edit("own-key", lambda document: document.update(custom_host=providers["openai"].url))

    def servers(*hosts):
        def change(document):
            for target, host in zip(document["targets"], hosts, strict=False):
                target["custom_host"] = host

        return change

    edit("self-hosted", servers(providers["studio"].url, providers["forge"].origin))
    off = f"http://127.0.0.1:{unused_port}"
    edit("self-hosted", servers(f"{off}/v1", off), to="self-hosted-off")
    broken = {"model": "sandbox", "sandbox": {"status": 503}}
    edit(
        "regions",
        lambda document: document["targets"][0]["targets"][0].update(override_params=broken),
        to="regions-without-sweden",
    )
    with serving(folder, "--data", str(folder.parent / "data"), env=KEYS) as running:
        yield running


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    json: dict[str, Any]
    seconds: float

    @property
    def pictures(self):
        return [Image.open(io.BytesIO(_picture(item))) for item in self.json["data"]]

    @property
    def links(self):
        return [urlsplit(item["url"]) for item in self.json["data"] if "url" in item]


def _picture(item):
    if "b64_json" in item:
        return base64.b64decode(item["b64_json"])
    link = urlsplit(item["url"])
    connection = http.client.HTTPConnection(link.netloc, timeout=30)
    try:
        connection.request("GET", f"{link.path}?{link.query}")
        return connection.getresponse().read()
    finally:
        connection.close()


def form(texts, pictures):
    """Return a body as browsers send it, and its type."""
    parts = [(f'name="{name}"', str(value).encode()) for name, value in texts.items()]
    parts += [(f'name="{name}"; filename="otter.png"', PICTURES[name]) for name in pictures]
    head = "--otter\r\nContent-Disposition: form-data; "
    lines = [b"%b%b\r\n\r\n%b\r\n" % (head.encode(), about.encode(), content) for about, content in parts]
    return b"".join([*lines, b"--otter--\r\n"]), "multipart/form-data; boundary=otter"


def post(running, body, *, edits=(), config=None, metadata=None, headers=None):
    body = {"prompt": "an otter", **body}
    path = "edits" if edits else "generations"
    content, kind = form(body, edits) if edits else (json.dumps(body), "application/json")
    sent = {"content-type": kind, **(headers or {})}
    if config is not None:
        sent["x-portkey-config"] = config
    if metadata is not None:
        sent["x-portkey-metadata"] = json.dumps(metadata)
    connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=30)
    began = time.monotonic()
    try:
        connection.request("POST", f"/v1/images/{path}", content, sent)
        response = connection.getresponse()
        return Answer(response.status, response.headers, json.loads(response.read()), time.monotonic() - began)
    finally:
        connection.close()


def test_every_example_has_a_case():
    assert sorted(CASES) == NAMES


def test_there_are_examples_enough():
    assert len(NAMES) >= 12


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_an_example_says_what_it_is_for(file):
    first = file.read_text().splitlines()[0]
    assert first.startswith("description: ")
    assert first.endswith(".")


@pytest.mark.parametrize("path", [EXAMPLES, *FILES, EXAMPLES / "gateway.yaml"], ids=lambda path: path.name)
def test_check_finds_nothing(path, monkeypatch):
    monkeypatch.setattr("gateway.cockpit.verdict.today", lambda: dt.date(2026, 11, 1))  # models retire, this is history
    done = CliRunner().invoke(main, ["check", str(path)], env=KEYS)
    files = "1 file" if path.is_file() else f"{len(FILES) + 1} files"
    assert done.exit_code == 0, done.output
    assert re.search(rf"(?m)^{files}: no problems(; \d+ tests run)?\.$", done.output), done.output


@pytest.mark.parametrize(
    ("name", "case"),
    [pytest.param(name, case, id=f"{name}: {case.says}") for name, cases in CASES.items() for case in cases],
)
def test_an_example_does_what_it_says(name, case, gateway, providers):
    providers.forget()
    for provider, answers in case.given.items():
        providers[provider].failures.extend(answers)
    answer = post(
        gateway,
        case.body,
        edits=case.edits,
        config=case.variant or name,
        metadata=case.metadata,
        headers=case.headers,
    )
    if any(LIMITED in answers for answers in case.given.values()):
        time.sleep(0.3)
    assert answer.status == case.status, answer.json
    assert providers.seen(pool="azure" in dict(case.sent)) == case.sent
    if case.status == 200:
        assert [(picture.format, picture.size) for picture in answer.pictures] == [("PNG", case.size)] * case.count
        if case.keeps is not None:
            assert {link.netloc for link in answer.links} == {gateway.url.removeprefix("http://")}
            good_for = int(parse_qs(answer.links[0].query)["expires"][0]) - answer.json["created"]
            assert abs(good_for - case.keeps) < 30
        if case.cost is not None:
            assert answer.headers["x-gateway-cost-usd"] == case.cost
        assert answer.headers["x-gateway-model"] == case.model
    else:
        assert case.code in (None, answer.json["error"]["code"])
        if not case.sent:
            return
    answered = answer.headers["x-portkey-last-used-option-index"]
    assert answered in ({case.answered} if isinstance(case.answered, str) else case.answered)
    assert answer.headers["x-gateway-attempts"] == str(case.attempts)
    assert answer.headers["x-gateway-maybe-billed"] == str(case.maybe_billed)
    assert answer.headers["x-gateway-adaptations"] == case.adaptations
    least, most = case.seconds
    assert least <= answer.seconds <= most


def test_a_request_that_names_no_config_is_painted_here(gateway, providers):
    providers.forget()
    answer = post(gateway, {"model": "gpt-image-2", "size": "512x512"})
    assert (answer.status, answer.headers["x-portkey-provider"]) == (200, "sandbox")
    assert [picture.size for picture in answer.pictures] == [(512, 512)]
    assert providers.seen(pool=False) == []


def test_the_same_request_is_painted_once(gateway, providers):
    providers.forget()
    answers = [post(gateway, {"prompt": "a heron"}, config="cached") for _ in range(2)]
    assert [answer.headers["x-portkey-cache-status"] for answer in answers] == ["MISS", "HIT"]
    assert [answer.headers["x-gateway-attempts"] for answer in answers] == ["1", "0"]
    assert (answers[0].json, answers[1].headers["x-gateway-cost-usd"]) == (answers[1].json, "0.000000")
    assert providers.seen(pool=False) == [("openai", GPT)]


def test_what_fails_three_times_in_a_row_is_left_alone(gateway, providers):
    providers.forget()
    attempts = []
    for down in (False, True, True, True, False):
        providers["openai"].failures.extend([DOWN] * down)
        attempts.append(post(gateway, {}, config="left-alone").headers["x-gateway-attempts"])
    assert attempts == ["1", "2", "2", "2", "1"]
    assert len(providers.seen(pool=False)) == 4 + 4


def test_whoever_says_who_they_are_stays_where_they_are(gateway):
    places = {
        user: {
            post(gateway, {}, config="quickest", metadata={"_user": user}).headers["x-portkey-last-used-option-index"]
            for _ in range(3)
        }
        for user in ("ann", "bob", "eve", "joe", "kim", "lea")
    }
    assert {len(found) for found in places.values()} == {1}


def test_retry_waits_as_long_as_it_is_told(gateway):
    """Each attempt fails with a probability of one half, so that soon one request needs a second attempt."""
    for _ in range(40):
        answer = post(gateway, {"size": "256x256"}, config="retry")
        attempts = int(answer.headers["x-gateway-attempts"])
        assert answer.headers["x-portkey-retry-attempt-count"] == ("-1" if answer.status == 429 else str(attempts - 1))
        assert answer.headers["x-gateway-maybe-billed"] == "0"
        assert answer.headers["x-portkey-last-used-option-index"] == "config"
        assert answer.seconds >= 0.2 * (attempts - 1)
        if answer.status == 200:
            assert [picture.size for picture in answer.pictures] == [(256, 256)]
            if attempts > 1:
                return
        else:
            assert (answer.status, attempts) == (429, 3)
    pytest.fail("no request was rescued by a second attempt")


@pytest.mark.parametrize(
    ("name", "inside", "shares"),
    [("canary", (), [0.95, 0.05]), ("pool", (0,), [0.5, 0.5]), ("regions", (1,), [2 / 3, 1 / 3])],
)
def test_shares_are_as_written(name, inside, shares):
    """The number of picks is binomial: it stays within three standard deviations of what the weights say."""
    spec = read(EXAMPLES, KEYS).configs[name].root
    for index in inside:
        spec = spec.children[index]
    balance = LoadBalance(spec.children, spec.weights)
    rng = random.Random(20261)
    draws = 20_000
    picked = Counter(balance.pick(rng.random()) for _ in range(draws))
    for index, share in enumerate(shares):
        assert abs(picked[index] - draws * share) < 3 * (draws * share * (1 - share)) ** 0.5


def test_explain_tells_the_canarys_share(gateway):
    story = post(gateway, {}, config="canary", headers={"x-gateway-explain": "true"}).json
    assert {child["name"]: child["share"] for child in story["tree"]["children"]} == {"stable": 0.95, "canary": 0.05}
