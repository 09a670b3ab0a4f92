"""Spends from one budget on Redis, as many gateways at once do, each over a connection of its own.

`python -m tests.bench.spenders URL CLIENTS SECONDS` prints how many reservations it made and settled.
"""

import asyncio
import sys
import time

import uvloop

from gateway.ledger import Account, Draw, UsageLimit, window_at
from gateway.state.redis import RedisLedger, Server


async def spend(url, number, until):
    """Reserve and settle until it is time, and return how often."""
    server = Server(url, connect_seconds=5, answer_seconds=5)
    ledger = RedisLedger(server)
    account = Account("api_key:paid", "the key 'paid'", UsageLimit(credit_micros=10**15, reset="monthly"))
    draws = [Draw(account, window_at("monthly", time.time()), 40_000, 1)]  # noqa: TID251 - budgets go by the calendar
    count = 0
    while time.monotonic() < until:
        await ledger.reserve(f"{number}-{count}", draws, 240)
        await ledger.settle(f"{number}-{count}", "settled", draws)
        count += 1
    await ledger.close()
    await server.close()
    return count


async def main(url, clients, seconds):
    until = time.monotonic() + float(seconds)
    print(sum(await asyncio.gather(*(spend(url, number, until) for number in range(int(clients))))))  # noqa: T201


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
