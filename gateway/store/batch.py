"""Steps that many make at one time, each of them whole, committed together: one wait for the disk serves them all."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger import LedgerLost
from gateway.store.database import Database, StoreLost

_Result = TypeVar("_Result")


@dataclass(slots=True)
class Wish(Generic[_Result]):
    """One step that somebody waits for."""

    names: Iterable[Any]
    """Rows that it reads, and may change."""
    work: Callable[[Any], _Result]
    done: "asyncio.Future[_Result]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


Open: TypeAlias = Callable[[AsyncConnection, list[Wish[Any]]], AbstractAsyncContextManager[Any]]


class Batch:
    """Collects steps while the transaction before is being committed, and makes them in one."""

    def __init__(self, database: Database, open_: Open) -> None:
        """Make steps in that database; `open_` reads what they need, and writes what they changed."""
        self._database = database
        self._open = open_
        self._waiting: list[Wish[Any]] = []
        self._task: asyncio.Task[None] | None = None

    async def make(self, names: Iterable[Any], work: Callable[[Any], _Result]) -> _Result:
        """Return what a step returns, once it is committed; raises `LedgerLost`."""
        wish = Wish(names, work)
        self._waiting.append(wish)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        # Who leaves while it waits must not take a step along that others were told of.
        return await asyncio.shield(wish.done)

    async def _run(self) -> None:
        while self._waiting:
            wishes, self._waiting = self._waiting, []
            try:
                results = await self._commit(wishes)
            except (StoreLost, IntegrityError) as lost:
                for wish in wishes:
                    _end(wish.done, LedgerLost(str(lost)))
            else:
                for wish, result in zip(wishes, results, strict=True):
                    if not wish.done.done():
                        wish.done.set_result(result)

    async def _commit(self, wishes: list[Wish[Any]]) -> list[Any]:
        async with self._database.write() as connection, self._open(connection, wishes) as sheet:
            return [wish.work(sheet) for wish in wishes]


def _end(done: "asyncio.Future[Any]", lost: Exception) -> None:
    if not done.done():
        done.set_exception(lost)
        done.exception()  # whoever waited may have left
