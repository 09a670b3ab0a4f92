"""What is said with every request while something is down does not flood the log."""

import logging
import time

import pytest

from gateway.seldom import SELDOM, Seldom


@pytest.fixture
def log():
    log, said = logging.getLogger("tests.seldom"), []
    handler = logging.Handler()
    handler.addFilter(Seldom())
    handler.emit = lambda record: said.append(record.getMessage())
    log.addHandler(handler)
    yield log, said
    log.removeHandler(handler)


def test_the_same_words_pass_once_in_ten_seconds_and_then_say_how_often_they_did_not(log, monkeypatch):
    log, said = log
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for number in range(500):
        log.warning("lost: %d", number, extra=SELDOM)
        log.warning("other: %d", number, extra=SELDOM)
    assert said == ["lost: 0", "other: 0"]
    now += 10
    log.warning("lost: %d", 500, extra=SELDOM)
    now += 20
    log.warning("lost: %d", 501, extra=SELDOM)
    assert said[2:] == ["lost: 500 (and 499 more like this)", "lost: 501"]


def test_everything_else_passes(log):
    log, said = log
    for _ in range(3):
        log.warning("a problem")
    assert said == ["a problem"] * 3
