"""A few tests that fail beside others are run again, alone, and told; what fails alone fails the run."""

import subprocess
import sys

import pytest

from tests.running import ROOT

ONCE = """
from pathlib import Path
import pytest
@pytest.mark.parametrize("word", ["a b", "[x]"])
def test_once(word):
    seen = Path(__file__).with_name(f"seen {ord(word[0])}")
    assert seen.exists() or seen.touch()
def test_well(): pass
"""
ALWAYS = "def test_always(): assert False\n"
MANY = "import pytest\n@pytest.mark.parametrize('number', range(4))\ndef test_many(number): assert False\n"


@pytest.mark.parametrize(
    ("tests", "code", "again"),
    [
        ({"test_well.py": "def test_well(): pass\n"}, 0, None),
        ({"test_once.py": ONCE}, 0, "test_once.py::test_once[a b]"),
        ({"test_once.py": ONCE, "test_always.py": ALWAYS}, 1, "test_always.py::test_always"),
        ({"test_many.py": MANY}, 1, None),
        ({"test_broken.py": "1 / 0\n"}, 2, "test_broken.py"),
    ],
    ids=["all well", "failed once", "one fails always", "too many", "one that cannot be read"],
)
def test_what_failed_is_run_again_alone(tmp_path, tests, code, again):
    for name, text in tests.items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-c", "import sys; from tests.beside import main; sys.exit(main(sys.argv[1:]))"]
    inside = ["--numprocesses", "2", "--rootdir", str(tmp_path), str(tmp_path)]
    got = subprocess.run(
        [*command, *inside], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert got.returncode == code, got.stdout + got.stderr
    told = got.stdout.partition("Failed beside others, and run again alone:")[2]
    assert again in told if again else not told
