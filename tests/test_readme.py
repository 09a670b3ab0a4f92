"""What README.md and docs/ tell their readers to do works, and the configs that they show are valid."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config.document import Document
from gateway.config.folder import read
from gateway.config.inline import read_inline
from gateway.config.parse import needs_target, parse
from tests.documents import ROOT, blocks, documents, links
from tests.running import serving

EXAMPLES = ROOT / "examples" / "configs"
BLOCKS = [block for path in documents() for block in blocks(path)]
INTERPRETERS = {
    "bash": ["bash", "-euo", "pipefail", "-c"],
    "sh": ["sh", "-eu", "-c"],
    "python": [sys.executable, "-c"],
}


def tagged(tag):
    return pytest.mark.parametrize("block", [block for block in BLOCKS if block.tag == tag], ids=str)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """Return a folder that looks like a checkout to a reader's commands, and that they may write to."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with serving(EXAMPLES, "--data", str(tmp_path_factory.mktemp("data"))) as gateway:
        yield gateway.url.removeprefix("http://")


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_within_the_repository_lead_somewhere(path):
    within = [link.partition("#")[0] for link in links(path) if not re.match(r"\w+:|#", link)]
    assert [link for link in within if not (path.parent / link).exists()] == []


def test_every_block_says_what_it_is():
    untagged = [
        f"{block}: put <!-- run -->, <!-- config --> or <!-- shown: reason --> before it"
        for block in BLOCKS
        if block.tag not in {"run", "config"} and not (block.tag == "shown" and block.about)
    ]
    assert untagged == []


def test_what_readers_are_told_to_make_is_in_the_makefile():
    targets = set(re.findall(r"(?m)^([a-z][\w-]*):", (ROOT / "Makefile").read_text()))
    assert {(str(block), target) for block in BLOCKS for target in block.targets if target not in targets} == set()


@tagged("run")
def test_a_command_does_what_it_says(block, scratch, request):
    text = block.without_make
    if re.search(r"\bcurl\b", text) and not shutil.which("curl"):
        pytest.skip("this machine has no curl")
    if block.about == "needs server":
        text = re.sub(r"\b(localhost|127\.0\.0\.1):8787\b", request.getfixturevalue("address"), text)
    ours = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [*INTERPRETERS[block.language], text],
        cwd=scratch,
        env={**os.environ, **ours},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r'(?m)^\{\s*"error"', done.stdout), done.stdout


@tagged("config")
def test_a_config_is_valid(block, tmp_path):
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", block.text + (EXAMPLES / "gateway.yaml").read_text()), "example")
    if block.language == "json" and not block.about:
        virtual_keys = read(EXAMPLES, environ).gateway.virtual_keys
        document = read_inline(block.text)
        if needs_target(document):
            document = Document(data={**document.data, "provider": "sandbox"})
        parse(document, virtual_keys=virtual_keys)
        return
    file = tmp_path / (block.about or "documented.yaml")
    for companion in EXAMPLES.glob("*.yaml" if file.stem == "gateway" else "gateway.yaml"):
        shutil.copy(companion, tmp_path)
    file.write_text(block.text)
    found = read(tmp_path, environ, read_file=lambda _: "example")
    assert [str(problem) for problem in found.problems if problem.file == str(file)] == []


def test_the_figures_of_the_comparison_are_those_of_the_benchmark():
    section = (ROOT / "README.md").read_text().partition("## Beside its peers")[2].partition("\n## ")[0]
    measured = (ROOT / "docs" / "benchmarks.md").read_text()
    cells = [cell for line in section.splitlines() if line.startswith("|") for cell in line.split("|")[2:]]
    figures = {figure for cell in cells for figure in re.findall(r"\d[\d,.]*\d", cell)}
    assert len(figures) > 20
    assert {figure for figure in figures if figure not in measured} == set()
