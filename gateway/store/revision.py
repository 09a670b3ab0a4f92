"""The number that grows with every change of configs and keys: how gateways learn of what others changed."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.tables import meta

_NAME = "revision"


async def current(connection: AsyncConnection) -> int:
    """Return the number of the last change."""
    value = await connection.scalar(sa.select(meta.c.value).where(meta.c.name == _NAME))
    return 0 if value is None else int(value)


async def next_one(connection: AsyncConnection) -> int:
    """Return the number of the change that this transaction makes.

    The row stays locked until the transaction ends, so changes become visible in the order of their numbers: whoever
    has seen one has seen all before it.
    """
    value = sa.cast(sa.cast(meta.c.value, sa.BigInteger) + 1, sa.Text)
    await connection.execute(sa.update(meta).where(meta.c.name == _NAME).values(value=value))
    return await current(connection)
