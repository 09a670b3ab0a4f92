"""Requests as JSON with pictures in them: counted while they are read, put aside afterwards."""

import base64
import json

import pytest

from gateway.errors import Overloaded
from gateway.http import incoming
from gateway.http.incoming import Incoming
from gateway.http.spool import Spool
from gateway.transport import ByteBudget
from tests.end_to_end.studio import noise
from tests.gateway.test_uploads import receiving

MIB = 1 << 20
PICTURE = noise(2 * MIB)
EDIT = json.dumps({"prompt": "a", **dict.fromkeys(("image", "mask"), base64.b64encode(PICTURE).decode())})


@pytest.fixture
def closing():
    made = []
    yield made
    for close in made:
        close()


async def params_of(body, room, closing, path="/v1/images/edits"):
    reader = Incoming(max_json_bytes=MIB, max_upload_bytes=12 * MIB, fetch=None)
    return await reader.params(path, {"content-type": "application/json"}, receiving(body), room, closing)


async def test_the_pictures_of_a_json_request_wait_outside_of_memory(closing):
    budget = ByteBudget(64 * MIB)
    params = await params_of(EDIT.encode(), budget.room(), closing)
    assert budget.used == 0
    for upload in (*params["image"], params["mask"]):
        assert isinstance(upload.content, Spool)
        assert upload.content.at(0, upload.content.size) == PICTURE


async def test_a_json_request_is_counted_while_it_is_read(closing, monkeypatch):
    budget, used = ByteBudget(64 * MIB), []

    def decoded(address, param):
        used.append(budget.used)
        return incoming_from(address, param)

    incoming_from = incoming.from_data_url
    monkeypatch.setattr(incoming, "from_data_url", decoded)
    await params_of(EDIT.encode(), budget.room(), closing)
    assert used == [3 * len(EDIT)] * 2


async def test_a_json_request_that_finds_no_room_is_refused_before_long(closing, monkeypatch):
    monkeypatch.setattr(incoming, "_ROOM_SECONDS", 0.05)
    budget = ByteBudget(64 * MIB)
    holding, room = budget.room(), budget.room()
    await holding.take(64 * MIB)
    with pytest.raises(Overloaded) as refused:
        await params_of(EDIT.encode(), room, closing)
    assert (refused.value.status, refused.value.code, room.held) == (503, "overloaded", 0)
    assert int(refused.value.headers["retry-after"]) > 0
    small = json.dumps({"prompt": "a", "image": base64.b64encode(noise(100_000)).decode()})
    assert (await params_of(small.encode(), room, closing))["image"][0].width
