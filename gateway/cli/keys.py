"""`beamsplitter keys`: API keys, made and revoked beside the server, and the master key, replaced."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from rich.table import Table

from gateway.cli.console import console
from gateway.config.api_key import DEFAULT_SCOPES, DEFAULT_WORKSPACE
from gateway.config.folder import read as read_folder
from gateway.config.snapshot import Snapshot
from gateway.errors import InvalidConfig
from gateway.http.control.api_key_fields import columns_of
from gateway.http.control.reading import Body
from gateway.http.control.secrets import SPELLINGS
from gateway.http.control.telling import moment_of
from gateway.keeping import opened_store
from gateway.settings import InvalidSetting, Settings, read
from gateway.store import api_keys, configs
from gateway.store.database import Database, StoreLost
from gateway.store.kept import Missing, Row, changing, is_name, now_ms
from gateway.store.rewrap import rewrap as rewrap_all
from gateway.store.sealing import CannotOpen
from gateway.store.vault import Vault

_BY = "cli"
_STORE_LOST = 69
"""As sysexits has it: a service cannot be had."""
_OVERLAP_SECONDS = 30 * 86_400
_PAGE = 500

_Done = TypeVar("_Done")
Work = Callable[[Database, Vault], Awaitable[_Done]]


@click.group(short_help="Make, list and revoke API keys.")
@click.option("--data", metavar="TEXT", help="Folder that the server keeps its database in, as for `serve`.")
@click.option("--store", metavar="TEXT", help="Database, where it is not the one in --data.")
@click.option("--master-key", metavar="TEXT", help="What seals secrets; the new one and the old one for `rewrap`.")
@click.option("--configs", metavar="TEXT", help="Folder of gateway configs: `server:` in its gateway.yaml counts too.")
@click.pass_context
def keys(context: click.Context, /, **flags: str | None) -> None:
    """Work with the keys in the gateway's database; a server that is running knows of it within a second.

    Exits with 0, with 1 when there is no such key, with 2 when the arguments cannot be used, with 69 when the database
    cannot be used.
    """
    try:
        early = read(flags, os.environ, {})
        folder = read_folder(Path(early.configs), os.environ) if early.configs else Snapshot()
        if folder.fatal:
            raise click.UsageError(f"configs: {early.configs} has problems; `beamsplitter check` on it tells them.")
        context.obj = read(flags, os.environ, folder.gateway.server), folder
    except InvalidSetting as invalid:
        raise click.UsageError(str(invalid)) from None


@keys.command(short_help="Make a key.")
@click.argument("name")
@click.option("--workspace", default=DEFAULT_WORKSPACE, show_default=True, help="The tenant that the key belongs to.")
@click.option("--scope", "scopes", multiple=True, help="What it may do.  [default: completions.write, feedback.write]")
@click.option("--description", help="What it is for.")
@click.option("--default-config", metavar="ID", help="The config for requests that name none.")
@click.option("--allow-provider", "providers", multiple=True, metavar="SLUG", help="A provider it may reach.  [all]")
@click.option("--allow-model", "models", multiple=True, metavar="PATTERN", help="A model it may use.  [all]")
@click.option("--credit-limit", type=float, metavar="USD", help="What it may spend.")
@click.option("--reset", type=click.Choice(("weekly", "monthly")), help="When counting what is spent begins anew.")
@click.option("--expires-at", metavar="DATE", help="When it ends, such as 2027-01-31.")
@click.pass_obj
def create(about: tuple[Settings, Snapshot], /, name: str, workspace: str, **given: Any) -> None:  # noqa: ANN401
    """Make a key and print it: it is not kept, and cannot be shown again.

    \b
    For example, one for a server that also stores configs:
      beamsplitter keys create deploy --scope completions.write --scope configs.create
    """  # noqa: D301 - click keeps the lines below a \b as they are
    settings, folder = about
    if not is_name(workspace):
        raise click.UsageError(f"--workspace: {workspace!r} cannot be the name of one.")
    body = Body({"name": name, **{field: value for field, value in _fields(given).items() if value}})
    words, columns = body.text("name", required=True), columns_of(body)
    _check(body)
    full = {"scopes": sorted(DEFAULT_SCOPES), "defaults": {}, "allow": {}} | columns

    async def work(database: Database, vault: Vault) -> tuple[Row, str]:
        config = full["defaults"].get("config_id")
        async with changing(database, _BY) as change:
            if config is not None and config not in folder.configs:
                full["defaults"] = {"config_id": (await configs.find(change.connection, workspace, config))["slug"]}
            common = {"workspace": workspace, "name": words, "kind": "workspace-service", "user_id": None}
            return await api_keys.create(change, vault, common | full)

    row, key = _done(settings, work, f"No config is called {given['default_config']!r} in {workspace!r}.")
    click.echo(f"{row['id']} is made for {', '.join(row['scopes'])}; this is the one time that it is shown:", err=True)
    click.echo(key)


@keys.command("list", short_help="List the keys.")
@click.option("--workspace", help="Only the keys of this tenant.")
@click.option("--json", "as_json", is_flag=True, help="All that is known of them, as JSON.")
@click.pass_obj
def list_(about: tuple[Settings, Snapshot], workspace: str | None, *, as_json: bool) -> None:
    """List the keys there are; none of them can be read."""

    async def work(database: Database, _: Vault) -> Sequence[Row]:
        found: list[Row] = []
        async with database.read() as connection:
            while True:
                total, rows = await api_keys.page(connection, workspace, _PAGE, len(found) // _PAGE)
                found += rows
                if not rows or len(found) >= total:
                    return found

    rows = [_told(row) for row in _done(about[0], work)]
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
        return
    if not rows:
        click.echo("There are no keys; `beamsplitter keys create NAME` makes one.", err=True)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "workspace_id", "key", "expires_at", "scopes"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        cells = (row["id"], row["name"], row["workspace_id"], row["key"], row["expires_at"], ", ".join(row["scopes"]))
        table.add_row(*(str(cell or "-") for cell in cells))
    console().print(table)


@keys.command(short_help="Revoke a key.")
@click.argument("id_", metavar="ID")
@click.pass_obj
def revoke(about: tuple[Settings, Snapshot], id_: str) -> None:
    """Revoke a key: whoever shows it is let in no more."""

    async def work(database: Database, _: Vault) -> Row:
        async with changing(database, _BY) as change:
            row = await api_keys.find(change.connection, None, id_)
            await api_keys.remove(change, row)
            return row

    click.echo(f"{_done(about[0], work, _missing(id_))['name']} is revoked.", err=True)


@keys.command(short_help="Replace a key.")
@click.argument("id_", metavar="ID")
@click.option("--until", metavar="DATE", help="How long the old one is good for, 30 days at most.  [it ends at once]")
@click.pass_obj
def rotate(about: tuple[Settings, Snapshot], id_: str, until: str | None) -> None:
    """Make a new key in the place of one, and print it; what the key may do stays as it is."""
    body = Body({"until": until})
    old_until_ms = body.expiry("until", _OVERLAP_SECONDS)
    _check(body)

    async def work(database: Database, vault: Vault) -> tuple[Row, str]:
        async with changing(database, _BY) as change:
            row = await api_keys.find(change.connection, None, id_)
            return await api_keys.rotate(change, vault, row, old_until_ms)

    row, key = _done(about[0], work, _missing(id_))
    ends = "has ended" if old_until_ms is None else f"ends at {moment_of(old_until_ms)}"
    click.echo(f"The key of {row['name']} before this one {ends}; this is the one time that it is shown:", err=True)
    click.echo(key)


@keys.command(short_help="Replace the master key.")
@click.pass_obj
def rewrap(about: tuple[Settings, Snapshot]) -> None:
    """Seal what is secret in the database with the first of the master keys.

    \b
    To replace the master key OLD by NEW:
      1. start every gateway with --master-key NEW,OLD
      2. beamsplitter keys --master-key NEW,OLD rewrap
      3. start every gateway with --master-key NEW
    """  # noqa: D301 - click keeps the lines below a \b as they are

    async def work(database: Database, vault: Vault) -> Mapping[str, int]:
        return await rewrap_all(database, vault.master, SPELLINGS, _BY)

    for table, count in _done(about[0], work).items():
        click.echo(f"{table}: {count} sealed anew")


def _done(settings: Settings, work: Work[_Done], missing: str = "") -> _Done:
    """Return what comes of some work on the database, or end with a sentence and an exit code."""

    async def run() -> _Done:
        database, vault = await opened_store(settings)
        try:
            return await work(database, vault)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except StoreLost as lost:
        click.echo(f"The database cannot be used: {lost}.", err=True)
        sys.exit(_STORE_LOST)
    except CannotOpen as wrong:
        click.echo(f"Nothing has changed, as something cannot be opened: {wrong}.", err=True)
        sys.exit(_STORE_LOST)
    except Missing:
        click.echo(missing, err=True)
        sys.exit(1)


def _check(body: Body) -> None:
    try:
        body.check()
    except InvalidConfig as invalid:
        raise click.UsageError(str(invalid)) from None


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as a request would have them."""
    usage = {"credit_limit": given["credit_limit"], "periodic_reset": given["reset"]}
    return {
        "description": given["description"],
        "expires_at": given["expires_at"],
        "scopes": list(given["scopes"]),
        "allow": {name: list(given[name]) for name in ("providers", "models") if given[name]},
        "defaults": {"config_id": given["default_config"]} if given["default_config"] else None,
        "usage_limits": {name: value for name, value in usage.items() if value is not None},
    }


def _missing(id_: str) -> str:
    return f"No key has the id {id_!r}; `beamsplitter keys list` shows those there are."


def _told(row: Row) -> dict[str, Any]:
    expired = row["expires_ms"] is not None and row["expires_ms"] <= now_ms()
    shown = ("id", "name", "description", "user_id", "scopes", "defaults", "allow", "usage_limits", "rate_limits")
    return {
        **{name: row[name] for name in shown},
        "key": row["hint"],
        "type": row["kind"],
        "workspace_id": row["workspace"],
        "status": "expired" if expired else row["status"],
        "created_at": moment_of(row["created_ms"]),
        "created_by": row["created_by"],
        "last_updated_at": moment_of(row["updated_ms"]),
        "expires_at": moment_of(row["expires_ms"]),
    }
