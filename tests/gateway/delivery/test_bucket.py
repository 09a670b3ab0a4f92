"""Pictures in a bucket: against a server that speaks S3's protocol, in a process of its own."""

import hashlib
import http.client
import re
import socket
import threading
from urllib.parse import urlsplit

import pytest

from gateway.keeping import picture_store
from gateway.settings import Settings
from tests.services.needed import needs
from tests.services.s3 import THERE, s3_server

needs("a server that speaks S3's protocol", THERE)

from gateway.delivery.bucket import BucketStore  # noqa: E402 - needs the extra

NEVER = f"{'0' * 64}.png"


def spoken(site, method, path):
    connection = http.client.HTTPConnection(urlsplit(site).netloc, timeout=10)
    try:
        connection.request(method, path)
        got = connection.getresponse()
        return got.status, got.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def site():
    with s3_server() as bucket:
        yield bucket.partition("endpoint=")[2]


@pytest.fixture
def bucket(site, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test-key-not-real")
    assert spoken(site, "POST", "/moto-api/reset")[0] == 200
    assert spoken(site, "PUT", "/pictures")[0] == 200
    return f"s3://pictures/some/prefix?endpoint={site}"


def objects(site):
    return re.findall(r"<Key>([^<]*)</Key>", spoken(site, "GET", "/pictures?list-type=2")[1].decode())


def read(kept):
    return b"".join(kept.chunks)


def test_a_picture_is_kept_under_the_hash_of_its_bytes(site, bucket):
    name = BucketStore(bucket).put([b"pic", b"ture"], "png")
    assert name == f"{hashlib.sha256(b'picture').hexdigest()}.png"
    kept = BucketStore(bucket).get(name)  # another gateway finds it too
    assert (kept.size, read(kept)) == (7, b"picture")
    assert objects(site) == [f"some/prefix/{name}"]


def test_the_settings_may_name_a_bucket(site, bucket, tmp_path):
    store = picture_store(Settings(picture_store=bucket), tmp_path)
    assert read(store.get(store.put([b"picture"], "webp"))) == b"picture"
    assert list(tmp_path.iterdir()) == []


def test_the_same_picture_is_sent_once(site, bucket, monkeypatch):
    store = BucketStore(bucket)
    name = store.put([b"picture"], "png")
    sent = []
    monkeypatch.setattr(store._client, "put", lambda *a: sent.append(a))
    assert store.put([b"picture"], "png") == name
    assert sent == []


def test_a_large_picture_comes_back_whole(site, bucket):
    """Larger than one part of an upload in parts, and than what is held in memory."""
    store = BucketStore(bucket)
    data = bytes(range(256)) * (20 << 12)
    kept = store.get(store.put((data[at : at + (1 << 18)] for at in range(0, len(data), 1 << 18)), "png"))
    pieces = list(kept.chunks)
    assert (kept.size, b"".join(pieces)) == (len(data), data)
    assert len(pieces) > 4


def test_a_picture_may_be_left_before_its_end(site, bucket):
    store = BucketStore(bucket)
    kept = store.get(store.put([bytes(4 << 20)], "png"))
    next(kept.chunks)
    kept.close()
    assert list(kept.chunks) == []


def test_a_picture_that_cannot_be_read_whole_leaves_nothing(site, bucket):
    def chunks():
        yield b"half"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        BucketStore(bucket).put(chunks(), "png")
    assert objects(site) == []


def test_many_may_keep_the_same_picture_at_once(site, bucket):
    store, names = BucketStore(bucket), []
    threads = [threading.Thread(target=lambda: names.append(store.put([b"picture"], "png"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(names), len(set(names)), len(objects(site))) == (8, 1, 1)


@pytest.mark.parametrize("name", [NEVER, "..", "../x", f"../{NEVER}", "", f"{NEVER}\n", f"{'A' * 64}.png", "x" * 9999])
def test_what_is_not_there_or_no_name_is_none(site, bucket, name):
    assert BucketStore(bucket).get(name) is None


def test_a_bucket_that_is_not_there_is_said_to_be_so(site, bucket):
    missing = BucketStore(f"s3://nowhere?endpoint={site}")
    with pytest.raises(OSError):  # noqa: PT011 - a kind of its own says that it is not there
        missing.put([b"picture"], "png")
    assert missing.get(NEVER) is None


def test_a_bucket_that_cannot_be_reached_fails_soon_and_in_the_one_way(bucket):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        closed = BucketStore(f"s3://pictures?endpoint=http://127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(OSError, match="bucket"):
            closed.put([b"picture"], "png")
        with pytest.raises(OSError, match="bucket"):
            closed.get(NEVER)


@pytest.mark.parametrize("address", ["s3://", "gs://pictures", "s3://pictures?key=not-real", "https://pictures/x"])
def test_an_address_that_is_no_buckets_is_said_at_the_start(address):
    with pytest.raises(OSError, match="picture_store takes a folder, or s3://"):
        BucketStore(address)


def test_sweeping_leaves_the_bucket_to_its_own_rules(site, bucket):
    store = BucketStore(bucket)
    name = store.put([b"picture"], "png")
    store.sweep()
    assert read(store.get(name)) == b"picture"
