"""Drafts are read beside the event loop: a long one keeps no other request waiting."""

import threading
from types import SimpleNamespace

import pytest

from gateway.cockpit.configs import _one_stored
from gateway.cockpit.drafts import body_names, draft_of
from gateway.http.control.operator import Operator
from gateway.http.control.reading import object_of

CONFIG = {"provider": "openai", "api_key": "test-key-not-real", "custom_host": "https://images.example/v1"}
TEXT = "\n".join(f"{name}: {value}" for name, value in CONFIG.items())


def desk_of(threads):
    """Return a gateway that notes in which threads it is asked whether it trusts a host, as reading a config does."""

    def trusts(host):
        threads.add(threading.get_ident())
        return True

    chooser = SimpleNamespace(virtual_keys=lambda workspace: {})
    return SimpleNamespace(chooser=lambda: chooser, trusts=lambda: trusts)


@pytest.mark.parametrize("given", [{"text": TEXT}, {"config": CONFIG}], ids=["text", "config"])
async def test_a_draft_is_read_beside_the_loop(given):
    threads = set()
    draft = await draft_of(desk_of(threads), Operator("admin"), object_of(given, body_names()))
    assert draft.spec is not None
    assert threads
    assert threading.get_ident() not in threads


async def test_versions_are_read_beside_the_loop(monkeypatch):
    threads = set()
    row = {"document": CONFIG, "id": "1", "slug": "mine", "name": "mine", "version_id": "v"}

    class Reading:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            pass

    async def found(*_):
        return row

    monkeypatch.setattr("gateway.cockpit.configs.configs.find", found)
    desk = desk_of(threads)
    desk.database = SimpleNamespace(read=Reading)
    told = await _one_stored(desk, Operator("admin"), "mine", None)
    assert told["tree"]["provider"] == "openai"
    assert threads
    assert threading.get_ident() not in threads
