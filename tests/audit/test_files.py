"""Results are written whole or not at all, and the message names the place."""

import os

import pytest

from audit.files import Unwritable, check_writable, write_atomically


def test_folders_are_made_and_nothing_is_left_beside(tmp_path):
    target = tmp_path / "deep" / "audit.json"
    write_atomically(target, "one")
    write_atomically(target, "two")
    assert target.read_text() == "two"
    assert [p.name for p in target.parent.iterdir()] == ["audit.json"]


def test_a_failure_keeps_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "audit.json"
    write_atomically(target, "old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unwritable, match="No space left"):
        write_atomically(target, "new")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["audit.json"]


def test_a_folder_in_the_way(tmp_path):
    with pytest.raises(Unwritable, match="name a file"):
        check_writable(tmp_path)


def test_a_file_where_a_folder_is_needed(tmp_path):
    (tmp_path / "build").write_text("")
    with pytest.raises(Unwritable, match=str(tmp_path / "build" / "audit.json")):
        check_writable(tmp_path / "build" / "audit.json")
