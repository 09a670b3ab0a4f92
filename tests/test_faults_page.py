"""docs/faults.md says what the wall came to: every scenario, and that each of them passed."""

from tests.end_to_end.wall.page import PAGE
from tests.end_to_end.wall.scenarios import SCENARIOS


def rows():
    table = PAGE.read_text().partition("| scenario |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_the_page_of_faults_lists_the_scenarios_there_are():
    assert [row[0] for row in rows() if row[0]] == [scenario.name for scenario in SCENARIOS], "run `make faults`"


def test_the_page_of_faults_says_that_all_of_them_pass():
    assert "24 scenarios: 24 pass, 0 partial, 0 fail" in PAGE.read_text()
    assert [row[5] for row in rows() if row[0]] == ["pass"] * 24


def test_the_page_of_faults_bills_nothing_beyond_the_allowance():
    money = [[int(figure) for figure in row[4].split(" / ")] for row in rows()]
    assert len(money) > 24
    assert [row for row, (billed, allowed) in zip(rows(), money, strict=True) if billed > allowed] == []
