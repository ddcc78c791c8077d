"""The audit trail: whatever is done to a line shows, and nothing is done that cannot be noted."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from vctui.errors import DataError, StorageError
from vctui.storage import Audit, AuditReport

ROOT = Path(__file__).parents[1]


@pytest.fixture
def trail(tmp_path: Path) -> Audit:
    audit = Audit(tmp_path)
    audit.write("vault_unlocked", source="prompt")
    audit.write_many("credential_used", [{"credential": 1, "device": f"sw{n}"} for n in range(4)])
    audit.write("host_key_trusted", host="192.0.2.1")
    return audit


def lines_of(audit: Audit) -> list[bytes]:
    return audit.path.read_bytes().splitlines(keepends=True)


def test_entries_say_who_when_and_what(trail: Audit) -> None:
    entries = list(trail.entries())
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert entries[2]["kind"] == "credential_used"
    assert entries[2]["device"] == "sw1"
    assert entries[0]["at"].endswith("+00:00")
    assert {"user", "pid"} <= entries[0].keys()
    assert trail.check().problems == ()
    assert trail.check().entries == 6


def test_an_empty_trail_is_whole(tmp_path: Path) -> None:
    assert Audit(tmp_path).check().problems == ()
    assert list(Audit(tmp_path).entries()) == []


def without(index: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: lines[:index] + lines[index + 1 :]


def edited(index: int) -> Callable[[list[bytes]], list[bytes]]:
    def edit(lines: list[bytes]) -> list[bytes]:
        changed = lines[index].replace(b'"kind":"', b'"kind":"x', 1)
        return [*lines[:index], changed, *lines[index + 1 :]]

    return edit


def forged(index: int) -> Callable[[list[bytes]], list[bytes]]:
    """One line edited together with its own hash."""

    def forge(lines: list[bytes]) -> list[bytes]:
        entry = json.loads(lines[index])
        del entry["hash"]
        entry["kind"] = "nothing"
        text = json.dumps(entry, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()
        line = f'{text[:-1]},"hash":"{digest}"}}\n'.encode()
        return [*lines[:index], line, *lines[index + 1 :]]

    return forge


MISCHIEF: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    f"{what.__name__} {index}": what(index) for what in (without, edited, forged) for index in range(6)
} | {
    "swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "doubled": lambda lines: [*lines[:3], lines[2], *lines[3:]],
    "emptied": lambda lines: [],
    "the end cut": lambda lines: lines[:3],
    "the start cut": lambda lines: lines[3:],
    "a newline cut": lambda lines: [*lines[:-1], lines[-1][:-1]],
    "half a line cut": lambda lines: [*lines[:-1], lines[-1][:40]],
    "something added": lambda lines: [*lines, b"{}\n"],
}


@pytest.mark.parametrize("what", MISCHIEF)
def test_whatever_is_done_to_a_line_shows_and_goes_on_showing(trail: Audit, what: str) -> None:
    trail.path.write_bytes(b"".join(MISCHIEF[what](lines_of(trail))))
    assert trail.check().problems
    trail.write("vault_locked")
    trail.write("vault_unlocked")
    assert trail.check().problems, "going on does not heal it"


def test_every_byte_counts(trail: Audit) -> None:
    whole = trail.path.read_bytes()
    for at in range(len(whole)):
        trail.path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert trail.check().problems, at


def test_a_trail_without_its_head_is_not_whole(trail: Audit) -> None:
    head = trail.path.with_name("audit.head")
    head.unlink()
    assert "audit.head" in trail.check().problems[0]
    trail.write("vault_locked")
    assert [entry["kind"] for entry in trail.entries()][-2:] == ["trail_damaged", "vault_locked"]


def test_a_crash_before_the_head_was_written_is_no_alarm(trail: Audit) -> None:
    head = trail.path.with_name("audit.head")
    before = head.read_bytes()
    trail.write("vault_locked")
    head.write_bytes(before)
    with trail.path.open("ab") as file:
        file.write(b'{"seq":8,"at":"20')
    assert trail.check().problems == ()
    trail.write("vault_unlocked")
    assert trail.check().problems == ()
    assert [entry["seq"] for entry in trail.entries()] == list(range(1, 9))


def test_a_line_that_is_no_entry_is_named(trail: Audit) -> None:
    trail.path.write_bytes(trail.path.read_bytes() + b"nonsense\n")
    with pytest.raises(DataError, match="line 7"):
        list(trail.entries())


def test_only_its_owner_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    for mask in (0o000, 0o022, 0o077):
        home = tmp_path / str(mask)
        home.mkdir(mode=0o700)
        before = os.umask(mask)
        try:
            Audit(home).write("vault_locked")
        finally:
            os.umask(before)
        assert {stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()} == {0o600}


def test_one_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(StorageError, match="audit trail"):
        Audit(tmp_path).write("vault_locked")
    with pytest.raises(StorageError, match="audit trail"):
        Audit(tmp_path).require_writable()
    (tmp_path / "audit.jsonl").rmdir()
    (tmp_path / "audit.jsonl").symlink_to("/dev/null")
    with pytest.raises(StorageError):
        Audit(tmp_path).write("vault_locked")


def test_the_line_is_on_the_disk_before_the_head_names_it(
    trail: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = trail.path.with_name("audit.head")
    names = {trail.path.stat().st_ino: "trail", head.stat().st_ino: "head"}
    seen: list[tuple[str, bytes]] = []

    def note(descriptor: int) -> None:
        seen.append((names.get(os.fstat(descriptor).st_ino, "other"), head.read_bytes()[:20]))

    monkeypatch.setattr(os, "fsync", note)
    trail.write("vault_locked")
    assert [name for name, _ in seen] == ["trail", "head"]
    assert [int(number) for _, number in seen] == [6, 7]


def test_it_is_synced_before_write_returns(trail: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        trail.write("vault_locked")


def test_control_characters_are_escaped(trail: Audit) -> None:
    trail.write("host_key_refused", host="a\x1b]0;x\x07\n\x7f\x9b")
    line = lines_of(trail)[-1]
    assert all(32 <= byte < 127 for byte in line[:-1])
    assert trail.check().problems == ()


def test_its_own_fields_cannot_be_given(trail: Audit) -> None:
    for fields in ({"seq": 1}, {"hash": "x"}, {"prev": "x"}):
        with pytest.raises(ValueError, match="audit entry"):
            trail.write("vault_locked", **fields)
    with pytest.raises(ValueError, match="audit entry"):
        trail.write("no kind")


def test_threads_share_one_chain(tmp_path: Path) -> None:
    def write() -> None:
        for _ in range(10):
            Audit(tmp_path).write("vault_locked")

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Audit(tmp_path).check() == AuditReport(80, ())


def test_processes_share_one_chain_and_a_killed_one_leaves_it_whole(tmp_path: Path) -> None:
    script = """
import sys
from vctui.storage.audit import Audit
audit = Audit(sys.argv[1])
while True:
    audit.write("vault_unlocked", source="prompt")
    print(flush=True)
"""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = 0
    for writer in writers:
        assert writer.stdout is not None
        said += sum(bool(writer.stdout.readline()) for _ in range(10))
        writer.send_signal(signal.SIGKILL)
    for writer in writers:
        assert writer.stdout is not None
        said += len(writer.stdout.readlines())
        writer.wait()
        writer.stdout.close()
    report = Audit(tmp_path).check()
    assert report.problems == ()
    assert report.entries >= said, "what was acknowledged is there"
