"""One more gateway, as far as live state goes: a process of its own that does what a test tells it."""

import asyncio
import contextlib
import json
import subprocess
import sys
from pathlib import Path

from gateway.http.idempotency import Once
from gateway.images import ImageRequest
from gateway.ledger import Account, Draw, UsageLimit, Window
from gateway.state.redis import RedisFlights, RedisIntents, RedisLedger, RedisState, Server
from gateway.state.redis import intents as intents_module

ROOT = Path(__file__).parents[2]
ACCOUNT = Account("api_key:a", "the key 'a'", UsageLimit(credit_micros=1000))
EACH = Draw(ACCOUNT, Window("all", None), 100, 1)


async def reserve(server, name, count):
    """Reserve as often as said, all at once."""
    ledger = RedisLedger(server)
    found = await asyncio.gather(*(ledger.reserve(f"{name}-{number}", [EACH], 60) for number in range(count)))
    await ledger.close()
    return sum(refusal is None for refusal in found)


async def hold(server, name, seconds):
    """Reserve once, and never settle."""
    ledger = RedisLedger(server)
    refused = await ledger.reserve(name, [EACH], seconds)
    return refused is None


class Work:
    """Paints a number that says who painted it, slowly."""

    sent = True

    def __init__(self, server, key, seconds):
        self.server, self.key, self.seconds = server, key, seconds

    async def __call__(self):
        number = await self.server.do("INCR", self.server.key(f"runs:{self.key}"))
        await asyncio.sleep(self.seconds)
        return (200, [(b"content-type", b"image")], f"picture {self.key} of run {number}".encode() * 1000), True


async def once(server, keys, duplicates, seconds, lease_ms=5000):
    """Send requests with idempotency keys, many of each at once; return each key's bodies."""
    intents_module.LEASE_MS = lease_ms
    intents = RedisIntents(server)
    gate = Once(intents)
    until = asyncio.get_running_loop().time() + 60

    async def send(key):
        work, request = Work(server, key, seconds), ImageRequest(params={"prompt": key})
        _, _, content = await gate.answer(key, request, "v1", work, [], until=until)
        if isinstance(content, bytes):
            return content.decode()
        return b"".join([piece async for piece in content]).decode()

    asked = [f"key-{number}" for number in range(keys) for _ in range(duplicates)]
    bodies = await asyncio.gather(*map(send, asked))
    await intents.close()
    found = {}
    for key, body in zip(asked, bodies, strict=True):
        found.setdefault(key, set()).add(body)
    return {key: sorted(body) for key, body in found.items()}


async def fly(server, askers, seconds):
    """Ask for the same picture many times at once; return what was got, and how often this process painted."""
    state, flights = RedisState(server), RedisFlights(server)
    painted = 0

    async def paint():
        nonlocal painted
        painted += 1
        await asyncio.sleep(seconds)
        await state.put(b"picture", b"painted " * 1000, 60)
        return b"painted " * 1000

    async def look():
        return await state.get(b"picture")

    until = asyncio.get_running_loop().time() + 30
    asks = (flights.join(b"key", paint, lambda _: "for all", until=until, look=look) for _ in range(askers))
    got = await asyncio.gather(*asks)
    await asyncio.sleep(0.05)  # what is said to others goes out
    await flights.close()
    return {"painted": painted, "own": sum(own for _, own in got), "kinds": len({result for result, _ in got})}


TASKS = {task.__name__: task for task in (reserve, hold, once, fly)}


async def _main(task, url, prefix, arguments):
    server = Server(url, prefix=prefix, connect_seconds=5, answer_seconds=5)
    await server.do("PING")
    _say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    _say(json.dumps(await TASKS[task](server, *json.loads(arguments))))
    await server.close()


def _say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Worker:
    """Such a process, seen from the test."""

    def __init__(self, task, url, prefix, *arguments):
        command = [sys.executable, "-m", "tests.services.redis_worker", task, url, prefix, json.dumps(arguments)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_ready(self):
        assert self.process.stdout.readline() == "ready\n"

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self):
        return json.loads(self.process.stdout.readline())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()


@contextlib.contextmanager
def workers(*each):
    """Start processes, each given as a task and its arguments; all of them wait for the word."""
    started = [Worker(*arguments) for arguments in each]
    try:
        for worker in started:
            worker.wait_ready()
        yield started
    finally:
        for worker in started:
            worker.close()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
