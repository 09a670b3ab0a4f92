"""What could not be settled is settled later, once, and in the order it was owed."""

import asyncio

from gateway.ledger import Account, Crossing, LedgerLost
from gateway.state.redis import debts as debts_module
from gateway.state.redis.debts import Debts

NEWS = Crossing(Account("a", "a"), "all", 5)


class Book:
    """A ledger by script."""

    def __init__(self, *answers):
        self.answers, self.asked = [*answers], []

    async def __call__(self, id_, end, draws, until):
        self.asked.append((id_, end, asyncio.get_running_loop().time()))
        answer = self.answers.pop(0) if self.answers else ()
        if isinstance(answer, Exception):
            raise answer
        return answer


async def paid(debts):
    await debts._task


async def test_it_is_tried_until_it_is_taken():
    book, told = Book(LedgerLost("down"), LedgerLost("down"), [NEWS]), []
    debts = Debts(book, told.append)
    debts.owe("one", "settled", (), 9.0)
    debts.owe("two", "released", (), 9.0)
    await paid(debts)
    assert [(id_, end) for id_, end, _ in book.asked] == [("one", "settled")] * 3 + [("two", "released")]
    assert [at for _, _, at in book.asked] == [0, 0.5, 1, 1]
    assert told == [NEWS]


async def test_what_is_forgotten_is_not_paid():
    book = Book()
    debts = Debts(book, None)
    debts.owe("one", "released", (), 9.0)
    debts.owe("two", "released", (), 9.0)
    debts.forget("one")
    await paid(debts)
    assert [id_ for id_, _, _ in book.asked] == ["two"]


async def test_what_is_owed_anew_while_it_is_paid_is_paid_again():
    debts = None

    async def settle(id_, end, draws, until):
        asked.append(end)
        if len(asked) == 1:
            debts.owe(id_, "settled", (), 9.0)
        return [NEWS]

    asked = []
    debts = Debts(settle, None)
    debts.owe("one", "released", (), 9.0)
    await paid(debts)
    assert asked == ["released", "settled"]


async def test_a_fault_is_told_and_stops_nobody(caplog):
    book = Book(ValueError("a fault"))
    debts = Debts(book, None)
    debts.owe("one", "settled", (), 9.0)
    debts.owe("two", "settled", (), 9.0)
    await paid(debts)
    assert [id_ for id_, _, _ in book.asked] == ["one", "two"]
    assert caplog.messages == ["a fault"]


async def test_there_are_never_too_many(monkeypatch):
    monkeypatch.setattr(debts_module, "_MOST", 3)
    book = Book()
    debts = Debts(book, None)
    for number in range(5):
        debts.owe(str(number), "settled", (), 9.0)
    await paid(debts)
    assert [id_ for id_, _, _ in book.asked] == ["2", "3", "4"]
