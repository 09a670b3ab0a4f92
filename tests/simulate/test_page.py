"""The page: it needs nothing else, and shows the words of others as words."""

import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from gateway.simulate import difference
from gateway.simulate.page import page
from gateway.simulate.page.plots import nice
from gateway.simulate.report import report
from gateway.simulate.words import dollars, lasting, percent
from tests.simulate.acting import balance, fallback, openai, result_of, traffic_of

HOSTILE = "<script>alert(1)</script>\"'&[red]"
TURNED = "b\u202egnp"
MARKED = {
    **fallback(openai(HOSTILE, api_key="first-not-real"), openai(TURNED, api_key="second-not-real")),
    "id": "x",
}
DESCRIPTION = "</style><img src=x onerror=alert(1)>\x1b[31m"
_VOID = {"meta", "line", "rect", "path", "br"}


class Reader(HTMLParser):
    """Holds a page to what a strict reader expects."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def results():
    first = result_of(MARKED, traffic_of(20), requests=300, **{HOSTILE: {"faults": [{"status": 500, "ratio": 0.3}]}})
    first["config"]["description"] = DESCRIPTION
    return first, result_of(balance(openai("a"), openai("b")), traffic_of(20), requests=300)


def test_the_page_needs_nothing_else_and_runs_nothing(results):
    first, second = results
    for told in (first, {"configs": [first, second], "difference": difference(first, second)}):
        reader = read(page(told))
        assert not reader.tags & {"script", "img", "link", "iframe", "object", "a", "form"}
        names = {name for name, _ in reader.attributes}
        assert not {name for name in names if name.startswith("on")}
        assert not names & {"src", "href", "style", "action"}
        text = page(told)
        assert not re.search(r"https?://|url\(|@import", text)
        assert "default-src 'none'" in text


def test_the_words_of_others_are_shown_as_they_are(results):
    first, _ = results
    reader = read(page(first))
    shown = "".join(reader.text)
    assert HOSTILE[:40] in shown
    assert "</style><img src=x onerror=alert(1)>" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_each_plot_says_what_it_shows(results):
    reader = read(page(results[0]))
    labels = [value for name, value in reader.attributes if name == "aria-label"]
    assert len(labels) == 5
    assert len(set(labels)) == 5


def test_two_are_drawn_to_the_same_scale(results):
    first, second = results
    text = page({"configs": [first, second], "difference": difference(first, second)})
    ticks = re.findall(r'<text x="56" y="12\.0" class="tick end">([^<]+)</text>', text)
    assert len(ticks) == 8
    assert ticks[0::2] == ticks[1::2]


def test_a_result_without_a_single_answer_is_drawn():
    faults = {"faults": [{"status": 500}]}
    told = result_of(openai("a"), requests=1, a=faults)
    assert (told["success_rate"], told["p50"]) == (0.0, None)
    assert "0%" in "".join(read(page(told)).text)


def test_the_report_shows_words_as_words(results):
    console = Console(width=200, force_terminal=True, highlight=False)
    with console.capture() as captured:
        for part in report(results[0]):
            console.print(part)
    assert HOSTILE[:40] in captured.get()
    assert "\u202e" not in captured.get()


def test_the_worse_is_red_and_the_better_is_green(results):
    first = {**results[0], "p50": 1.0, "cost_usd": 5.0}
    second = {**results[0], "p50": 2.0, "cost_usd": 4.0}
    text = page({"configs": [first, second], "difference": difference(first, second)})
    assert '<span class="bad">+1.00 s</span>' in text
    assert '<span class="good">-$1.00</span>' in text


def test_numbers_for_people():
    assert [nice(value) for value in (0, 0.03, 0.7, 1, 68, 100, 101)] == [1, 0.03, 0.8, 1, 80, 100, 200]
    assert [lasting(value) for value in (0, 0.25, 59, 60, 3661, 90_000)] == [
        "0 s",
        "0.25 s",
        "59 s",
        "1 min",
        "1 h 1 min",
        "1 d 1 h",
    ]
    assert [percent(value) for value in (1, 0.99999, 0.5, 0.00001, None)] == ["100%", "99.9990%", "50%", "0.0010%", "–"]
    assert [dollars(value) for value in (0, 0.0123, 1234.5, -2)] == ["$0.00", "$0.0123", "$1,234.50", "-$2.00"]
