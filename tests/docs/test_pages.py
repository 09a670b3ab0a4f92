"""What README.md and docs/ tell their readers to do works, and what they show is so.

A page is one terminal: its blocks share what they set. All pages have one gateway, which serves a copy of the examples
as `make run` does.
"""

import json
import re
import shutil

import pytest

from gateway.cockpit.verdict import verdicts_on
from gateway.config.document import Document
from gateway.config.folder import read
from gateway.config.inline import read_inline
from gateway.config.parse import needs_target, parse
from tests.docs.pages import PRINTED, anchors, steps
from tests.docs.terminal import commands, missing, run
from tests.documents import ROOT, blocks, documents, links
from tests.running import serving

EXAMPLES = ROOT / "examples" / "configs"
BLOCKS = [block for path in documents() for block in blocks(path)]
BAD_ON_PURPOSE = {"docs/lints.md"}
BY_DATE = {"model-retired", "model-retires-soon"}
"""What the calendar decides is not a test's business."""
ADMIN_KEY = "not-real-admin-key-for-tests"


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def tagged(tag):
    return pytest.mark.parametrize("block", [block for block in BLOCKS if block.tag == tag], ids=str)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Return a folder that looks like a checkout to a reader's commands, and that they may write to."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


@pytest.fixture(scope="module")
def address(checkout):
    """Serve the examples as `make run` does: with something in the place of each key that nobody has here."""
    text = (EXAMPLES / "gateway.yaml").read_text()
    environ = {name: f"set-{name}-not-real" for name in re.findall(r'"\$\{(\w+)\}"', text)}
    environ |= {"BEAMSPLITTER_ADMIN_KEY": ADMIN_KEY}
    with serving(checkout / "examples" / "configs", "--data", str(checkout / "served"), env=environ) as gateway:
        yield gateway.url.removeprefix("http://")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    with commands(tmp_path_factory.mktemp("bin")) as found:
        yield found


@pytest.mark.parametrize("page", [page for page in documents() if steps(page)], ids=name_of)
def test_a_page_does_what_it_says(page, checkout, address, path):
    done = steps(page)
    environ = {"BEAMSPLITTER_ADMIN_KEY": ADMIN_KEY} if "BEAMSPLITTER_ADMIN_KEY" in page.read_text() else {}
    printed = run([step.block for step in done], folder=checkout, path=path, environ=environ, address=address)
    for step, output in zip(done, printed.outputs, strict=False):
        assert missing(step.prints, output) == [], f"{step.block}: {output}"
        assert step.prints or not re.search(r'(?m)^\{\s*"error"', output), f"{step.block}: {output}"
    assert printed.code == 0, f"{done[len(printed.outputs)].block}: {printed.rest}"


@pytest.mark.parametrize("page", documents(), ids=name_of)
def test_links_within_the_repository_lead_somewhere(page):
    astray = []
    for link in links(page):
        file, _, anchor = link.partition("#")
        if re.match(r"\w+:", link):
            continue
        at = page.parent / file if file else page
        if not at.exists() or (anchor and at.suffix == ".md" and anchor not in anchors(at)):
            astray.append(link)
    assert astray == []


def test_every_block_says_what_it_is():
    """Text without a comment is a drawing."""
    untagged = [
        f"{block}: put <!-- run -->, <!-- printed -->, <!-- config --> or <!-- shown: reason --> before it"
        for block in BLOCKS
        if block.tag not in {"run", "config", PRINTED} and not (block.tag == "shown" and block.about)
        if block.language != "text" or block.tag
    ]
    assert untagged == []


def test_what_is_printed_follows_what_is_run():
    for page in documents():
        tags = [block.tag for block in blocks(page)]
        after = [before for before, tag in zip(["", *tags], tags, strict=False) if tag == PRINTED]
        assert set(after) <= {"run", PRINTED}, page


def test_what_readers_are_told_to_make_is_in_the_makefile():
    targets = set(re.findall(r"(?m)^([a-z][\w-]*):", (ROOT / "Makefile").read_text()))
    assert {(str(block), target) for block in BLOCKS for target in block.targets if target not in targets} == set()


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "json"], ids=str)
def test_json_is_json(block):
    try:
        json.loads(block.text)
    except ValueError:
        for line in block.text.splitlines():
            json.loads(line)


@tagged("config")
def test_a_config_is_valid(block, tmp_path):
    named = re.findall(r"\$\{(\w+)\}", block.text + (EXAMPLES / "gateway.yaml").read_text())
    environ = dict.fromkeys(named, "0123456789-not-real")
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
    if block.file not in BAD_ON_PURPOSE:
        said = [problem for verdict in verdicts_on(found, {str(file)}).values() for problem in verdict.problems]
        assert [problem for problem in said if problem.severity != "notice" and problem.code not in BY_DATE] == []


def test_every_page_is_in_the_index():
    listed = set(links(ROOT / "docs" / "README.md"))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - listed == {"README.md"}
