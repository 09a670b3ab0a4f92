"""S22 and S27: what our own code never does, and where the code of others comes from."""

import ast
import re
import site
from pathlib import Path

import pytest

from tests.end_to_end.caller import ask, target
from tests.running import ROOT

SOURCES = sorted(path for folder in ("gateway", "strategies", "schemas") for path in (ROOT / folder).rglob("*.py"))
CALLS = {"eval", "exec", "compile", "__import__", "breakpoint"}
METHODS = {
    ("yaml", "load"),
    ("yaml", "load_all"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
    ("os", "system"),
    ("os", "popen"),
    ("importlib", "import_module"),
}
MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "jinja2", "mako", "subprocess", "pty", "code", "runpy"}
ALLOWED = {f"gateway/{part}/__init__.py": ["importlib.import_module(…)"] for part in ("providers", "cli")}
"""They import modules that lie beside them, by names of their own."""


def faults_in(text):
    """Yield what a module does that could run somebody else's words."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                yield from (f"import {name.name}" for name in names if name.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
                yield f"from {module}"
            case ast.Call(keywords=[ast.keyword(arg="Loader", value=ast.Attribute(attr="SafeLoader" | "CSafeLoader"))]):
                pass
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield f"{name}(…)"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)) if (owner, name) in METHODS:
                yield f"{owner}.{name}(…)"
            case ast.keyword(arg="shell", value=ast.Constant(value=True)):
                yield "shell=True"


BAD = {
    "eval('1')": "eval(…)",
    "import pickle": "import pickle",
    "from marshal import loads": "from marshal",
    "yaml.load(text)": "yaml.load(…)",
    "yaml.load(text, Loader=yaml.Loader)": "yaml.load(…)",
    "run('ls', shell=True)": "shell=True",
    "__import__(name)": "__import__(…)",
}


@pytest.mark.parametrize(("text", "told"), BAD.items())
def test_s22_the_check_finds_what_it_looks_for(text, told):
    assert list(faults_in(text)) == [told]


def test_s22_nothing_of_ours_runs_words_of_others():
    assert len(SOURCES) > 150
    found = {str(path.relative_to(ROOT)): list(faults_in(path.read_text())) for path in SOURCES}
    assert {path: faults for path, faults in found.items() if faults} == ALLOWED


TEMPLATES = ["${STORED_KEY}", "${file:/etc/passwd}", "{{7*7}}", "$(id)", "`id`", "%(key)s", "{0.__class__}", "#{7*7}"]


@pytest.mark.parametrize("text", TEMPLATES)
def test_s22_what_a_caller_writes_stays_as_it_is(loopback, provider, text):
    config = target(provider, override_params={"user": text})
    got = ask(loopback, config=config, prompt=text)
    assert got.status == 200
    assert (provider.seen[0].json["prompt"], provider.seen[0].json["user"]) == (text, text)


PINNED = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!-]+(?: ; .+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_s27_every_requirement_is_pinned_and_hashed(name):
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(lines) > 20
    for line in lines:
        requirement, *hashes = re.split(r"\s+(?=--hash)", line.partition("    #")[0].strip())
        assert PINNED.fullmatch(requirement.strip()), line[:80]
        assert hashes, line[:80]
        assert all(HASH.fullmatch(each.strip()) for each in hashes), line[:80]


def test_s27_what_is_installed_is_what_the_lock_says():
    makefile = (ROOT / "Makefile").read_text()
    installs = [line for line in makefile.splitlines() if "$(INSTALL)" in line]
    assert installs
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


FLOORS = {"h11": (0, 16), "aiohttp": (3, 14, 1), "python-multipart": (0, 0, 30), "starlette": (1, 3)}


@pytest.mark.parametrize("name", FLOORS)
def test_s27_nothing_is_older_than_what_was_mended_in_it(name):
    found = re.search(rf"^{name}==([0-9.]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert tuple(map(int, found[1].split("."))) >= FLOORS[name]


_OWN = re.compile(r"distutils-precedence\.pth|__editable__.*\.pth|_?virtualenv.*\.pth|.*-nspkg\.pth|coloredlogs\.pth")


def test_s27_nothing_runs_because_it_lies_there():
    """A `.pth` that imports something runs at each start of Python: the way in of a stolen release."""
    files = [path for folder in site.getsitepackages() for path in Path(folder).glob("*.pth")]
    runs = [path.name for path in files if re.search(r"^import[ \t]", path.read_text(errors="replace"), re.MULTILINE)]
    assert [name for name in runs if not _OWN.fullmatch(name)] == []
