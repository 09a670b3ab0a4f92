"""What the database's secrets hang on: the master keys, the pepper of key digests, and the admin key's digest."""

import hmac
import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.database import Database, StoreLost
from gateway.store.migrations import SCHEMA, get, put
from gateway.store.sealing import CannotOpen, MasterKeys
from gateway.store.tables import meta

_PEPPER, _ADMIN = "pepper", "admin"
_PEPPER_PLACE = "meta/pepper"


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals what is stored, and recognises keys without knowing them."""

    master: MasterKeys
    pepper: bytes

    def digest(self, key: str) -> str:
        """Return what is stored of a key: nobody can compute it, or search for it, without the pepper."""
        return hmac.digest(self.pepper, key.encode("utf-8", "surrogatepass"), "sha256").hex()


async def open_vault(database: Database, master: MasterKeys) -> Vault:
    """Return the vault of a database; raises `StoreLost` where it was made with another master key."""
    async with database.write() as connection:
        await _alone(connection)
        sealed = await get(connection, _PEPPER)
        if sealed is None:
            pepper = secrets.token_bytes(32)
            await put(connection, _PEPPER, master.seal(pepper.hex(), _PEPPER_PLACE))
            return Vault(master, pepper)
    try:
        return Vault(master, bytes.fromhex(master.open(sealed, _PEPPER_PLACE)))
    except CannotOpen as wrong:
        raise StoreLost(
            f"{database.place}: its secrets were sealed with another master key ({wrong}): give the one it was made "
            "with as master_key, first of several where it is being replaced"
        ) from None


async def rewrap_vault(connection: AsyncConnection, master: MasterKeys) -> None:
    """Seal the pepper's key with the first master key."""
    sealed = await get(connection, _PEPPER)
    if sealed is not None:
        await put(connection, _PEPPER, master.rewrap(sealed, _PEPPER_PLACE))


async def admin_digest(database: Database, vault: Vault) -> tuple[str, str | None]:
    """Return the digest of the admin key that is kept, and the key itself where it was made just now."""
    async with database.write() as connection:
        await _alone(connection)
        digest = await get(connection, _ADMIN)
        if digest is not None:
            return digest, None
        key = f"bs-admin-{secrets.token_urlsafe(32)}"
        digest = vault.digest(key)
        await put(connection, _ADMIN, digest)
        return digest, key


async def _alone(connection: AsyncConnection) -> None:
    """Have all who start at one time find, or make, the same: one after another."""
    await connection.execute(sa.select(meta.c.value).where(meta.c.name == SCHEMA).with_for_update())
