"""Comments that silence rules: where they count, and what is wrong with them."""

import json

import pytest

from gateway.lint import lint, lint_gateway_file
from gateway.lint.comments import comments
from tests.lint.reading import found, linted, said

IGNORE = "# beamsplitter: ignore=target-unreachable until May"
HEAD = "strategy: {mode: loadbalance}\n"
OLD = "- provider: sandbox\n"
NEW = "- provider: sandbox\n  weight: 0\n"
UNREACHABLE = ("target-unreachable", 5)

SILENT = {
    "on the line of the value": f"{HEAD}targets:\n{OLD}- provider: sandbox\n  weight: 0 {IGNORE}\n",
    "on the line before": f"{HEAD}targets:\n{OLD}- provider: sandbox\n  {IGNORE}\n  weight: 0\n",
    "with other comments between": f"{HEAD}targets:\n{OLD}- provider: sandbox\n{IGNORE}\n# agreed\n  weight: 0\n",
    "on the line where the target begins": f"{HEAD}targets:\n{OLD}- provider: sandbox {IGNORE}\n  weight: 0\n",
    "on what holds all targets": f"{HEAD}targets: {IGNORE}\n{OLD}{NEW}",
    "at the top": f"{IGNORE}\n{HEAD}targets:\n{OLD}{NEW}",
    "at the top, among others": f"# Ours.\n{IGNORE}\n\n# Old and new.\n{HEAD}targets:\n{OLD}{NEW}",
    "with the ends of lines of others": f"{HEAD}targets:\n{OLD}{NEW.rstrip()} {IGNORE}\n".replace("\n", "\r\n"),
    "behind a byte order mark": f"\ufeff{IGNORE}\n{HEAD}targets:\n{OLD}{NEW}",
    "for several rules": f"{HEAD}targets:\n{OLD}{NEW.rstrip()} "
    "# beamsplitter: ignore=same-target-twice, target-unreachable until May\n",
    "with a dash before the reason": f"{HEAD}targets:\n{OLD}{NEW.rstrip()} "
    "# beamsplitter: ignore=target-unreachable - until May\n",
    "without a break at the end": f"{HEAD}targets:\n{OLD}{NEW.rstrip()} {IGNORE}",
    "behind a quoted value": f"{HEAD}targets:\n{OLD}{NEW}  name: 'it''s #1' # not this\n".replace(
        "weight: 0", f"weight: 0 {IGNORE}"
    ),
}


@pytest.mark.parametrize("config", SILENT.values(), ids=SILENT)
def test_a_comment_silences_a_rule(config):
    assert found(config) == []


TOLD = {
    "on another line": (
        f"{HEAD}targets:\n- provider: sandbox {IGNORE}\n{NEW}",
        [("ignore-unused", 3), UNREACHABLE],
    ),
    "on the line of the first key, which is not the whole file": (
        f"strategy: {{mode: loadbalance}} {IGNORE}\ntargets:\n{OLD}{NEW}",
        [("ignore-unused", 1), UNREACHABLE],
    ),
    "with an empty line between": (
        f"{HEAD}targets:\n{OLD}- provider: sandbox\n  {IGNORE}\n\n  weight: 0\n",
        [("ignore-unused", 5), ("target-unreachable", 7)],
    ),
    "without a reason": (
        f"{HEAD}targets:\n{OLD}- provider: sandbox\n  weight: 0 # beamsplitter: ignore=target-unreachable -- .\n",
        [UNREACHABLE, ("ignore-without-reason", 5)],
    ),
    "without a rule": (
        f"{HEAD}targets:\n{OLD}- provider: sandbox\n  weight: 0 # beamsplitter: ignore it, please\n",
        [UNREACHABLE, ("ignore-unknown-rule", 5)],
    ),
    "a rule about ignoring": (
        f"# beamsplitter: ignore=ignore-unused as we like it so\n{HEAD}targets:\n{OLD}",
        [("ignore-unknown-rule", 1)],
    ),
    "in a quoted value": (
        f'{HEAD}description: "as in {IGNORE}"\ntargets:\n{OLD}- {{provider: sandbox, weight: 0}}\n',
        [UNREACHABLE],
    ),
    "in a quoted value of several lines": (
        f"{HEAD}description: 'one\n  {IGNORE}\n  two'\ntargets:\n{OLD}- {{provider: sandbox, weight: 0}}\n",
        [("target-unreachable", 7)],
    ),
    "in a block": (
        f"{HEAD}description: |\n  {IGNORE}\ntargets:\n{OLD}- {{provider: sandbox, weight: 0}}\n",
        [("target-unreachable", 6)],
    ),
    "in a name without quotes": (
        f"{HEAD}targets:\n{OLD}- provider: sandbox\n  name: a#beamsplitter:ignore=target-unreachable x\n  weight: 0\n",
        [("target-unreachable", 6)],
    ),
    "twice": (
        f"{IGNORE}\n{HEAD}targets:\n{OLD}- provider: sandbox\n  weight: 0 {IGNORE}\n",
        [("ignore-unused", 6)],
    ),
    "in another tool's comment": (f"# beamsplitter: our gateway\n{HEAD}targets:\n{OLD}", []),
}


@pytest.mark.parametrize(("config", "expected"), TOLD.values(), ids=TOLD)
def test_it_is_told(config, expected):
    assert found(config) == expected


def test_a_block_may_have_a_comment_behind_its_mark():
    text = f"description: | {IGNORE}\n  text {IGNORE}\n{HEAD}targets: [{{provider: sandbox}}]\n"
    assert [(each.line, each.about) for each in comments(text)] == [(1, 1)]


def test_an_unknown_rule_is_guessed():
    config = f"{HEAD}targets: # beamsplitter: ignore=target-unreachble until May\n{OLD}"
    assert said(config, "ignore-unknown-rule") == [
        "No rule is called `target-unreachble`; did you mean `target-unreachable`?"
    ]


def test_json_has_no_comments():
    data = {"description": IGNORE, "strategy": {"mode": "loadbalance"}}
    data["targets"] = [{"provider": "sandbox"}, {"provider": "sandbox", "weight": 0}]
    assert found(json.dumps(data), file="config.json") == [("target-unreachable", 1)]


def test_a_rule_that_is_for_configs_alone_is_none_for_the_gateway_file(tmp_path):
    text = f"{IGNORE}\nvirtual_keys: {{}}\n"
    (problem,) = lint_gateway_file(tmp_path / "gateway.yaml", text)
    assert problem.code == "ignore-unknown-rule"


def test_a_text_that_has_changed_meanwhile_silences_nothing():
    config = linted(f"{HEAD}targets:\n{OLD}{NEW}")
    for text in (
        "targets: [ # beamsplitter: ignore=target-unreachable x",
        "",
        "\x00 # beamsplitter: ignore=a b",
        "a: 'b",
    ):
        changed = type(config)(**{name: getattr(config, name) for name in config.__slots__} | {"text": text})
        assert "target-unreachable" in [problem.code for problem in lint(changed)]


def test_a_file_of_comments_ends_soon():
    hostile = (
        "#" * 50_000
        + "\n"
        + "# beamsplitter: ignore="
        + "a," * 20_000
        + "\n"
        + "# beamsplitter: ignore="
        + " " * 50_000
    )
    config = f"provider: sandbox\n{hostile}\n"
    assert {code for code, _ in found(config)} == {"ignore-unknown-rule"}
    quoted = ", ".join(['" # beamsplitter: x"'] * 9000)
    assert found(f"provider: sandbox\noverride_params: {{x: [{quoted}]}}\n") == []
    many = "".join(f"  - {{provider: sandbox, name: t{i}}} {IGNORE}\n" for i in range(31))
    assert len(found(f"{HEAD}targets:\n{many}")) == 31
