"""What the pages about keys, budgets and the control plane tell their readers to do works, in the order of each page.

A page is one terminal: its blocks share what they set. What a block is said to print is printed; dates and ids of its
own may differ.
"""

import os
import re
import subprocess

import pytest

from tests.docs.terminal import commands
from tests.documents import ROOT, blocks
from tests.running import serving

PAGES = ["keys-and-budgets.md", "control-plane.md"]
RUN, PRINTED = "run in order by a test of its own", "printed by the block before"
SECRETS = {"WEB_SHOP_KEY": "0123456789-not-real", "BEAMSPLITTER_ADMIN_KEY": "admin-key-not-real-0123"}
SANDBOX = "{provider: sandbox, override_params: {model: sandbox, size: 64x64}}\n"
ENDS = "=== the end of a block ==="
VARIES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[:.\dZ+]*|[0-9a-f]{8}-[0-9a-f-]{27}|\b20\d\d-\d\d\b")


def told(page):
    """Return the blocks that are run, each with the lines that it is said to print."""
    found = []
    for block in blocks(ROOT / "docs" / page):
        if block.about == RUN:
            found.append((block, []))
        elif block.about == PRINTED:
            found[-1][1].extend(line for line in block.text.splitlines() if line)
    return found


def script(block):
    text = block.text if block.language == "bash" else f"python3 - <<'END OF PYTHON'\n{block.text}END OF PYTHON\n"
    return f"{text}\necho '{ENDS}'\n"


def alike(text):
    return VARIES.sub("#", text)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page, tmp_path):
    configs, data = tmp_path / "configs", tmp_path / "data"
    configs.mkdir()
    (configs / "sandbox.yaml").write_text(SANDBOX)
    for block in blocks(ROOT / "docs" / page):
        if block.about == "gateway.yaml":
            (configs / "gateway.yaml").write_text(block.text)
    parts = told(page)
    found = tmp_path / "bin"
    found.mkdir()
    with serving(configs, "--data", str(data), env=SECRETS) as gateway, commands(found) as path:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "".join(script(block) for block, _ in parts)],
            cwd=tmp_path,
            env={
                **os.environ,
                **SECRETS,
                "GATEWAY": gateway.url,
                "PATH": path,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = done.stdout.split(f"{ENDS}\n")
    assert len(outputs) == len(parts) + 1
    for (block, lines), output in zip(parts, outputs, strict=False):
        assert [line for line in lines if alike(line) not in alike(output)] == [], f"{block}: {output}"
        assert lines or '{"error"' not in output, f"{block}: {output}"
