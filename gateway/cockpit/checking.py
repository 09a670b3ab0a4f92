"""`POST /v1/check`: all that can be said of a config that is being written."""

import asyncio
from typing import Any

from starlette.requests import Request

from gateway.cockpit.desk import Desk
from gateway.cockpit.drafts import Draft, body_names, draft_of, virtual_keys
from gateway.cockpit.expectations import Ran
from gateway.cockpit.verdict import Verdict, verdict_on
from gateway.errors import Problem
from gateway.explain import shape_of
from gateway.http.control.operator import operator_of
from gateway.http.control.plane import Told
from gateway.http.control.reading import body_of, object_of
from gateway.http.control.secrets import masked


async def check(desk: Desk, request: Request) -> Told:
    """Answer one request."""
    operator = operator_of(request, "configs.create")
    draft = await draft_of(desk, operator, object_of(await body_of(request), body_names()))
    document, spec = draft.document, draft.spec
    told: dict[str, Any] = {
        "object": "check",
        "text": draft.text,
        "config": None if document is None else masked(document.data),
        "problems": [_row(problem, draft) for problem in draft.problems],
        "tests": [],
        "worst_case": None,
        "tree": None,
        "version": None,
    }
    if spec is None or document is None:
        return told
    chooser = desk.chooser()
    keys, text = virtual_keys(chooser, operator), draft.text if draft.has_text else None
    verdict: Verdict = await asyncio.to_thread(
        verdict_on, spec, document, catalogue=chooser.catalogue, virtual_keys=keys, text=text
    )
    told["problems"] += [_row(problem, draft) for problem in verdict.problems]
    places = document.places
    told["tests"] = [_test(ran, places.get(f"$.tests[{ran.case.index}]", (None, None))[0]) for ran in verdict.ran]
    return told | {"worst_case": verdict.worst, "tree": shape_of(spec.root), "version": spec.version}


def _row(problem: Problem, draft: Draft) -> dict[str, Any]:
    return {
        "line": problem.line if draft.has_text else None,
        "column": problem.column if draft.has_text else None,
        "path": problem.path,
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.message,
    }


def _test(ran: Ran, line: int | None) -> dict[str, Any]:
    return {
        "name": ran.case.name,
        "passed": ran.passed,
        "line": line,
        "problems": [*ran.problems],
        "told": {
            "status": ran.status,
            "target": ran.target,
            "attempts": [*ran.attempts],
            "passed_over": ran.passed_over,
            "cost_usd": ran.cost_usd,
            "seconds": ran.seconds,
            "cause": ran.cause,
            "code": ran.code,
            "adaptations": [*ran.adaptations],
            "maybe_billed": ran.maybe_billed,
        },
    }
