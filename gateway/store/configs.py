"""Stored configs and their versions: each change keeps what was there before."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import kept
from gateway.store.kept import REMOVED, Change, Missing, Row
from gateway.store.tables import config_versions, configs


def place(workspace: str, id_: str) -> str:
    """Return what the secrets of a config are sealed for."""
    return f"{workspace}/configs/{id_}"


async def find(connection: AsyncConnection, workspace: str | None, name: str) -> Row:
    """Return a config with the id of its version, by id or slug; raises `Missing` or `Ambiguous`."""
    return await kept.found(connection, _with_version(configs.c), configs, workspace, name)


async def page(connection: AsyncConnection, workspace: str | None, size: int, number: int) -> tuple[int, Sequence[Row]]:
    """Return how many configs there are, and some of them, without their documents."""
    columns = [column for column in configs.c if column.name != "document"]
    return await kept.page(connection, _with_version(columns), configs, workspace, size, number)


async def create(change: Change, values: Mapping[str, Any]) -> Row:
    """Add a config with its first version: id, workspace, name, slug, document, is_default; raises `Taken`."""
    await kept.insert(change, configs, values)
    await _add_version(change, values["id"], 1, values["name"], values["document"])
    if values["is_default"]:
        await _alone(change, values["workspace"], values["id"])
    return await find(change.connection, values["workspace"], values["id"])


async def update(change: Change, row: Row, values: Mapping[str, Any]) -> Row:
    """Change a config's name, document, status or is_default; where nothing differs, nothing is done."""
    new = {name: value for name, value in values.items() if value != row[name]}
    if not new:
        return row
    await kept.update(change, configs, row, new)
    name, document = new.get("name", row["name"]), new.get("document", row["document"])
    await _add_version(change, row["id"], row["version"] + 1, name, document)
    if new.get("is_default"):
        await _alone(change, row["workspace"], row["id"])
    return await find(change.connection, row["workspace"], row["id"])


async def remove(change: Change, row: Row) -> None:
    """Remove a config, and the secrets that all of its versions held; its slug is free again."""
    gone: dict[str, Any] = {"status": REMOVED, "is_default": 0, "document": {}}
    await kept.update(change, configs, row, gone)
    await change.connection.execute(
        sa.update(config_versions).where(config_versions.c.config == row["id"]).values(document={})
    )


async def versions(
    connection: AsyncConnection, config: str, size: int, number: int
) -> tuple[int, Sequence[sa.RowMapping]]:
    """Return how many versions a config has, and some of them, the newest first and without their documents."""
    mine = config_versions.c.config == config
    columns = [column for column in config_versions.c if column.name != "document"]
    asked = sa.select(*columns).where(mine).order_by(config_versions.c.version.desc()).limit(size).offset(size * number)
    total = await connection.scalar(sa.select(sa.func.count()).select_from(config_versions).where(mine))
    return total or 0, (await connection.execute(asked)).mappings().all()


async def version(connection: AsyncConnection, config: str, id_: str) -> Row:
    """Return one version of a config; raises `Missing`."""
    return await _one_version(connection, config, config_versions.c.id == id_ if kept.is_name(id_) else sa.false())


async def numbered(connection: AsyncConnection, config: str, number: int) -> Row:
    """Return the version of a config that has a number, counted from 1; raises `Missing`."""
    return await _one_version(connection, config, config_versions.c.version == number)


async def _one_version(connection: AsyncConnection, config: str, which: sa.ColumnElement[bool]) -> Row:
    asked = sa.select(config_versions).where(config_versions.c.config == config, which)
    row = (await connection.execute(asked)).mappings().first()
    if row is None:
        raise Missing
    return row


def _with_version(columns: Any) -> sa.Select[Any]:  # noqa: ANN401 - columns of the table
    of_now = sa.and_(config_versions.c.config == configs.c.id, config_versions.c.version == configs.c.version)
    return sa.select(*columns, config_versions.c.id.label("version_id")).join(config_versions, of_now)


async def _add_version(change: Change, config: str, number: int, name: str, document: object) -> None:
    await change.connection.execute(
        sa.insert(config_versions).values(
            id=kept.new_id(),
            config=config,
            version=number,
            name=name,
            document=document,
            created_ms=change.now_ms,
            created_by=change.by,
        )
    )


async def _alone(change: Change, workspace: str, id_: str) -> None:
    """Let no other config of a workspace be its default."""
    others = sa.and_(configs.c.workspace == workspace, configs.c.is_default == 1, configs.c.id != id_)
    await change.connection.execute(
        sa.update(configs).where(others).values(is_default=0, revision=change.revision, updated_ms=change.now_ms)
    )
