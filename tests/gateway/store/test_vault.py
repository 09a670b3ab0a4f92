"""What the database's secrets hang on: the pepper, the master key that seals it, the admin key's digest."""

import asyncio

import pytest

from gateway.store.database import StoreLost
from gateway.store.migrations import get, put
from gateway.store.sealing import MasterKeys
from gateway.store.vault import admin_digest, open_vault, rewrap_vault

ONE, TWO = b"one-master-key-of-32-bytes-notre", b"two-master-key-of-32-bytes-notre"


async def test_the_pepper_is_made_once_and_stays(store):
    vaults = await asyncio.gather(*(open_vault(store, MasterKeys([ONE])) for _ in range(4)))
    assert len({vault.pepper for vault in vaults}) == 1
    digest = vaults[0].digest("key-not-real")
    assert digest == vaults[3].digest("key-not-real")
    assert digest != vaults[0].digest("key-not-reaL")
    async with store.read() as connection:
        assert vaults[0].pepper.hex() not in str(await get(connection, "pepper"))


async def test_a_wrong_master_key_is_told_in_one_sentence(store):
    await open_vault(store, MasterKeys([ONE]))
    with pytest.raises(StoreLost, match="another master key") as caught:
        await open_vault(store, MasterKeys([TWO]))
    assert "\n" not in str(caught.value)


async def test_a_pepper_from_another_place_does_not_open(store):
    async with store.write() as connection:
        await put(connection, "pepper", MasterKeys([ONE]).seal("00" * 32, "meta/another"))
    with pytest.raises(StoreLost, match="another master key"):
        await open_vault(store, MasterKeys([ONE]))


async def test_the_master_key_can_be_replaced(store):
    before = await open_vault(store, MasterKeys([ONE]))
    both = MasterKeys([TWO, ONE])
    assert (await open_vault(store, both)).pepper == before.pepper
    async with store.write() as connection:
        await rewrap_vault(connection, both)
    assert (await open_vault(store, MasterKeys([TWO]))).pepper == before.pepper
    with pytest.raises(StoreLost):
        await open_vault(store, MasterKeys([ONE]))


async def test_the_admin_key_is_shown_to_whoever_made_it(store):
    vault = await open_vault(store, MasterKeys([ONE]))
    made = await asyncio.gather(*(admin_digest(store, vault) for _ in range(4)))
    [key] = [key for _, key in made if key is not None]
    assert {digest for digest, _ in made} == {vault.digest(key)}
    assert await admin_digest(store, vault) == (vault.digest(key), None)
    async with store.read() as connection:
        assert key not in str(await get(connection, "admin"))
