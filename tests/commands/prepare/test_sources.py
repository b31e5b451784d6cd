"""Zip files and folders: files that are read, and files that are refused."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from forcepos.commands.prepare import logs as module
from forcepos.commands.prepare.logs import open_source
from forcepos.runtime.errors import InputError
from tests.commands.prepare.made import folder, zipped

LOGS = {"b.txt": b"two", "a.txt": b"one", "deep/er/c.txt": b"three"}


def read(path: Path) -> dict[str, bytes | str]:
    """The content of each file, or its error."""
    found: dict[str, bytes | str] = {}
    with open_source(path) as entries:
        for entry in entries:
            try:
                found[entry.name] = entry.read()
            except InputError as error:
                found[entry.name] = str(error).removeprefix(f"{entry.name}: ")
    return found


def test_a_zip_file_and_a_folder_hold_the_same(tmp_path: Path) -> None:
    expected = [("a.txt", b"one"), ("b.txt", b"two"), ("deep/er/c.txt", b"three")]
    assert list(read(zipped(tmp_path / "logs.zip", LOGS)).items()) == expected
    assert list(read(folder(tmp_path / "logs", LOGS)).items()) == expected
    assert list(read(folder(tmp_path / "logs", {".hidden/f.txt": b"", ".git": b""})).items()) == expected


def test_backslashes_separate_too(tmp_path: Path) -> None:
    path = zipped(tmp_path / "logs.zip", {"deep\\c.txt": b"three"})
    with open_source(path) as (entry,):
        assert (entry.name, entry.read()) == ("deep/c.txt", b"three")


def test_neither_a_zip_file_nor_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path / "nowhere")
    assert str(error.value) == f"data.source={tmp_path}/nowhere is neither a zip file nor a folder"


@pytest.mark.parametrize("content", [b"", b"t_Sec t_nSec\n0 0\n", b"PK\x03\x04"])
def test_a_file_that_is_no_zip_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "logs.zip"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value) == f"data.source={path} cannot be read as a zip file: File is not a zip file"


def test_a_zip_file_cut_short(tmp_path: Path) -> None:
    path = zipped(tmp_path / "logs.zip", LOGS)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=f"^data.source={path} cannot be read as a zip file: "):
        read(path)


def test_an_entry_whose_bytes_were_changed(tmp_path: Path) -> None:
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", b"one two three")
        archive.writestr("b.txt", b"fine")
    path.write_bytes(path.read_bytes().replace(b"one two", b"one too"))
    assert read(path) == {"a.txt": "cannot be read: Bad CRC-32 for file 'a.txt'", "b.txt": b"fine"}


def test_an_encrypted_entry(tmp_path: Path) -> None:
    path = zipped(tmp_path / "logs.zip", {"a.txt": b"one"})
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    assert read(path) == {"a.txt": "is encrypted"}


@pytest.mark.parametrize("name", ["../a.txt", "logs/../../a.txt", "/tmp/a.txt", "C:\\logs\\a.txt", "..\\a.txt"])  # noqa: S108  # never opened
def test_a_name_that_leads_out_of_the_zip_file(name: str, tmp_path: Path) -> None:
    path = zipped(tmp_path / "logs.zip", {name: b"one"})
    assert read(path) == {name.replace("\\", "/"): "its name points outside the zip file"}
    assert os.listdir(tmp_path) == ["logs.zip"]  # noqa: PTH208  # names only


def test_what_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    logs = {"a.txt": b"0" * 1000, "bomb.txt": b"0" * 1001}
    expected = {"a.txt": b"0" * 1000, "bomb.txt": "has 1,001 bytes or more, too large for a log: at most 1,000"}
    assert read(zipped(tmp_path / "logs.zip", logs)) == expected
    assert read(folder(tmp_path / "logs", logs)) == expected


def test_an_entry_that_is_larger_than_it_says(tmp_path: Path) -> None:
    path = zipped(tmp_path / "logs.zip", {"bomb.txt": b"0" * 10**6})
    declared = (10**6).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(declared, (10).to_bytes(4, "little")))
    assert read(path) == {"bomb.txt": "cannot be read: Bad CRC-32 for file 'bomb.txt'"}


def test_links_are_followed_inside_the_folder_only(tmp_path: Path) -> None:
    logs = folder(tmp_path / "logs", {"a.txt": b"one"})
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (logs / "in.txt").symlink_to("a.txt")
    (logs / "out.txt").symlink_to("../secret.txt")
    (logs / "lost.txt").symlink_to("nowhere.txt")
    (logs / "loop.txt").symlink_to("loop.txt")
    (logs / "around").symlink_to(".")
    found = read(logs)
    assert found.pop("loop.txt") in ("is not a file", f"cannot be read: Symlink loop from '{logs / 'loop.txt'}'")
    assert found == {
        "a.txt": b"one", "in.txt": b"one",
        "out.txt": "is a link to outside the folder", "lost.txt": "is not a file",
    }  # fmt: skip


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    logs = folder(tmp_path / "logs", {"a.txt": b"one"})
    os.mkfifo(logs / "pipe.txt")
    assert read(logs) == {"a.txt": b"one", "pipe.txt": "is not a file"}
