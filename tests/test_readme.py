"""What README.md says of figures is what was measured; that its commands work is in tests/docs."""

import re

from tests.documents import ROOT


def test_the_figures_of_the_comparison_are_those_of_the_benchmark():
    section = (ROOT / "README.md").read_text().partition("## Beside its peers")[2].partition("\n## ")[0]
    measured = (ROOT / "docs" / "benchmarks.md").read_text()
    cells = [cell for line in section.splitlines() if line.startswith("|") for cell in line.split("|")[2:]]
    figures = {figure for cell in cells for figure in re.findall(r"\d[\d,.]*\d", cell)}
    assert len(figures) > 20
    assert {figure for figure in figures if figure not in measured} == set()
