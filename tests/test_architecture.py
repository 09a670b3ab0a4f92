"""What holds for the repository as a whole: its locks, and who may stand on whom."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"gateway", "strategies", "schemas"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ["requirements.lock", "requirements-test.lock"]


def canonical(name):
    """Return a distribution's one spelling: `Google_RE2>=1` is `google-re2`."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name).group()).lower()


def locked(lock):
    """Return what a lock pins: name → version and the hashes that may be installed."""
    pins = {}
    for entry in re.split(r"\n(?=\S)", re.sub(r"(?m)^ *#.*\n", "", (ROOT / lock).read_text())):
        if entry.strip():
            name, version, hashes = re.fullmatch(
                r"([\w.-]+)==([\w.]+)(?: ; [^\\]+)?((?: \\\n +--hash=sha256:[0-9a-f]{64})*)\s*", entry
            ).groups()
            pins[canonical(name)] = version, re.findall("[0-9a-f]{64}", hashes)
    return pins


def imports(package):
    """Return (module, what it imports from elsewhere), by the first part of each name."""
    for file in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in names:
                yield file.relative_to(ROOT).as_posix(), name.partition(".")[0]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_each_package_with_its_hashes_and_names_no_place_to_fetch_it_from(lock):
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|@|\.(org|com|net|io)\b|(?m:^(-|--\w))", text)
    assert [name for name, (_, hashes) in locked(lock).items() if not hashes] == []


def test_the_locks_hold_what_pyproject_asks_for():
    runtime = {canonical(each) for each in [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]}
    tests = {canonical(each) for each in PROJECT["project"]["optional-dependencies"]["test"]}
    assert runtime - locked(LOCKS[0]).keys() == set()
    assert tests - locked(LOCKS[1]).keys() == set()


def test_the_test_lock_runs_the_very_versions_that_are_shipped():
    shipped, tested = locked(LOCKS[0]), locked(LOCKS[1])
    assert {name: tested.get(name) for name in shipped} == shipped


def test_strategies_stand_on_the_standard_library_and_tenacity_alone():
    allowed = sys.stdlib_module_names | {"strategies"}
    assert {pair for pair in imports("strategies") if pair[1] not in allowed} == {("strategies/retry.py", "tenacity")}


def test_what_the_code_imports_is_a_declared_dependency():
    optional = PROJECT["project"]["optional-dependencies"]
    declared = {
        canonical(each)
        for group in [
            PROJECT["project"]["dependencies"],
            *(v for k, v in optional.items() if k not in {"test", "bench"}),
        ]
        for each in group
    }
    distributions = packages_distributions()
    assert {
        (file, name)
        for package in OURS
        for file, name in imports(package)
        if name not in sys.stdlib_module_names | OURS
        and not declared & {canonical(each) for each in distributions.get(name, [name])}
    } == set()


def test_every_module_of_the_gateway_has_its_layer():
    inside = next(
        each for each in PROJECT["tool"]["importlinter"]["contracts"] if each.get("containers") == ["gateway"]
    )
    layers = set(re.findall(r"\w+", " ".join(inside["layers"])))
    modules = {path.stem for path in (ROOT / "gateway").iterdir() if path.suffix == ".py" or any(path.glob("*.py"))} - {
        "__init__"
    }
    assert inside["exhaustive"]
    assert modules - layers == set()
