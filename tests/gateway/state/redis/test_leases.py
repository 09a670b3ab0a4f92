"""Leases are renewed while they are held, by one task that ends with the last of them."""

import asyncio

from gateway.state.redis import ServerLost
from gateway.state.redis.leases import Leases


async def test_each_is_renewed_until_it_is_released():
    leases, renewed = Leases(), []

    def renew(name, fault=None):
        async def once():
            renewed.append((name, asyncio.get_running_loop().time()))
            if fault is not None:
                raise fault

        return once

    leases.hold("a", renew("a", ServerLost("down")))
    await asyncio.sleep(1)
    leases.hold("b", renew("b"))
    await asyncio.sleep(1)
    assert renewed == [("a", 1.5), ("b", 1.5)]
    leases.release("a")
    leases.release("never held")
    await asyncio.sleep(1.5)
    assert renewed[2:] == [("b", 3.0)]
    leases.release("b")
    await asyncio.sleep(2)
    assert leases._task is None
    leases.hold("c", renew("c"))
    await asyncio.sleep(2)
    assert [name for name, _ in renewed] == ["a", "b", "b", "c"]
    await leases.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
