"""The validation process: same answers, killed when it hangs, gone when its program is."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.captures import CaptureHome, arp
from vctui.errors import DataError
from vctui.validation import ValidationEngine, ValidationResult, ValidationWorker
from vctui.validation.frames import Reader, pack

NAMES = "Value NAME (\\S+)\n\nStart\n  ^Name: ${NAME} -> Record\n"
RUNAWAY = "Value WORDS ((\\w+\\s?)+)\n\nStart\n  ^${WORDS}:(?=x) -> Record\n"
BAIT = "word " * 12 + "word" * 12 + "!\n"
OUTPUT = "Name: alpha\nName: b\u00e4r \ud800\n"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "tfsm_templates.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE templates (cli_command TEXT, textfsm_content TEXT, source TEXT)")
        connection.executemany(
            "INSERT INTO templates VALUES (?, ?, 'custom')",
            [("lab_os_show_name", NAMES), ("lab_os_show_words", RUNAWAY)],
        )
        connection.commit()
    return path


@pytest.fixture
def worker(database: Path) -> Iterator[ValidationWorker]:
    with ValidationWorker(database) as made:
        yield made


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_answers_are_the_engines(worker: ValidationWorker, database: Path) -> None:
    engine = ValidationEngine(database)
    for output, filter_str in (
        (OUTPUT, "lab_os_show_name"),
        (OUTPUT, "name"),
        (OUTPUT, None),
        (OUTPUT, "nothing"),
        ("Name: x\n" * 20_000, "show_name"),
        ("", None),
        ("% Invalid input detected", "show_name"),
    ):
        assert worker.validate(output, filter_str) == engine.validate(output, filter_str)
    first = worker.pid
    assert first is not None
    assert worker.validate(OUTPUT, None).record_count == 2
    assert worker.pid == first


def test_a_runaway_template_is_named_and_the_next_call_works(worker: ValidationWorker) -> None:
    result = worker.validate(BAIT, "lab_os_show_words", timeout=0.5)
    assert result.reason == "template lab_os_show_words took longer than 0.5 s"
    assert not result.is_valid
    assert worker.validate(OUTPUT, "lab_os_show_name").is_valid


def test_a_process_that_does_not_answer_is_killed_and_replaced(worker: ValidationWorker) -> None:
    assert worker.validate(OUTPUT, "lab_os_show_name").is_valid
    hung = worker.pid
    assert hung is not None
    os.kill(hung, signal.SIGSTOP)
    result = worker.validate(OUTPUT, "lab_os_show_name", timeout=0.1)
    assert result.reason == "validation took longer than 0.1 s"
    assert not alive(hung)
    # Larger than a pipe holds: writing must not wait for a process that does not read.
    assert worker.validate(OUTPUT, "lab_os_show_name").is_valid
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    assert "took longer" in (worker.validate("x" * 1_000_000, None, timeout=0.1).reason or "")
    assert worker.validate(OUTPUT, "lab_os_show_name").is_valid


def test_a_process_that_dies_is_replaced(worker: ValidationWorker) -> None:
    worker.validate(OUTPUT, None)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.validate(OUTPUT, "lab_os_show_name").is_valid


def test_close_ends_the_process(worker: ValidationWorker) -> None:
    worker.validate(OUTPUT, None)
    pid = worker.pid
    assert pid is not None
    worker.close()
    assert not alive(pid)
    assert worker.pid is None
    worker.close()


def test_threads_take_turns(worker: ValidationWorker) -> None:
    answers: list[ValidationResult] = []
    threads = [
        threading.Thread(target=lambda i=i: answers.append(worker.validate(f"Name: n{i}\n", "show_name")))
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.records[0]["name"] for answer in answers) == [f"n{i}" for i in range(8)]


def test_short_waits_are_not_worth_another_process(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vctui.validation.worker.WORTH_STARTING", 3600.0)
    with ValidationWorker(database, size=2) as pool, ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: pool.validate(OUTPUT, "lab_os_show_name"), range(40)))
        assert [answer.is_valid for answer in answers] == [True] * 40
        assert len(pool._idle) == 1


def test_a_hanging_output_does_not_hold_up_the_others(database: Path) -> None:
    with ValidationWorker(database, size=2) as pool:
        assert pool.validate(OUTPUT, "lab_os_show_name").is_valid
        slow: list[ValidationResult] = []
        asked = threading.Event()

        def hang() -> None:
            asked.set()
            slow.append(pool.validate(BAIT, "lab_os_show_words", timeout=3.0))

        thread = threading.Thread(target=hang)
        thread.start()
        asked.wait()
        # The other child is at work while the first one hangs.
        assert pool.validate(OUTPUT, "lab_os_show_name").is_valid
        assert pool.validate(OUTPUT, "show_name").is_valid
        assert not slow
        thread.join()
        assert slow[0].reason == "template lab_os_show_words took longer than 3 s"


def test_a_template_that_always_hangs_gets_less_and_less_time(worker: ValidationWorker) -> None:
    reasons = [worker.validate(BAIT, "lab_os_show_words", timeout=0.3).reason for _ in range(4)]
    assert reasons[:3] == ["template lab_os_show_words took longer than 0.3 s"] * 3
    assert reasons[3] == "template lab_os_show_words took longer than 0.1 s"
    assert worker.validate(OUTPUT, "lab_os_show_name", timeout=5.0).is_valid


def test_a_bad_database_is_an_error_here_too(tmp_path: Path) -> None:
    with (
        ValidationWorker(tmp_path / "missing.db") as worker,
        pytest.raises(DataError, match="no such template"),
    ):
        worker.validate("x")


def test_the_process_knows_no_secrets_and_has_a_memory_limit(
    worker: ValidationWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VCOLLECTOR_VAULT_PASS", "open sesame")
    worker.validate(OUTPUT, None)
    process = Path(f"/proc/{worker.pid}")
    if not process.is_dir():
        pytest.skip("needs /proc")
    assert b"sesame" not in (process / "environ").read_bytes()
    limits = (process / "limits").read_text()
    assert "536870912" in next(line for line in limits.splitlines() if "address space" in line)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_the_process_ends_with_its_program(database: Path) -> None:
    script = (
        "import sys, os; from vctui.validation import ValidationWorker; "
        f"w = ValidationWorker({str(database)!r}); w.validate('Name: a', None); "
        "print(w.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={"PYTHONPATH": str(Path.cwd())}
    )
    assert program.stdout is not None
    with program:
        pid = int(program.stdout.read())
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        ended, _, _ = select.select([handle], [], [], 30)
        os.close(handle)
        assert ended, "the validation process outlived its program"


def test_a_run_that_validates_nothing_pays_nothing_for_it(tmp_path: Path) -> None:
    loaded = "import sys, vctui.jobs, vctui.cli.run; print('textfsm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    with contextlib.closing(CaptureHome(tmp_path)) as home:
        _, [finished] = home.run({"lab-sw1": "text\n"}, "plain", ("show thing",), use_textfsm=0)
        assert (finished.status, finished.template) == ("ok", None)
        assert home.engine._worker is None
        home.run({"lab-sw1": arp(1)})
        assert home.engine._worker is not None


def test_the_programs_main_module_is_not_run_again(database: Path, tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(
        "from vctui.validation import ValidationWorker\n"
        f"print(ValidationWorker({str(database)!r}).validate('Name: a', 'show_name').is_valid)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path.cwd())},
    )
    assert done.stdout == "True\n"


def test_messages_come_together_from_any_pieces() -> None:
    messages: list[dict[str, Any]] = [{"a": "\u00e4\ud800" * 100}, {}, {"b": [1, None]}]
    data = b"".join(pack(message) for message in messages)
    reader = Reader()
    assert [m for i in range(len(data)) for m in reader.feed(data[i : i + 1])] == messages
    assert list(Reader().feed(data)) == messages
    with pytest.raises(ValueError, match="too large"):
        list(Reader().feed(b"\xff\xff\xff\xff"))
