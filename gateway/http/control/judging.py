"""Whether a config may be stored: what it says is judged exactly as a file would be, for one workspace."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.config.document import Document
from gateway.config.load import MAX_BYTES
from gateway.config.parse import needs_target, parse, parse_settings
from gateway.config.spec import ConfigSpec
from gateway.config.virtual_key import VirtualKey, parse_virtual_key
from gateway.errors import InvalidConfig, Problem
from gateway.http.control.plane import Plane
from gateway.http.control.secrets import SPELLINGS, masked
from gateway.store import virtual_keys
from gateway.store.kept import is_name

_MOST_ASKED = 500


async def judge(plane: Plane, connection: AsyncConnection, workspace: str, config: dict[str, Any]) -> None:
    """Raise `InvalidConfig` with all that is wrong with a config."""
    if len(orjson.dumps(config)) > MAX_BYTES:
        raise InvalidConfig([Problem(message=f"A config may take {MAX_BYTES // 1024} KiB as JSON: split it up.")])
    keys = plane.visible(workspace)
    try:
        spec = _read(plane, config, keys)
    except InvalidConfig:
        # A virtual key that another process stored a moment ago is not seen yet.
        fresh = await _stored(connection, workspace, [slug for slug in _slugs(config) if slug not in keys])
        if not fresh:
            raise
        spec = _read(plane, config, {**keys, **fresh})
    failed = await asyncio.to_thread(plane.rehearse, spec) if spec is not None and spec.cases else ()
    if failed:
        raise InvalidConfig(failed)


def _read(plane: Plane, config: dict[str, Any], keys: Mapping[str, VirtualKey]) -> ConfigSpec | None:
    """Return what a config means, `None` where it holds settings alone."""
    document = Document(data=config)
    if not needs_target(document):
        return parse(document, virtual_keys=keys, trusted_hosts=plane.trusts)
    parse_settings(document)
    alone = [name for name in config if name in SPELLINGS]
    if alone:
        message = "`{}` needs a `provider` beside it; without one, callers bring their own."
        raise InvalidConfig([document.problem(f"$.{name}", message.format(name)) for name in alone])
    return None


async def _stored(connection: AsyncConnection, workspace: str, slugs: list[str]) -> dict[str, VirtualKey]:
    """Return virtual keys as the store has them, with nothing of their credentials but that there are some."""
    found: dict[str, VirtualKey] = {}
    if slugs:
        for row in await virtual_keys.named(connection, workspace, slugs[:_MOST_ASKED]):
            key = parse_virtual_key(row["slug"], Document(data=masked(row["document"])), "$")
            if isinstance(key, VirtualKey):
                found[key.slug] = key
    return found


def _slugs(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield every text that might name a virtual key: as it is, after `@`, or before the model."""
    if isinstance(value, str):
        slug = value.removeprefix("@").partition("/")[0]
        if is_name(slug):
            yield slug
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _slugs(item)
