"""The tables of docs/telemetry.md, as the code has them; run it to write them anew."""

import re

from gateway.telemetry import EVENTS, FAMILIES, FIELDS
from tests.documents import ROOT

PAGE = ROOT / "docs" / "telemetry.md"

ABOUT = {
    "request_refused": "a request was refused before it went anywhere",
    "request_failed": "no target painted a picture",
    "request_answered": "one did; at level debug",
    "request_left": "the caller left before its answer",
    "events_cut": "the caller left in the middle of its events",
    "config_problem": "a file has a problem",
    "config_reload_crashed": "files could not be read, by a fault of the gateway",
    "configs_loaded": "what is served after files were read",
}


def metrics():
    for name, family in FAMILIES.items():
        labels = ", ".join(f"`{label}`" for label in family.labels)
        yield f"| `{name}` | {labels} | {family.kind} | {family.help} |"


def events():
    for event, fields in EVENTS.items():
        yield f"| `{event}`: {ABOUT[event]} | {', '.join(f'`{field}`' for field in fields)} |"


def fields():
    return (f"| `{field}` | {what} |" for field, what in FIELDS.items())


def tables():
    """Yield the head of each table, and its rows."""
    yield "| metric | labels | kind | what it says |\n| --- | --- | --- | --- |", list(metrics())
    yield "| event | fields |\n| --- | --- |", list(events())
    yield "| field | what |\n| --- | --- |", list(fields())


def written(text):
    """Return the page with its tables as they have to be."""
    for head, rows in tables():
        text = re.sub(re.escape(head) + r"\n(?:\|.*\n)*", lambda _: "\n".join([head, *rows, ""]), text, count=1)  # noqa: B023
    return text


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
