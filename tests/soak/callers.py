"""Callers of every kind, as many a second as one core bears."""

import asyncio
import base64
import itertools
import json
import random
from collections import Counter

import aiohttp

from tests.end_to_end.provider import png
from tests.end_to_end.studio import form, noise
from tests.soak.painters import LARGE_BYTES, LARGE_END

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
_AT_A_TIME = 48
_UPLOAD, _BODY_TYPE = form(("prompt", "an otter"), ("image", "a.png", noise(400_000)), ("mask", "m.png", png()))
_JSON_EDIT = json.dumps(
    {
        "prompt": "an otter",
        "image": "data:image/png;base64," + base64.b64encode(noise(600_000)).decode(),
    }
).encode()


class Callers:
    """One crowd; `answers` counts what each kind got."""

    def __init__(self, url, painters, seed):
        self.answers = Counter()
        self.links = []
        self._url, self._painters = url, painters
        self._chance = random.Random(seed)
        self._numbers = itertools.count()
        self._kinds = [getattr(self, f"_{name}") for name, weight in WEIGHTS.items() for _ in range(weight)]

    async def call(self, seconds, rate):
        """Send requests for so long, whether or not earlier ones have been answered."""
        room = asyncio.Semaphore(_AT_A_TIME)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(self._url, connector=connector) as self._session, asyncio.TaskGroup() as all_:
            loop = asyncio.get_running_loop()
            start = loop.time()
            for number in range(int(seconds * rate)):
                await asyncio.sleep(start + number / rate - loop.time())
                await room.acquire()
                task = all_.create_task(self._chance.choice(self._kinds)())
                task.add_done_callback(lambda _: room.release())

    async def _post(self, kind, config, body, path=GENERATIONS, *, holds=b"", **headers):
        config = config if isinstance(config, str) else json.dumps(config)
        headers = {"content-type": "application/json", **headers, "x-portkey-config": config}
        data = json.dumps(body) if isinstance(body, dict) else body
        async with self._session.post(path, data=data, headers=headers) as response:
            content = await response.read()
            whole = response.status != 200 or holds in content
            self.answers[kind, response.status if whole else "without its picture"] += 1
            return content if response.status == 200 else None

    async def _small(self):
        await self._post("small", "small", {"prompt": "an otter"})

    async def _large(self):
        await self._post("large", "large", {"prompt": "an otter"}, holds=LARGE_END)

    async def _linked(self):
        content = await self._post("linked", "large", {"prompt": "an otter", "response_format": "url"})
        if content is None:
            return
        link = json.loads(content)["data"][0]["url"]
        async with self._session.get(link[link.index("/v1/") :]) as response:
            whole = len(await response.read()) >= LARGE_BYTES
            self.answers["link", response.status if whole else "without its picture"] += 1

    async def _edited(self):
        await self._post("edited", "small", _UPLOAD, EDITS, **{"content-type": _BODY_TYPE["content_type"]})

    async def _json_edited(self):
        await self._post("json edited", "small", _JSON_EDIT, EDITS)

    async def _streamed(self):
        body = {"prompt": "an otter", "stream": True, "partial_images": 1}
        await self._post("streamed", "events", body, holds=b"image_generation.completed")

    async def _rescued(self):
        await self._post("rescued", self._chance.choice(["rescued", "rescued-cut"]), {"prompt": "an otter"})

    async def _inline(self):
        number = next(self._numbers)
        target = {
            "provider": "openai",
            "api_key": f"test-key-{number}-not-real",
            "custom_host": f"http://127.0.0.1:{self._painters}/small",
            "override_params": {"model": f"model-{number}"},
        }
        failing = {**target, "custom_host": f"http://127.0.0.1:{self._painters}/fails", "retry": {"attempts": 0}}
        config = {"strategy": {"mode": "fallback"}, "targets": [failing, target]}
        await self._post("inline", config, {"prompt": "an otter"})

    async def _explained(self):
        config = {"provider": "sandbox", "name": f"of-{next(self._numbers)}"}
        await self._post("explained", config, {"prompt": "an otter"}, **{"x-gateway-explain": "true"})

    async def _refused(self):
        await self._post("refused", "small", {"prompt": "", "n": next(self._numbers)})

    async def _listed(self):
        async with self._session.get("/v1/models") as response:
            await response.read()
            self.answers["listed", response.status] += 1

    async def _leaving(self):
        """Leave before the answer, which never comes."""
        try:
            async with asyncio.timeout(self._chance.choice([0.05, 0.4])):
                await self._post("leaving", "stalls", {"prompt": "an otter"})
        except TimeoutError:
            self.answers["leaving", 200] += 1

    async def _leaving_early(self):
        """Leave in the middle of a large answer."""
        headers = {"content-type": "application/json", "x-portkey-config": "large"}
        async with self._session.post(GENERATIONS, data='{"prompt": "an otter"}', headers=headers) as response:
            await response.content.readany()
            self.answers["leaving early", response.status] += 1
            response.close()


WEIGHTS = {
    "small": 30,
    "large": 5,
    "linked": 3,
    "edited": 5,
    "json_edited": 3,
    "streamed": 8,
    "rescued": 12,
    "inline": 15,
    "explained": 6,
    "refused": 5,
    "listed": 2,
    "leaving": 5,
    "leaving_early": 1,
}
"""Kind → how many of a hundred callers."""

EXPECTED = {"refused": 400}
"""Kind → status, where it is not 200."""
