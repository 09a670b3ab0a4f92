"""The routes of the control plane for configs, keys and feedback, with the prefix `/v1` and without."""

from collections.abc import Mapping

from starlette.routing import Route

from gateway.http.control import api_keys, configs, feedback, virtual_keys
from gateway.http.control.plane import Answer, Planes, answered, not_found

_NO_CONFIG = not_found("config", "/v1/configs", "config_not_found")
_NO_VERSION = not_found("version of a config", "/v1/configs/{slug}/versions", "config_not_found")
_NO_VIRTUAL_KEY = not_found("virtual key", "/v1/virtual-keys")
_NO_API_KEY = not_found("API key", "/v1/api-keys")
_NO_FEEDBACK = not_found("feedback", "/v1/logs")

_CONFIGS: Mapping[str, Mapping[str, Answer]] = {
    "/configs": {"GET": configs.listed, "POST": configs.create},
    "/configs/{name}": {"GET": configs.retrieve, "PUT": configs.update, "DELETE": configs.delete},
}
_VERSIONS: Mapping[str, Mapping[str, Answer]] = {
    "/configs/{name}/versions": {"GET": configs.versions},
    "/configs/{name}/versions/{version}": {"GET": configs.version},
    "/configs/{name}/versions/{version}/restore": {"POST": configs.restore},
    "/configs/{name}/diff": {"GET": configs.diff},
}
_VIRTUAL_KEYS: Mapping[str, Mapping[str, Answer]] = {
    "/virtual-keys": {"GET": virtual_keys.listed, "POST": virtual_keys.create},
    "/virtual-keys/{name}": {
        "GET": virtual_keys.retrieve,
        "PUT": virtual_keys.update,
        "DELETE": virtual_keys.delete,
    },
}
_API_KEYS: Mapping[str, Mapping[str, Answer]] = {
    "/api-keys": {"GET": api_keys.listed, "POST": api_keys.create},
    "/api-keys/{name}": {"GET": api_keys.retrieve, "PUT": api_keys.update, "DELETE": api_keys.delete},
    "/api-keys/{name}/rotate": {"POST": api_keys.rotate},
    "/api-keys/{type}/{sub_type}": {"POST": api_keys.create},
}
_FEEDBACK: Mapping[str, Mapping[str, Answer]] = {
    "/feedback": {"POST": feedback.create},
    "/feedback/{name}": {"PUT": feedback.update},
}


def control_routes(planes: Planes) -> list[Route]:
    """Return the routes; `planes` says what they work with, `None` while no database is open."""
    groups = (
        (_CONFIGS, _NO_CONFIG),
        (_VERSIONS, _NO_VERSION),
        (_VIRTUAL_KEYS, _NO_VIRTUAL_KEY),
        (_API_KEYS, _NO_API_KEY),
        (_FEEDBACK, _NO_FEEDBACK),
    )
    return [
        Route(prefix + path, answered(planes, answers, missing), methods=[*answers])
        for prefix in ("/v1", "")
        for paths, missing in groups
        for path, answers in paths.items()
    ]
