"""Where pictures and the key of links to them are kept."""

import stat
import threading
from pathlib import Path

import pytest

from gateway.delivery import FolderStore
from gateway.keeping import data_folder, picture_store, signing_key
from gateway.settings import Settings


@pytest.mark.parametrize(
    ("data", "environ", "folder"),
    [
        ("/srv/pictures", {"XDG_STATE_HOME": "/var/state"}, "/srv/pictures"),
        ("~/pictures", {"HOME": "/home/otter"}, "/home/otter/pictures"),
        ("", {"XDG_STATE_HOME": "/var/state"}, "/var/state/beamsplitter"),
        ("", {"XDG_STATE_HOME": "", "HOME": "/home/otter"}, "/home/otter/.local/state/beamsplitter"),
    ],
    ids=["set", "at home", "the state folder that is set", "the usual state folder"],
)
def test_where_things_are_kept(data, environ, folder, monkeypatch):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert data_folder(Settings(data=data)) == Path(folder)


def test_pictures_are_kept_beside_the_rest_unless_a_place_is_set(tmp_path):
    assert isinstance(picture_store(Settings(), tmp_path / "data"), FolderStore)
    assert (tmp_path / "data" / "pictures").is_dir()
    picture_store(Settings(picture_store=str(tmp_path / "elsewhere")), tmp_path / "unused")
    assert (tmp_path / "elsewhere").is_dir()
    assert not (tmp_path / "unused").exists()


def test_a_place_that_cannot_be_used_is_said(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        picture_store(Settings(), tmp_path / "file")


def test_the_key_of_links_is_made_once_and_read_by_nobody_else(tmp_path):
    key = signing_key(tmp_path / "data")
    assert len(key) == 32
    assert signing_key(tmp_path / "data") == key
    [file] = (tmp_path / "data").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert signing_key(tmp_path / "other") != key


def test_processes_that_start_at_once_agree_about_the_key(tmp_path):
    keys = []
    threads = [threading.Thread(target=lambda: keys.append(signing_key(tmp_path / "data"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(keys), len(set(keys))) == (8, 1)
    assert len(list((tmp_path / "data").iterdir())) == 1


def test_a_key_that_was_cut_is_not_used(tmp_path):
    (tmp_path / "link-signing.key").write_bytes(b"short")
    with pytest.raises(OSError, match="remove it"):
        signing_key(tmp_path)
