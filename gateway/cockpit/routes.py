"""The routes of the cockpit: what a config will do, and what goes on."""

from starlette.requests import Request
from starlette.routing import Route

from gateway.cockpit import budgets, checking, configs, declared, explaining, health, live, simulating
from gateway.cockpit.desk import Desk, routes_of
from gateway.http.control.operator import operator_of
from gateway.http.control.plane import Told
from schemas import load


def cockpit_routes(desk: Desk) -> list[Route]:
    """Return the routes."""
    return routes_of(
        desk,
        {
            "/check": {"POST": checking.check},
            "/explain": {"POST": explaining.explain},
            "/simulate": {"POST": simulating.simulate},
            "/routes": {"GET": configs.listed},
            "/routes/{id}": {"GET": configs.shown},
            "/health/targets": {"GET": health.targets},
            "/budgets": {"GET": budgets.listed},
            "/declared-keys": {"GET": declared.listed},
            "/schemas/config": {"GET": _schema},
            "/logs/live": {"GET": live.live},
            "/logs/{id}/pictures": {"GET": live.pictures},
        },
    )


async def _schema(_: Desk, request: Request) -> Told:
    """Answer with the schema of configs."""
    operator_of(request, "configs.read")
    return load("gateway_config")
