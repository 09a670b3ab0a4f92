"""Every provider, through a running gateway and over real sockets: the recorded conversations, played strictly."""

import asyncio
import base64
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest

from gateway.admission import objection
from gateway.catalogue import BUILT_IN
from gateway.compile import compile_config
from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.errors import GatewayError
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.target import ImageTarget, Outside
from gateway.transport import Transport
from gateway.wire import MissingField, Target
from strategies import Failure
from tests.end_to_end.stage import Stage
from tests.providers.conversations import cassettes, uploads
from tests.providers.test_cassettes import asked_of
from tests.running import serving

_LONGEST_WAIT = 6.0
_PATHS = {"generate": "generations", "edit": "edits", "vary": "variations"}

# Their adapter takes the path alone of an address that an answer names, and that path is another one here.
_BY_PATH = {("huggingface", "success_fal_slow"), ("huggingface", "success_wavespeed_edit")}

# These answer nobody over the network.
_SPOKEN_TO = [slug for slug in PROVIDERS if slug not in ("sandbox", "reka-ai")]


@dataclass
class Case:
    slug: str
    name: str
    cassette: object

    @property
    def operation(self):
        return self.cassette.request.operation

    @property
    def draws(self):
        """Whether something by chance is sent, which nobody can foresee."""
        return any(step.draw is not None for step in self.cassette.steps)

    def config(self, local):
        """Return the one-target config that has this conversation."""
        aim = self.cassette.target
        target = Target(
            provider=self.slug,
            options=aim.options,
            credentials={name: Secret(value) for name, value in aim.credentials.items()},
        )
        base = local(aim.custom_host or PROVIDERS[self.slug].base_url(target))
        return {"provider": self.slug, "custom_host": base, **aim.options, **aim.credentials}


def usable(slug, operation):
    """Return the conversations that a caller can bring about who names their model, without a long wait."""
    found = []
    for name, cassette in cassettes(slug).items():
        case = Case(slug, name, cassette)
        waits = sum(step.wait or 0 for step in cassette.steps)
        if case.operation == operation and waits <= _LONGEST_WAIT and _gets_through(case):
            found.append(case)
    return found


def _gets_through(case):
    """Whether the gateway would hand the request to the adapter just as the conversation has it."""
    if not _can_be_played(case):
        return False
    if not case.cassette.target.credentials.keys() <= set(PROVIDERS[case.slug].fields.secret):
        return False  # a token that was minted
    request = asked_of(case.cassette.request)
    outside = Outside(transport=Transport(max_response_bytes=0, trust_loopback=True))
    try:
        spec = parse(Document(data=case.config(lambda text: text)), virtual_keys={})
        route = compile_config(spec, lambda target, checks: ImageTarget(target, PROVIDERS[case.slug], outside, checks))
    except (GatewayError, MissingField):
        return False
    if objection(request, route, BUILT_IN) is not None:
        return False
    prepared = ImageTarget(spec.root, PROVIDERS[case.slug], outside, False).prepare(request)
    return not isinstance(prepared, Failure) and _sent(prepared.request.params) == _sent(request.params)


def _can_be_played(case):
    """Whether all of it is to be had from a server of our own, and pictures stand as such in its answers."""
    answers = ""
    if (case.slug, case.name) in _BY_PATH:
        return False
    steps = [step for step in case.cassette.steps if step.send is not None]
    first = urlsplit(steps[0].send.url).netloc
    for step in steps:
        host = urlsplit(step.send.url).netloc
        if host != first and host not in answers:
            return False
        answers += json.dumps(msgspec.to_builtins(step.receive))
    return all(f'{picture.b64}"' in answers for picture in case.cassette.outcome.success.pictures if picture.b64)


def _sent(params):
    # In which form the pictures come is asked of the provider only where it can choose.
    return {name: value for name, value in params.items() if name != "response_format"}


@pytest.fixture(scope="module")
def stage():
    with Stage() as stage:
        yield stage


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("every_provider")
    (folder / "configs").mkdir()
    with serving(folder / "configs", "--data", str(folder / "data")) as running:
        yield running


async def _ask(session, url, case, scene, **more):
    """Send the conversation's request, and return the answer with its headers."""
    asked = case.cassette.request
    params = {**asked.params, **more}
    headers = {"x-portkey-config": json.dumps(case.config(scene.played.local))}
    pictures = uploads(asked)
    if case.operation == "vary":
        form = aiohttp.FormData({name: str(value) for name, value in params.items()})
        for name, data in pictures.items():
            form.add_field(name.partition(" ")[0], data, filename="picture.png")
        sending = {"data": form}
    else:
        if pictures:
            addresses = {name: "data:;base64," + base64.b64encode(data).decode() for name, data in pictures.items()}
            params["image"] = [address for name, address in addresses.items() if name != "mask"]
            params |= {"mask": addresses["mask"]} if "mask" in addresses else {}
        sending = {"json": params}
    async with session.post(f"{url}/v1/images/{_PATHS[case.operation]}", headers=headers, **sending) as answer:
        return answer.status, answer.headers, await answer.json()


def _all(cases, work):
    """Work on all cases at the same time: most of the time is spent waiting between two questions."""

    async def run():
        async with aiohttp.ClientSession() as session:
            return await asyncio.gather(*(work(session, case) for case in cases))

    return [fault for faults in asyncio.run(run()) for fault in faults]


def test_each_provider_understands_and_is_understood_over_the_wire(stage, gateway):
    cases = [case for slug in _SPOKEN_TO for operation in _PATHS for case in usable(slug, operation)]
    told = {(case.slug, case.operation) for case in cases}

    async def work(session, case):
        scene = stage.add(f"{case.slug}.{case.name}", case.cassette, strict=not case.draws, echoes=case.draws)
        status, headers, answer = await _ask(session, gateway.url, case, scene)
        faults = [*scene.faults]
        if status != 200:
            return [*faults, f"{case.slug}/{case.name}: {status} {answer}"]
        understood = case.cassette.outcome.success
        if len(answer["data"]) != len(understood.pictures):
            faults.append(f"{len(answer['data'])} pictures, not {len(understood.pictures)}")
        missing = [each for each in understood.adaptations if each not in headers.get("x-gateway-adaptations", "")]
        faults += [f"{each} is not among the adaptations" for each in missing]
        return [f"{case.slug}/{case.name}: {fault}" for fault in faults]

    faults = _all(cases, work)
    assert faults == [], "\n".join(faults)
    lacking = [slug for slug in _SPOKEN_TO if (slug, "generate") not in told]
    for operation, stem in (("edit", "success_edit*"), ("vary", "success_vari*")):
        lacking += [
            f"{slug} {operation}" for slug in _SPOKEN_TO if cassettes(slug, stem) and (slug, operation) not in told
        ]
    assert lacking == [], "no conversation of these can be brought about by a caller who names the model"


@pytest.mark.parametrize("wanted", ["url", "b64_json"])
def test_response_format_is_honoured_whatever_the_provider_answers_with(stage, gateway, wanted):
    cases = [usable(slug, "generate")[0] for slug in _SPOKEN_TO]

    async def work(session, case):
        scene = stage.add(f"{case.slug}.{wanted}", case.cassette, strict=False, echoes=case.draws)
        status, _, answer = await _ask(session, gateway.url, case, scene, response_format=wanted)
        if status != 200:
            return [f"{case.slug}/{case.name}: {status} {answer} {scene.faults}"]
        faults = []
        for number, item in enumerate(answer["data"], 1):
            if {name for name, value in item.items() if value is not None} - {"revised_prompt"} != {wanted}:
                faults.append(f"{case.slug}: {sorted(item)} instead of {wanted}")
                continue
            if wanted == "url":
                async with session.get(item["url"]) as got:
                    data = await got.read()
            else:
                data = base64.b64decode(item["b64_json"])
            if data != scene.played.expected[number - 1]:
                faults.append(f"{case.slug}: picture {number} is not the one that was painted")
        return faults

    faults = _all(cases, work)
    assert faults == [], "\n".join(faults)
