"""Runs the tests that are written in a config: the real tree, with actors in the providers' places."""

import random
from collections import Counter
from dataclasses import replace

from gateway import virtual_time
from gateway.admission import objection
from gateway.catalogue import Catalogue
from gateway.cockpit.expectations import Ran, differences
from gateway.compile import Route, compile_config
from gateway.config.spec import AnswerSpec, CaseSpec, ConfigSpec, TargetSpec
from gateway.errors import GatewayError
from gateway.http import reply, told
from gateway.images import ImageRequest, InMemory, Upload
from gateway.providers import PROVIDERS
from gateway.rehearsal import PIXEL, Act, Performance, Player, outside, perform
from gateway.secret import Secret
from strategies import Context, Failure, Success

_CALLERS_KEY = Secret("stands-for-the-key-that-the-caller-would-send")
_ANSWERED = AnswerSpec()
_SEED = 1
_TRACE = "test"


def run_cases(spec: ConfigSpec, catalogue: Catalogue) -> list[Ran]:
    """Run all tests of a config, in virtual time: hours cost nothing. Not to be called inside a running loop."""
    return [virtual_time.run(_run(spec, case, catalogue)) for case in spec.cases]


async def _run(spec: ConfigSpec, case: CaseSpec, catalogue: Catalogue) -> Ran:
    calls: Counter[str] = Counter()

    def script(player: Player, _: ImageRequest, __: Context) -> Act:
        path = player.spec.path
        answers = case.given.get(path, (_ANSWERED,))
        answer = answers[min(calls[path], len(answers) - 1)]
        calls[path] += 1
        return Act(answer=answer.answer, seconds=answer.seconds, retry_after=answer.retry_after)

    shared = outside(catalogue)

    def leaf(target: TargetSpec, checks: bool) -> Player:  # noqa: FBT001 - called by position
        return Player(target, PROVIDERS[target.provider], shared, checks, script=script)

    route = compile_config(spec, leaf)
    request = _request(case)
    refused = objection(request, route, catalogue)
    ran = _refused(case, refused) if refused else _told(case, route, request, await _performed(route, request))
    return replace(ran, problems=tuple(differences(case, ran, route)))


async def _performed(route: Route, request: ImageRequest) -> Performance:
    return await perform(route, request, random.Random(_SEED))  # noqa: S311 - the same at each run, guards nothing


def _request(case: CaseSpec) -> ImageRequest:
    params = {name: value for name, value in case.request.items() if value is not None}
    if not case.path.endswith("generations"):
        params["image"] = [Upload(content=InMemory(PIXEL), format="png", width=1, height=1)]
    if not case.path.endswith("variations"):
        params.setdefault("prompt", "an otter")
    return ImageRequest(
        params=params, path=case.path, metadata=case.metadata, headers=case.headers, credential=_CALLERS_KEY
    )


def _refused(case: CaseSpec, refused: GatewayError) -> Ran:
    return Ran(case=case, problems=(), status=refused.status, target=None, code=refused.code)


def _told(case: CaseSpec, route: Route, request: ImageRequest, played: Performance) -> Ran:
    journey, outcome = played.journey, played.outcome
    rows = told.rows(journey, route)
    story = told.story(outcome, journey, route)
    lines = told.headers(outcome, journey, route, _TRACE, played.seconds, story=story)
    status, code = 200, None
    if isinstance(outcome, Failure):
        status, own, _ = reply.failure(outcome, journey, rows)
        lines, code = [*own, *lines], reply.public(outcome)[1]
    else:
        lines = [*reply.success(outcome.reply, request)[0], *lines]
    return Ran(
        case=case,
        problems=(),
        status=status,
        target=None if story.target is None else story.where,
        tried=tuple(attempt.target for attempt in journey.attempts),
        cost_usd=outcome.reply.cost_usd if isinstance(outcome, Success) else None,
        seconds=round(played.seconds, 6),
        cause=outcome.cause.value if isinstance(outcome, Failure) else None,
        code=code,
        adaptations=tuple(map(str, outcome.reply.adaptations)) if isinstance(outcome, Success) else (),
        maybe_billed=journey.maybe_billed,
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in lines},
        attempts=tuple(rows),
        passed_over={path: why.message for path, why in journey.passed_over.items()},
    )
