"""The tables of docs/telemetry.md say what the code says."""

from tests.telemetry.page import ABOUT, PAGE, tables, written


def test_the_tables_are_as_the_code_has_them():
    text = PAGE.read_text()
    assert [head for head, _ in tables() if head not in text] == []
    assert written(text) == text, "python -m tests.telemetry.page writes them anew"


def test_each_event_is_explained():
    rows = dict(tables())["| event | fields |\n| --- | --- |"]
    assert len(rows) == len(ABOUT)
