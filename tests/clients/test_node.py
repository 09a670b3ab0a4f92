"""The OpenAI and the Portkey SDK for Node, with only their base URL, key and headers changed."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.pictures import arrived, mask, picture, sent
from tests.fake_openai.answers import painted

FOLDER = Path(__file__).parent / "node"
INSTALLED = FOLDER / "node_modules" / ".installed"
INSTALL = (
    "npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error"
    " --fetch-retries=0 --fetch-timeout=20000"
)
LARGE = (640, 640)

IMAGE, SECOND, MASK = picture(size=LARGE), picture("JPEG", LARGE, seed=2), mask(LARGE)
WHOLE = sent(painted(1024, 1024))
PAINTED = {
    "generated": WHOLE * 2,
    "provider": "openai",
    "edited": WHOLE,
    "several": WHOLE,
    "fallback": WHOLE,
    "varied": WHOLE,
    "streamed": {
        "types": [*["image_generation.partial_image"] * 2, "image_generation.completed"],
        "tokens": 272 + 2 * 100,
    },
    "streamed_edit": {"types": ["image_edit.partial_image", "image_edit.completed"], "tokens": 272 + 100},
    "listed": True,
}
UNSUPPORTED = {"class": "UnprocessableEntityError", "status": 422, "code": "unsupported", "param": "image"}
REFUSED = {"class": "BadRequestError", "status": 400, "code": "content_policy_violation", "param": None}


@pytest.fixture(scope="module")
def packages():
    """Install the SDKs once; they stay, in a folder that is not part of the repository."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    manifest = FOLDER / "package.json"
    with manifest.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other workers wait for the one that installs
        wanted = file.read()
        if INSTALLED.exists() and INSTALLED.read_text() == wanted:
            return
        try:
            done = subprocess.run(INSTALL.split(), cwd=FOLDER, capture_output=True, text=True, timeout=90, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm could not install the SDKs in time")
        if done.returncode:
            pytest.skip("npm cannot reach its registry, so the SDKs for Node are not installed")
        INSTALLED.write_text(wanted)


@pytest.fixture
def run(packages, plain_gateway, tmp_path):
    """Return what runs a script, and reads what it found."""
    (tmp_path / "image.png").write_bytes(IMAGE)
    (tmp_path / "second.jpeg").write_bytes(SECOND)
    (tmp_path / "mask.png").write_bytes(MASK)

    def run(script):
        done = subprocess.run(
            ["node", FOLDER / script, plain_gateway.url, tmp_path],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def assert_pictures_came_whole(seen, backup):
    """Check what the providers saw of the pictures: one, several with a mask, and those again after a failure."""
    together = sent(IMAGE, SECOND, MASK)
    edits = [arrived(request) for request in seen.seen if request["path"].endswith("/edits")]
    assert edits == [sent(IMAGE), together, together, sent(IMAGE)]
    assert [arrived(request) for request in backup.seen] == [together]
    variations = [arrived(request) for request in seen.seen if request["path"].endswith("/variations")]
    assert variations == [sent(IMAGE)]


def test_openais_sdk_generates_edits_varies_and_streams(run, seen, backup):
    found = run("openai.mjs")
    assert found == {
        **PAINTED,
        "linked": "image/png",
        "broken_stream": {"class": "APIError", "code": "upstream_incomplete", "param": None},
        "invalid": {"class": "BadRequestError", "status": 400, "code": "invalid_image", "param": "image"},
        "unsupported": UNSUPPORTED,
        "refused": REFUSED,
        "retrieved": "gpt-image-2",
    }
    assert_pictures_came_whole(seen, backup)


def test_portkeys_sdk_generates_edits_varies_and_streams(run, seen, backup):
    found = run("portkey.mjs")
    assert found == {
        **PAINTED,
        "painted": 1,
        "unsupported": UNSUPPORTED,
        "refused": REFUSED,
    }
    assert_pictures_came_whole(seen, backup)
