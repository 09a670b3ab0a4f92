"""docs/errors.md has a row for every code that the gateway can answer, and for no other."""

import re

from gateway.errors import GatewayError
from gateway.http import keyed, reply
from gateway.http.openapi_tables import REFUSED
from tests.docs.codes import codes, in_page
from tests.documents import ROOT

PAGE = ROOT / "docs" / "errors.md"


def test_every_code_has_a_row():
    missing = {code: file for code, file in codes().items() if code not in in_page(PAGE)}
    assert missing == {}, "say on docs/errors.md what they mean, and what to do"


def test_every_row_is_about_a_code_that_there_is():
    assert in_page(PAGE) - set(codes()) == set()


def test_the_codes_that_are_known_to_be_there_are_found():
    """Each is given in another way: by keyword, by position, in a table, as a class attribute, as a default."""
    found = codes()
    assert {"invalid_image", "shutting_down", "timeout_error", "invalid_json", "not_found", "invalid_…"} <= set(found)
    assert {"bad_host", "outcome_unknown", "method_not_allowed", "budget_exceeded", "no_route"} <= set(found)


def test_what_the_description_of_the_api_names_has_a_row():
    named = {word for text in REFUSED.values() for word in text.split("`")[1::2]}
    rows = in_page(PAGE)
    assert {word for word in named if word not in rows and not word.startswith("invalid_")} == set()


def errors_below(kind):
    yield kind
    for each in kind.__subclasses__():
        yield from errors_below(each)


def test_the_statuses_are_those_of_the_code():
    rows = dict(re.findall(r"(?m)^\| `([a-z_]+)` \| ([^|]*) \|", PAGE.read_text()))
    known = {(kind.code, kind.status) for kind in errors_below(GatewayError)}
    known |= {(code, status) for status, code, _ in reply._PUBLIC.values()} | set(reply._OWN_STATUS.items())
    known |= {(code, status) for status, code, *_ in keyed._REFUSED.values()}
    assert {(code, status) for code, status in known if str(status) not in rows[code]} == set()
