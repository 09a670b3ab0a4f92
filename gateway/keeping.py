"""Where the gateway keeps what outlives a request: the data folder, the key in it, the store for pictures."""

import os
import secrets
from pathlib import Path

from gateway.delivery import FolderStore, PictureStore
from gateway.settings import Settings
from gateway.state.intents import Intents

_KEY_BYTES = 32
_KEY_FILE = "link-signing.key"


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


def kept_intents(settings: Settings, data: Path) -> Intents:
    """Return what keeps the promise of idempotency keys; raises `OSError` where the folder cannot be used."""
    return Intents(data / "idempotency", bytes_max=settings.idempotency_bytes)


def signing_key(data: Path) -> bytes:
    """Return the key that signs links, made by the first process that needs it."""
    file = data / _KEY_FILE
    data.mkdir(parents=True, exist_ok=True)
    try:
        return _read(file)
    except FileNotFoundError:
        pass
    aside = data / f"{_KEY_FILE}.{secrets.token_hex(8)}"
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
        new.write(secrets.token_bytes(_KEY_BYTES))
    try:
        os.link(aside, file)  # whole from the start, and never in place of another process's
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    return _read(file)


def _read(file: Path) -> bytes:
    key = file.read_bytes()
    if len(key) != _KEY_BYTES:
        raise OSError(f"{file} is not the key it has to be; remove it, and links given out so far end")
    return key
