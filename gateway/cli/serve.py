"""`beamsplitter serve`: the server."""

import asyncio
import dataclasses
import logging
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import orjson
from starlette.types import ASGIApp

from gateway import server, telemetry
from gateway.app import build
from gateway.config.last_good import LastGood
from gateway.config.suggest import did_you_mean
from gateway.config.watch import Configs, LiveConfigs, NoConfigs
from gateway.keeping import data_folder, is_asked_for, opened_store, picture_store, signing_key
from gateway.settings import InvalidSetting, Settings, read, shown
from gateway.store.changes import count_api_keys
from gateway.store.database import StoreLost
from gateway.store.vault import admin_digest

_UNUSABLE = 2
_LIKE_A_KEY = re.compile(r"[!-~]{16,512}")
_SECRET_BYTES = 32
_BAD_CONFIGS = 78
"""The exit code for configuration errors that supervisors know from sysexits."""
_UNUSABLE_STORE = 69
"""The same for a service that cannot be had."""


def _setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command a flag for every setting."""
    for setting in reversed(dataclasses.fields(Settings)):
        name = f"--{setting.name.replace('_', '-')}"
        text = setting.metadata["help"]
        if setting.default not in ("", (), False):
            text += f"  [default: {_readable(setting.default)}]"
        if isinstance(setting.default, bool):
            option = click.option(f"{name}/--no-{name[2:]}", setting.name, is_flag=True, default=None, help=text)
        else:
            option = click.option(name, setting.name, metavar=_METAVARS[type(setting.default)], help=text)
        command = option(command)
    return command


def _readable(default: object) -> str:
    if isinstance(default, int) and default >= 1 << 20:
        return f"{default}, {default >> 30} GiB" if default % (1 << 30) == 0 else f"{default}, {default >> 20} MiB"
    return f"{default:g}" if isinstance(default, float) else str(default)


_METAVARS = {str: "TEXT", int: "NUMBER", float: "NUMBER", tuple: "TEXT,TEXT…"}


@click.command(short_help="Serve the gateway.")
@_setting_options
@click.option("--print-settings", is_flag=True, help="Print the settings in effect, and stop.")
def serve(*, print_settings: bool, **flags: Any) -> None:  # noqa: ANN401 - one for each setting
    """Serve the gateway.

    Every setting can also be given as a variable, BEAMSPLITTER_PORT for --port, or under `server:` in gateway.yaml;
    the flag wins, then the variable, then the file.

    Exits with 0 after a signal, with 2 when a setting cannot be used or the port is taken, with 69 when the database
    cannot be used, with 78 when the configs cannot be served.
    """
    try:
        early = read(flags, os.environ, {})
        _log_to_stderr(early.log_level)
        telemetry.write_logs_as(early.log_format)
        last_good = None if print_settings else LastGood(data_folder(early) / "last-good")
        live: Configs = LiveConfigs(early.configs, os.environ, last_good) if early.configs else NoConfigs()
        settings = read(flags, os.environ, live.snapshot.gateway.server)
    except InvalidSetting as invalid:
        raise click.UsageError(str(invalid)) from None
    if settings.public_url and not settings.public_url.startswith(("https://", "http://")):
        raise click.UsageError(
            f"public_url: expected an address such as https://img.example, got {settings.public_url!r}."
        )
    if 0 < len(settings.url_secret.encode()) < _SECRET_BYTES:
        raise click.UsageError(
            f"url_secret: expected at least {_SECRET_BYTES} bytes, as whoever guesses it can sign links of their own; "
            "`openssl rand -base64 32` makes one."
        )
    if settings.admin_key and not _LIKE_A_KEY.fullmatch(settings.admin_key):
        raise click.UsageError("admin_key: expected 16 to 512 visible ASCII characters.")
    if settings.alert_webhook and not settings.alert_webhook.startswith(("https://", "http://")):
        raise click.UsageError("alert_webhook: expected an address such as https://hooks.example/beamsplitter.")
    wrong = telemetry.objection(settings)
    if wrong is not None:
        raise click.UsageError(wrong)
    _refuse_redis(settings)
    if 0 < len(settings.alert_secret) < _SECRET_BYTES:
        raise click.UsageError(f"alert_secret: expected at least {_SECRET_BYTES} characters.")
    _refuse_bad_configs(settings, live)
    if print_settings:
        click.echo(orjson.dumps(shown(settings), option=orjson.OPT_INDENT_2))
        return
    first = _first_look(settings)
    _refuse_open_doors(settings, live, stored_keys=first.api_keys)
    _refuse_lost_pictures(settings)
    logging.getLogger().setLevel(settings.log_level.upper())
    telemetry.write_logs_as(settings.log_format)
    sys.exit(
        server.run(
            lambda: _application(settings, live),
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            on_bound=lambda port: _greet(settings, live, port, first.admin_key),
            drain_seconds=settings.drain_seconds,
        )
    )


def _application(settings: Settings, live: Configs) -> tuple[ASGIApp, asyncio.Event]:
    application, gateway = build(settings, live)
    return application, gateway.stopping


def _refuse_redis(settings: Settings) -> None:
    if not settings.redis:
        return
    try:
        from gateway.state.redis import Server  # noqa: PLC0415 - its client is an extra

        Server(settings.redis)
    except ImportError:
        message = "redis: it needs a client that is not installed: pip install 'beamsplitter[redis]'"
        raise click.UsageError(message) from None
    except ValueError as wrong:
        raise click.UsageError(f"redis: {wrong}") from None


def _refuse_bad_configs(settings: Settings, live: Configs) -> None:
    if live.fatal:
        if Path(live.path or "").exists():
            advice = f"correct what is listed above, until `beamsplitter check {live.path}` finds nothing"
        else:
            advice = f"name a folder that is there, or make it: beamsplitter init {live.path}"
        click.echo(f"The configs in {live.path} cannot be served: {advice}.", err=True)
        sys.exit(_BAD_CONFIGS)
    default = settings.default_config
    if default and not live.path:
        raise click.UsageError(f"default_config: {default!r} is a config's id, but no --configs are given.")
    if default and default not in live.snapshot.configs:
        hint = did_you_mean(default, live.snapshot.configs)
        raise click.UsageError(f"default_config: no config is called {default!r} in {live.path}{hint}")


@dataclasses.dataclass(frozen=True, slots=True)
class _FirstLook:
    """What is in the database at the start."""

    api_keys: int = 0
    admin_key: str | None = None
    """The admin key, where it was made just now; nobody can read it again."""


def _first_look(settings: Settings) -> _FirstLook:
    """Bring the database up to date before anything is served; what stops that is told in one sentence."""
    try:
        return asyncio.run(_looked(settings))
    except StoreLost as lost:
        if not is_asked_for(settings):
            return _FirstLook()  # nobody asked for a place: pictures are served without records
        click.echo(f"The database cannot be used: {lost}.", err=True)
        sys.exit(_UNUSABLE_STORE)


async def _looked(settings: Settings) -> _FirstLook:
    database, vault = await opened_store(settings)
    try:
        key = None if settings.admin_key else (await admin_digest(database, vault))[1]
        return _FirstLook(await count_api_keys(database), key)
    finally:
        await database.close()


def _refuse_open_doors(settings: Settings, live: Configs, *, stored_keys: int) -> None:
    if not (server.is_loopback(settings.host) or live.snapshot.gateway.api_keys or stored_keys or settings.open):
        click.echo(
            f"Refusing to listen on {settings.host}: without any API key everybody who reaches it could use your "
            "providers' keys. Add api_keys to gateway.yaml or make one by `beamsplitter keys create`, listen on "
            "127.0.0.1, or say --open.",
            err=True,
        )
        sys.exit(_UNUSABLE)


def _refuse_lost_pictures(settings: Settings) -> None:
    """Refuse to start where an operator names a place for pictures that cannot be used."""
    if not (settings.data or settings.picture_store):
        return
    try:
        data = data_folder(settings)
        if not settings.url_secret:
            signing_key(data)
        picture_store(settings, data)
    except OSError as error:
        place = f"--picture-store {settings.picture_store}" if settings.picture_store else f"--data {settings.data}"
        raise click.UsageError(f"{place}: no pictures can be kept there: {error.strerror or error}.") from None


def _greet(settings: Settings, live: Configs, port: int, admin_key: str | None) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{port}"
    count = len(live.snapshot.configs)
    click.echo(f"Beamsplitter is serving on {url} ({count} config{'' if count == 1 else 's'})")
    if live.problems:
        click.echo(f"Some of {live.path} has problems and is not served; see: beamsplitter check {live.path}")
    default = settings.default_config or live.snapshot.gateway.default_config
    model = "" if default else ', "model": "sandbox/sandbox"'
    decode = (
        "import base64,json,sys; sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)['data'][0]['b64_json']))"
    )
    click.echo(
        "Try it:\n"
        f"  curl -s {url}/v1/images/generations -H 'content-type: application/json' \\\n"
        f"""    -d '{{"prompt": "an otter reading a map"{model}}}' | python3 -c "{decode}" > otter.png"""
    )
    opened = "opened by the admin key; where that is lost, a start with BEAMSPLITTER_ADMIN_KEY set to a new one helps"
    if admin_key is not None:
        opened = "opened by the admin key"
        click.echo(f"The admin key, made just now and never shown again: {admin_key}")
    click.echo(f"The console: {url}/console ({opened})")
    sys.stdout.flush()


def _log_to_stderr(level: str) -> None:
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level.upper(), format=form, stream=sys.stderr)
    # It tells of every change beside the configs: a log file written there would feed itself.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    server.scrub_logs()
