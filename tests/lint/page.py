"""Writes docs/lints.md from the rules: `make docs`."""

import sys
import textwrap

from gateway.lint import RULES
from tests.documents import ROOT

PAGE = ROOT / "docs" / "lints.md"

_HEAD = """# Lints

Written by `make docs` from the rules themselves; a test proves each example.

`beamsplitter check` says what is wrong with a config, and then what is legal and hardly meant. An *error* fails as it
is, or leaves a secret open; a *warning* hardly does what was meant; a *notice* is worth knowing.

## Ignoring a rule

In a YAML file a comment silences a rule: on the line of the value that it is about, or alone on the line before it, for
that value and all below it; at the top of the file, before the first key, for all of the file. It names one rule or
several, with commas between, and says why:

<!-- config -->

```yaml
strategy: {mode: loadbalance}
targets:
  - {name: old, provider: sandbox}
  # beamsplitter: ignore=target-unreachable it takes over in May
  - {name: new, provider: sandbox, weight: 0}
```

Without a reason nothing is ignored, and a comment that has nothing to ignore is told as well. JSON has no comments, and
neither have configs that are stored by API: in these nothing can be ignored.

"""


def page():
    """Return the page."""
    return "\n".join([_HEAD + _overview(), *map(_section, RULES.values())]).rstrip() + "\n"


def _overview():
    rows = [f"| [{rule.name}](#{rule.name}) | {rule.severity} | {rule.summary} |" for rule in RULES.values()]
    return "\n".join(["## Rules", "", "| rule | severity | what it finds |", "| --- | --- | --- |", *rows, ""])


def _section(rule):
    why = textwrap.fill(rule.why, 120, break_long_words=False, break_on_hyphens=False)
    parts = [f"## {rule.name}", f"*{rule.severity}.* {rule.summary}", why, "Not so:", _block(rule.bad)]
    return "\n\n".join([*parts, "But:", _block(rule.good)]) + "\n"


def _block(text):
    return f"<!-- config -->\n\n```yaml\n{text}```"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE.name} is written\n")
