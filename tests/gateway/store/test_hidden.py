"""Secrets inside documents, and their master key replaced, on both databases."""

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import configs, hidden, virtual_keys
from gateway.store.kept import changing, new_id
from gateway.store.rewrap import rewrap
from gateway.store.sealing import CannotOpen, MasterKeys, is_sealed
from gateway.store.tables import config_versions
from gateway.store.vault import open_vault

ONE, TWO = b"one-master-key-of-32-bytes-notre", b"two-master-key-of-32-bytes-notre"
KEYS = MasterKeys([ONE])
SPELLINGS = {"api_key": "api_key", "apiKey": "api_key", "token": "token"}
PLACE = "red/configs/1"
SECRET = "sk-hidden-not-real"  # noqa: S105

_KEYS = st.sampled_from([*SPELLINGS, "name", "targets", "", "sealed1:a:b:c"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=15,
)


def secrets_in(document):
    if isinstance(document, list):
        return [secret for item in document for secret in secrets_in(item)]
    if not isinstance(document, dict):
        return []
    found = [value for key, value in document.items() if key in SPELLINGS and value is not None]
    return found + [secret for key, value in document.items() if key not in SPELLINGS for secret in secrets_in(value)]


@given(JSON)
def test_what_is_sealed_opens_as_it_was(document):
    sealed = hidden.sealed(document, SPELLINGS, KEYS, PLACE)
    assert all(is_sealed(secret) for secret in secrets_in(sealed))
    assert hidden.opened(sealed, SPELLINGS, KEYS, PLACE) == document
    assert set(secrets_in(hidden.masked(sealed, SPELLINGS))) <= {"***"}
    assert len(secrets_in(sealed)) == len(secrets_in(document))


def test_each_secret_is_bound_to_its_field_and_row():
    sealed = hidden.sealed({"api_key": SECRET}, SPELLINGS, KEYS, PLACE)
    for document, place in (
        ({"token": sealed["api_key"]}, PLACE),
        (sealed, "red/configs/2"),
        (sealed, "blue/configs/1"),
    ):
        with pytest.raises(CannotOpen):
            hidden.opened(document, SPELLINGS, KEYS, place)
    assert hidden.opened({"apiKey": sealed["api_key"]}, SPELLINGS, KEYS, PLACE) == {"apiKey": SECRET}


def test_what_looks_sealed_is_sealed_unless_it_is_known_to_be():
    sealed = hidden.sealed({"api_key": SECRET}, SPELLINGS, KEYS, PLACE)
    assert hidden.sealed(sealed, SPELLINGS, KEYS, PLACE) != sealed
    known = {"api_key": hidden.Sealed(sealed["api_key"])}
    assert hidden.sealed(known, SPELLINGS, KEYS, PLACE) == sealed


async def fill(store):
    """Store a config with two versions, and a virtual key; return their ids."""
    config, key = new_id(), new_id()
    async with changing(store, "tester") as change:
        common = {"workspace": "red", "name": "x", "slug": "x"}
        place = configs.place("red", config)
        document = hidden.sealed({"api_key": SECRET}, SPELLINGS, KEYS, place)
        row = await configs.create(change, {**common, "id": config, "document": document, "is_default": 0})
        document = hidden.sealed({"targets": [{"apiKey": SECRET}]}, SPELLINGS, KEYS, place)
        await configs.update(change, row, {"document": document})
        document = hidden.sealed({"api_key": SECRET}, SPELLINGS, KEYS, virtual_keys.place("red", key))
        await virtual_keys.create(change, {**common, "id": key, "document": document})
    return config, key


async def clear(store, master, config, key):
    """Return every document that is stored, in clear."""
    async with store.read() as connection:
        stored = (await configs.find(connection, None, config))["document"]
        versions = list(await connection.scalars(sa.select(config_versions.c.document)))
        of_key = (await virtual_keys.find(connection, None, key))["document"]
    place = configs.place("red", config)
    opened = [hidden.opened(document, SPELLINGS, master, place) for document in (stored, *versions)]
    return [*opened, hidden.opened(of_key, SPELLINGS, master, virtual_keys.place("red", key))]


async def test_a_master_key_is_replaced_everywhere(store):
    await open_vault(store, KEYS)
    ids = await fill(store)
    before = await clear(store, KEYS, *ids)
    both = MasterKeys([TWO, ONE])
    counts = await rewrap(store, both, SPELLINGS, "tester")
    assert counts == {"meta": 1, "configs": 1, "config_versions": 2, "virtual_keys": 1}
    assert await clear(store, MasterKeys([TWO]), *ids) == before
    await open_vault(store, MasterKeys([TWO]))
    with pytest.raises(CannotOpen):
        await clear(store, KEYS, *ids)
    assert set((await rewrap(store, both, SPELLINGS, "tester")).values()) == {0}


async def test_where_one_key_is_missing_nothing_is_changed(store):
    await open_vault(store, KEYS)
    ids = await fill(store)
    async with changing(store, "tester") as change:
        foreign = hidden.sealed({"api_key": SECRET}, SPELLINGS, MasterKeys([b"x" * 32]), virtual_keys.place("red", "z"))
        common = {"id": "z", "workspace": "red", "name": "z", "slug": "z"}
        await virtual_keys.create(change, {**common, "document": foreign})
    with pytest.raises(CannotOpen):
        await rewrap(store, MasterKeys([TWO, ONE]), SPELLINGS, "tester")
    assert len(await clear(store, KEYS, *ids)) == 4
    await open_vault(store, KEYS)
