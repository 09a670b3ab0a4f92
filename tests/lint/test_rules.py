"""Each rule does what its page says, and the examples keep to all of them."""

from pathlib import Path

import pytest

from gateway.config.spec import ConfigSpec
from gateway.lint import RULES, Linted, lint, lint_gateway_file
from tests.lint.page import PAGE, page
from tests.lint.reading import EXAMPLES, SNAPSHOT, TODAY, linted

CONFIGS = {Path(file): id_ for file, id_ in SNAPSHOT.files.items() if isinstance(SNAPSHOT.configs[id_], ConfigSpec)}
BESIDE = {"ignore-without-reason": {"target-unreachable"}}
"""What is found as well, as it is ignored for no reason."""


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_bad_example_breaks_its_rule_and_no_other(rule):
    told = {problem.code: problem.severity for problem in lint(linted(rule.bad))}
    assert told.keys() == {rule.name} | BESIDE.get(rule.name, set())
    assert told[rule.name] == rule.severity


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_good_example_breaks_no_rule(rule):
    assert lint(linted(rule.good)) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_is_found_says_where_it_is_and_what_to_do(rule):
    for problem in lint(linted(rule.bad)):
        assert problem.line
        assert problem.message.endswith((".", "?"))
        assert any(mark in problem.message for mark in (":", ";", "."))


def test_rules_are_few_and_named_once():
    assert len(RULES) <= 20
    assert all(rule.name == name for name, rule in RULES.items())


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_an_example_keeps_to_the_rules_or_says_why_not(file):
    config = Linted(
        spec=SNAPSHOT.configs[CONFIGS[file]],
        document=SNAPSHOT.documents[CONFIGS[file]],
        text=file.read_text(),
        catalogue=SNAPSHOT.gateway.catalogue,
        virtual_keys=SNAPSHOT.gateway.virtual_keys,
        today=TODAY,
    )
    assert list(map(str, lint(config))) == []


def test_the_gateway_file_of_the_examples_holds_no_secret():
    file = EXAMPLES / "gateway.yaml"
    assert lint_gateway_file(file, file.read_text()) == []


def test_the_page_of_lints_is_what_make_docs_writes():
    assert PAGE.read_text() == page(), "run `make docs`"
