"""Where the gateway keeps what outlives a request: the data folder, the keys in it, database and pictures."""

import logging
import os
import secrets
from pathlib import Path

from gateway.delivery import Delivery, FolderStore, Links, PictureStore
from gateway.settings import Settings
from gateway.state.intents import Intents
from gateway.store.database import Database, StoreLost, database, sqlite_url
from gateway.store.migrations import migrate
from gateway.store.sealing import MasterKeys, key_from
from gateway.store.vault import Vault, open_vault

_log = logging.getLogger("gateway.keeping")

_KEY_BYTES = 32
_KEY_FILE = "link-signing.key"
_MASTER_FILE = "master.key"


def data_folder(settings: Settings) -> Path:
    """Return the folder, which may not be there yet: the one that is set, else one in the user's state folder."""
    if settings.data:
        return Path(settings.data).expanduser()
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "beamsplitter"


def picture_store(settings: Settings, data: Path) -> PictureStore:
    """Return the store that the settings name; raises `OSError` where it cannot be used."""
    place = settings.picture_store
    if "://" in place:
        from gateway.delivery.bucket import BucketStore  # noqa: PLC0415 - its client is an extra, for those who want it

        return BucketStore(place)
    folder = Path(place).expanduser() if place else data / "pictures"
    return FolderStore(folder, bytes_max=settings.picture_store_bytes, keep_seconds=settings.picture_keep_seconds)


def signing_key(data: Path) -> bytes:
    """Return the key that signs links, made by the first process that needs it."""
    return _made_key(data, _KEY_FILE, "links given out so far end")


def master_keys(settings: Settings) -> MasterKeys:
    """Return the keys that seal what is stored: as they are set, else one that the first start made.

    Raises `OSError` where there is no place for one, and `ValueError` for what is no key.
    """
    written = [word for word in settings.master_key.split(",") if word.strip()]
    if written:
        return MasterKeys([key_from(word) for word in written])
    return MasterKeys([_made_key(data_folder(settings), _MASTER_FILE, "the secrets in its database are lost")])


def is_asked_for(settings: Settings) -> bool:
    """Whether somebody named a place for what lasts; else pictures are served without one, where there is none."""
    return bool(settings.store or settings.data or settings.master_key)


async def opened_store(settings: Settings) -> tuple[Database, Vault]:
    """Return the database, at the schema of this version, and what opens its secrets; raises `StoreLost`."""
    data = data_folder(settings)
    try:
        if not settings.store:
            data.mkdir(parents=True, exist_ok=True)
        master = master_keys(settings)
    except OSError as error:
        raise StoreLost(f"{data}: {error.strerror or error}") from None
    except ValueError as wrong:
        raise StoreLost(f"master_key: {wrong}") from None
    store = database(settings.store or sqlite_url(data / "beamsplitter.db"))
    try:
        await migrate(store)
        return store, await open_vault(store, master)
    except BaseException:
        await store.close()
        raise


def _made_key(data: Path, name: str, loss: str) -> bytes:
    """Return a key that is kept in the data folder, made by the first process that needs it."""
    file = data / name
    data.mkdir(parents=True, exist_ok=True)
    try:
        return _read(file, loss)
    except FileNotFoundError:
        pass
    aside = data / f"{name}.{secrets.token_hex(8)}"
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
        new.write(secrets.token_bytes(_KEY_BYTES))
    try:
        os.link(aside, file)  # whole from the start, and never in place of another process's
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    return _read(file, loss)


def _read(file: Path, loss: str) -> bytes:
    key = file.read_bytes()
    if len(key) != _KEY_BYTES:
        raise OSError(f"{file} is not the key it has to be; put the right one there, or remove it, and {loss}")
    return key


def kept_pictures(settings: Settings) -> Delivery:
    """Return the place for pictures; where none can be had, links are refused and all else works."""
    data = data_folder(settings)
    place, advice = str(data), "Name a folder that can be written to with --data."
    try:
        secret = settings.url_secret.encode() or signing_key(data)
        if settings.picture_store:
            place, advice = settings.picture_store, "Correct --picture-store, or leave it out."
        store = picture_store(settings, data)
    except OSError as error:
        _log.warning(
            "no pictures can be kept in %s (%s): response_format url is refused where a provider has no links of its "
            "own. %s",
            place,
            error.strerror or error,
            advice,
        )
        return Delivery()
    return Delivery(store, Links(secret, public_url=settings.public_url))


def kept_intents(settings: Settings) -> Intents | None:
    """Return the place for intents; where none can be had, idempotency keys are refused and all else works."""
    data = data_folder(settings)
    try:
        return Intents(data / "idempotency", bytes_max=settings.idempotency_bytes)
    except OSError as error:
        words = (
            "idempotency keys are refused: %s cannot be used (%s). Name a folder that can be written to with --data."
        )
        _log.warning(words, data, error.strerror or error)
        return None
