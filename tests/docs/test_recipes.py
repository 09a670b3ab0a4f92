"""docs/recipes.md explains every example, and draws its tree with the names that the example has."""

import re

import pytest
import yaml

from tests.documents import ROOT

EXAMPLES = {
    file.stem: file for file in sorted((ROOT / "examples" / "configs").glob("*.yaml")) if file.stem != "gateway"
}
SECTIONS = dict(re.findall(r"(?ms)^## ([\w-]+)\n(.*?)(?=^## |\Z)", (ROOT / "docs" / "recipes.md").read_text()))


def names(node):
    for target in node.get("targets", ()):
        yield target["name"]
        yield from names(target)


def test_every_example_has_a_recipe():
    assert sorted(SECTIONS) == sorted(EXAMPLES)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_recipe_shows_the_tree_of_its_example(name):
    section = SECTIONS.get(name, "")
    drawn = re.search(r"```text\n(config.*?)```", section, re.DOTALL)[1]
    document = yaml.safe_load(EXAMPLES[name].read_text())
    assert [each for each in names(document) if each not in drawn] == []
    mode = document.get("strategy", {}).get("mode")
    assert (f"config ({mode}" in drawn) if mode else drawn.startswith("config ──")
    assert f"[{name}.yaml](../examples/configs/{name}.yaml)" in section
    assert f"{name} '" in section, "a command to try it"
