"""Logging in where a password is not all that is asked: codes, menus, passphrases, certificates, an agent."""

from __future__ import annotations

import base64
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.common import AUTH_FAILED

from tests.fixtures.person import Person
from tests.fixtures.ssh_device import CREDENTIALS, PASSWORD, USER, Asked, Device, Rules, cli, host_key
from vctui.questions import HEADLESS, Desk
from vctui.records import SSHCredentials
from vctui.ssh import ExecutionResult, ExecutorOptions, KnownHosts, SSHExecutorPool, Target
from vctui.ssh.answers import Answers, Round
from vctui.ssh.asking import Asking
from vctui.ssh.lifeline import Deadline, Lifeline

ARP = {"show arp": "10.0.0.1\r\n"}
ASKED_PASSWORD = Asked((("Password: ", False),), [PASSWORD])
ASKED_CODE = Asked((("Enter PASSCODE: ", True),), ["123456"])


def collect(
    tmp_path: Path,
    device: Device,
    credentials: SSHCredentials = CREDENTIALS,
    desk: Desk = HEADLESS,
    count: int = 1,
    **options: float,
) -> list[ExecutionResult]:
    """Collect from one device as if it were so many."""
    known = KnownHosts(tmp_path / "known_hosts")
    known.add([device.scanned])
    results: list[ExecutionResult] = []
    pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=known.path, **options), max_workers=count)  # type: ignore[arg-type]
    targets = [
        Target(f"r{n}", "127.0.0.1", credentials, ("show arp",), device.port, "cisco_ios", timeout=5.0)
        for n in range(1, count + 1)
    ]
    pool.run(targets, on_result=lambda _, result: results.append(result), desk=desk)
    return results


def interactive(*rounds: Asked, **rules: object) -> Device:
    return Device(cli("r1#", ARP), Rules(methods="keyboard-interactive", rounds=rounds, **rules))  # type: ignore[arg-type]


# Codes and menus


@pytest.mark.parametrize(
    ("rounds", "given"),
    [
        ((ASKED_PASSWORD, ASKED_CODE), ["123456"]),
        ((ASKED_CODE, ASKED_PASSWORD), ["123456"]),
        ((Asked((("Password: ", False), ("Token: ", False)), [PASSWORD, "987"]),), ["987"]),
        ((Asked((("Username: ", True), ("Password: ", False)), [USER, PASSWORD]),), []),
        ((Asked((("(operator@pin-sw1) Password: ", False),), [PASSWORD]),), []),
        ((Asked((("Parole: ", False),), [PASSWORD]),), []),
        ((Asked((("One-time password (OATH) for `operator': ", False),), ["42"]), ASKED_PASSWORD), ["42"]),
        ((Asked((), [], instructions="Look at your telephone"), ASKED_PASSWORD), []),
    ],
    ids=["then code", "first code", "both", "name too", "host is no word", "other language", "otp", "empty"],
)
def test_the_password_and_what_a_person_knows(
    tmp_path: Path, rounds: tuple[Asked, ...], given: list[str]
) -> None:
    person = Person(*given)
    with interactive(*rounds) as device:
        (result,) = collect(tmp_path, device, desk=person.desk)
    assert result.success, result.error
    assert device.counts.total == 1
    assert device.answers == [answer for asked in rounds for answer in asked.right]
    assert [question.kind for question in person.asked] == ["second_factor"] * len(given)
    assert all(question.once for question in person.asked)


def test_a_code_may_be_shown_when_the_device_says_so(tmp_path: Path) -> None:
    person = Person("123456", "654321")
    with interactive(ASKED_CODE, Asked((("Next token: ", False),), ["654321"])) as device:
        collect(tmp_path, device, desk=person.desk)
    assert [question.hidden for question in person.asked] == [False, True]
    assert person.asked[0].title == "Code for credential lab"
    assert "Enter PASSCODE:" in person.asked[0].prompt
    assert person.waiting == [("r1",), ("r1",)]


DUO = """Duo two-factor login for operator

Enter a passcode or select one of the following options:

 1. Duo Push to XXX-XXX-1234
 2. Phone call to XXX-XXX-1234
 3. SMS passcodes to XXX-XXX-1234

Passcode or option (1-3): """


@pytest.mark.parametrize(
    ("answers", "right"),
    [(("1. Duo Push to XXX-XXX-1234",), "1"), (("Type a code", "246810"), "246810")],
    ids=["push", "code"],
)
def test_a_menu(tmp_path: Path, answers: tuple[str, ...], right: str) -> None:
    person = Person(*answers)
    asked = Asked((("Passcode or option (1-3): ", True),), [right], instructions=DUO)
    with interactive(ASKED_PASSWORD, asked) as device:
        (result,) = collect(tmp_path, device, desk=person.desk)
    assert result.success, result.error
    assert person.asked[0].choices == (
        "1. Duo Push to XXX-XXX-1234",
        "2. Phone call to XXX-XXX-1234",
        "3. SMS passcodes to XXX-XXX-1234",
        "Type a code",
    )
    assert not person.asked[0].once, "one choice is enough for all devices"
    assert [question.once for question in person.asked[1:]] == [True] * (len(answers) - 1)


def test_one_choice_serves_every_device_and_a_code_only_one(tmp_path: Path) -> None:
    person = Person("1. Push", "123456", "123456", "123456")
    menu = Asked((("Choose (1-2): ", True),), ["1"], instructions="1. Push\n2. Call")
    with interactive(menu, ASKED_CODE) as device:
        results = collect(tmp_path, device, desk=person.desk, count=3)
    assert [result.success for result in results] == [True] * 3
    assert sorted(question.kind for question in person.asked) == ["second_factor"] * 4
    assert sum(bool(question.choices) for question in person.asked) == 1


@pytest.mark.parametrize("attended", [True, False])
def test_nobody_answers(tmp_path: Path, attended: bool) -> None:
    desk = Person(None).desk if attended else HEADLESS
    with interactive(ASKED_PASSWORD, ASKED_CODE) as device:
        (result,) = collect(tmp_path, device, desk=desk)
    assert result.error_kind == "auth_failed"
    assert "Enter PASSCODE" in str(result.error)
    assert ("vctui" in str(result.next_step)) != attended
    assert device.answers == [PASSWORD]


def test_a_wrong_code_is_a_refusal_and_not_asked_again(tmp_path: Path) -> None:
    person = Person("000000")
    with interactive(ASKED_PASSWORD, ASKED_CODE) as device:
        (result,) = collect(tmp_path, device, desk=person.desk)
    assert (result.error_kind, result.error) == ("auth_failed", "the device refuses the login")
    assert device.counts.total == 1


def test_a_login_without_a_stored_password(tmp_path: Path) -> None:
    person = Person(PASSWORD)
    bare = SSHCredentials(USER, name="ask")
    with interactive(ASKED_PASSWORD) as device:
        assert collect(tmp_path, device, bare, person.desk)[0].success
        (result,) = collect(tmp_path, device, bare)
    assert result.error_kind == "auth_failed"
    assert "full-screen" in str(result.next_step)


def test_the_second_factor_after_a_password_that_was_accepted(tmp_path: Path) -> None:
    rules = Rules(second_factor="keyboard-interactive", rounds=(ASKED_CODE,))
    person = Person("123456")
    with Device(cli("r1#", ARP), rules) as device:
        (result,) = collect(tmp_path, device, desk=person.desk)
    assert result.success, result.error
    assert (device.counts.password, device.counts.interactive) == (1, 1)


@pytest.mark.parametrize(
    "prompt",
    ["New password: ", "Retype new UNIX password: ", "(current) UNIX password: ", "Change password: "],
)
def test_a_password_that_has_expired_is_not_changed(tmp_path: Path, prompt: str) -> None:
    with interactive(ASKED_PASSWORD, Asked(((prompt, False),), ["x"])) as device:
        (result,) = collect(tmp_path, device, desk=Person().desk)
    assert result.error_kind == "auth_failed"
    assert "expired" in str(result.error)
    assert device.answers == [PASSWORD]


def test_a_request_to_change_the_password_of_a_password_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = paramiko.auth_handler.AuthHandler._send_auth_result  # type: ignore[attr-defined]

    def demand(handler: Any, username: str, method: str, result: int) -> None:
        if method == "none":
            original(handler, username, method, result)
            return
        message = paramiko.Message()
        message.add_byte(bytes([60]))
        message.add_string("Your password has expired")
        message.add_string("")
        handler.transport._send_message(message)

    with Device() as device:
        monkeypatch.setattr(paramiko.auth_handler.AuthHandler, "_send_auth_result", demand)
        (result,) = collect(tmp_path, device)
    assert result.error_kind == "auth_failed"
    assert "expired" in str(result.error)


def test_a_device_that_asks_without_end(tmp_path: Path) -> None:
    with interactive(*[Asked((), [])] * 40) as device:
        (result,) = collect(tmp_path, device, desk=Person().desk)
    assert (result.error_kind, result.error) == ("auth_failed", "the device asks without end")


def test_what_a_device_asks_is_made_safe() -> None:
    person = Person("x")
    asking = Asking(person.desk, "r1", Lifeline(), [Deadline(60)])
    request = Round("\x1b]0;x\x07title", "\x9b31mred\r\nline", (("\u202eCode\x1b[2J: ", True),))
    assert Answers(CREDENTIALS, asking).to(request) == ["x"]
    (question,) = person.asked
    assert (question.title + question.prompt).isprintable()
    assert "Code" in question.prompt


def test_a_person_gets_more_time_than_a_device(tmp_path: Path) -> None:
    """What the device had left before the question, it has left after it."""
    deadline = Deadline(0.0)
    person = Person("123456")
    asking = Asking(person.desk, "r1", Lifeline(), [deadline])
    assert Answers(CREDENTIALS, asking).to(Round("", "", ASKED_CODE.fields)) == ["123456"]
    assert deadline.remaining() > 30


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "a b", "a;b", "$(x)", "a\nb", "", "a|b", "a\\", "`x`"])
def test_what_is_no_user_name_is_not_sent(tmp_path: Path, name: str) -> None:
    with Device() as device:
        (result,) = collect(tmp_path, device, replace(CREDENTIALS, username=name))
    assert result.error_kind == "auth_failed"
    assert "user name" in str(result.error)
    assert device.counts.total == 0


@pytest.mark.parametrize("name", ["operator", "DOMAIN\\operator", "me@example.net", "a.b-c_d+e", "größe"])
def test_user_names_that_are_none_the_less_usual(tmp_path: Path, name: str) -> None:
    with Device() as device:
        (result,) = collect(tmp_path, device, replace(CREDENTIALS, username=name))
    assert device.counts.total == 1, result.error


def test_a_banner_is_kept_for_the_log_and_cannot_harm_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    banner = "Authorized \x1b]52;c;aGk=\x07use only\r\n" + "x" * 100_000
    with Device(cli("r1#", ARP), Rules(banner=banner)) as device, caplog.at_level(logging.DEBUG, "vctui"):
        (result,) = collect(tmp_path, device)
    assert result.success
    (line,) = [record.getMessage() for record in caplog.records if "Authorized" in record.getMessage()]
    assert line.isprintable()
    assert len(line) < 500


# Passphrases, certificates, the agent

KEYGEN = shutil.which("ssh-keygen")
needs_openssh = pytest.mark.skipif(KEYGEN is None, reason="OpenSSH's client is not installed")
KINDS = {"ed25519": (), "ecdsa": ("-b", "384"), "rsa": ("-b", "2048")}


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "", comment: str = "") -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *KINDS[kind], "-N", passphrase, "-C", comment, "-f", str(path)],
        check=True,
    )
    return path


def public(path: Path) -> paramiko.PKey:
    kind, text, *_ = path.with_suffix(".pub").read_text().split()
    return paramiko.PKey.from_type_string(kind, base64.b64decode(text))


def with_key(path: Path) -> SSHCredentials:
    return SSHCredentials(USER, name="lab", private_key=path.read_text())


@needs_openssh
def test_a_passphrase_is_asked_once_for_all_devices(tmp_path: Path) -> None:
    locked = keygen(tmp_path / "key", passphrase="open sesame")
    text = locked.read_text()
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "open sesame", "-N", "", "-f", str(locked)], check=True)
    rules = Rules(methods="publickey", accepts_key=public(locked))
    credentials = SSHCredentials(USER, name="lab", private_key=text)
    person = Person("wrong", "open sesame")
    with Device(cli("r1#", ARP), rules) as device:
        results = collect(tmp_path, device, credentials, person.desk, count=4)
    assert [result.success for result in results] == [True] * 4
    assert [question.kind for question in person.asked] == ["passphrase"] * 2
    assert not person.asked[0].once


@needs_openssh
def test_a_passphrase_that_nobody_knows_reaches_no_device(tmp_path: Path) -> None:
    credentials = with_key(keygen(tmp_path / "key", passphrase="open sesame"))
    person = Person("wrong", "again", "and again")
    with Device() as device:
        results = collect(tmp_path, device, credentials, person.desk, count=3)
        assert collect(tmp_path, device, credentials)[0].error_kind == "auth_failed"
    assert {result.error_kind for result in results} == {"auth_failed"}
    assert len(person.asked) == 3, "the first device's mistakes are not asked of the others"
    assert device.connections == 0


@needs_openssh
@pytest.mark.parametrize("kind", KINDS)
def test_certificates(tmp_path: Path, kind: str) -> None:
    """The server sees the certificate's type and blob, and a signature of the key."""
    authority = keygen(tmp_path / "ca")
    path = keygen(tmp_path / "key", kind)
    sign(authority, path)
    seen: list[tuple[str, bytes]] = []

    rules = Rules(methods="publickey", accepts_key=public(path))
    credentials = with_key(path)
    text = f"{credentials.private_key}\n{path.with_name('key-cert.pub').read_text()}"
    original = paramiko.auth_handler.AuthHandler._generate_key_from_request  # type: ignore[attr-defined]

    def note(handler: Any, algorithm: str, blob: bytes) -> Any:
        seen.append((algorithm, blob))
        return original(handler, algorithm, blob)

    with pytest.MonkeyPatch.context() as patch, Device(cli("r1#", ARP), rules) as device:
        patch.setattr(paramiko.auth_handler.AuthHandler, "_generate_key_from_request", note)
        (result,) = collect(tmp_path, device, replace(credentials, private_key=text))
    assert result.success, result.error
    ((algorithm, blob),) = seen
    assert algorithm.endswith("-cert-v01@openssh.com")
    assert kind != "rsa" or algorithm.startswith("rsa-sha2-")
    assert paramiko.Message(blob).get_text().endswith("-cert-v01@openssh.com")


def sign(authority: Path, key: Path, *options: str) -> None:
    options = options or ("-V", "+1h")
    arguments = ["-s", str(authority), "-I", "test", "-n", USER, *options, str(key.with_suffix(".pub"))]
    subprocess.run(["ssh-keygen", "-q", *arguments], check=True)


@needs_openssh
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-V", "-2h:-1h"), "expired"),
        (("-h",), "one of a host"),
        ((), "another key"),
        (None, "cannot be read"),
    ],
)
def test_a_certificate_that_is_no_good_reaches_no_device(
    tmp_path: Path, options: tuple[str, ...] | None, words: str
) -> None:
    authority, path, other = (keygen(tmp_path / name) for name in ("ca", "key", "other"))
    sign(authority, other if options == () else path, *(options or ()))
    line = (tmp_path / ("other-cert.pub" if options == () else "key-cert.pub")).read_text()
    if options is None:
        line = f"{line.split()[0]} {line.split()[1][:80]}\n"
    text = path.read_text() + line
    with Device() as device:
        (result,) = collect(tmp_path, device, SSHCredentials(USER, name="lab", private_key=text))
    assert result.error_kind == "auth_failed"
    assert words in str(result.error)
    assert device.connections == 0


@contextmanager
def running_agent(path: Path, keys: list[Path]) -> Iterator[None]:
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
        subprocess.run(["ssh-add", "-q", *map(str, keys)], env=environment, check=True)
        yield
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def five_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with five keys, of which the third has a certificate, and the socket of an agent with them."""
    if KEYGEN is None or shutil.which("ssh-agent") is None:
        pytest.skip("OpenSSH's client is not installed")
    folder = tmp_path_factory.mktemp("agent")
    kinds = ("ed25519", "ecdsa", "rsa", "ed25519", "ed25519")
    keys = [keygen(folder / f"key{n}", kind, comment=f"number {n}") for n, kind in enumerate(kinds, start=1)]
    sign(keygen(folder / "ca"), keys[2])
    with running_agent(folder / "socket", keys):
        yield folder


@pytest.fixture
def agent(five_keys: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder; the environment names the agent."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(five_keys / "socket"))
    return five_keys


@pytest.fixture
def small_agent(five_keys: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same, but the agent of the environment has the first key only."""
    with running_agent(five_keys / "small", [five_keys / "key1"]):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(five_keys / "small"))
        yield five_keys


def names_of(path: Path) -> dict[str, str]:
    line = path.with_suffix(".pub").read_text()
    listed = subprocess.run(["ssh-keygen", "-l", "-f", str(path)], check=True, capture_output=True, text=True)
    return {
        "fingerprint": listed.stdout.split()[1],
        "line": line,
        "bare line": " ".join(line.split()[:2]),
        "comment": line.split(None, 2)[2].strip(),
    }


@pytest.mark.parametrize("by", ["fingerprint", "line", "bare line", "comment"])
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_the_agents_key_that_was_named_is_the_one_attempt(
    tmp_path: Path, agent: Path, number: int, by: str
) -> None:
    path = agent / f"key{number}"
    credentials = SSHCredentials(USER, name="lab", agent=True, agent_key=names_of(path)[by])
    rules = Rules(methods="publickey,password", accepts_key=public(path))
    with Device(cli("r1#", ARP), rules) as device:
        (result,) = collect(tmp_path, device, credentials)
    assert result.success, result.error
    assert device.counts.total == 1


def test_the_agent_signs_nothing_for_a_host_that_is_not_trusted(
    tmp_path: Path, agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[object] = []
    monkeypatch.setattr("vctui.ssh.agent.Agent.sign", lambda *args: signed.append(args))
    credentials = SSHCredentials(USER, agent=True, agent_key="number 1")
    with Device() as device:
        known = KnownHosts(tmp_path / "known_hosts")
        known.add([replace(device.scanned, blob=host_key("another").asbytes())])
        results: list[ExecutionResult] = []
        pool = SSHExecutorPool(options=ExecutorOptions(known_hosts=known.path))
        target = Target("r1", "127.0.0.1", credentials, ("show arp",), device.port, timeout=5.0)
        pool.run([target], on_result=lambda _, result: results.append(result))
    assert results[0].error_kind == "host_key_changed"
    assert (signed, device.counts.total) == ([], 0)


@pytest.mark.parametrize(
    ("name", "words"), [("", "holds 5 keys"), ("nobody", "no key called 'nobody'"), ("SHA256:x", "no key")]
)
def test_the_agents_keys_are_never_tried_in_turn(tmp_path: Path, agent: Path, name: str, words: str) -> None:
    credentials = SSHCredentials(USER, password=PASSWORD, agent=True, agent_key=name)
    with Device() as device:
        (result,) = collect(tmp_path, device, credentials)
    assert result.error_kind == "auth_failed"
    assert words in str(result.error)
    assert device.connections == 0


def test_an_agent_with_one_key_needs_no_name(tmp_path: Path, small_agent: Path) -> None:
    rules = Rules(methods="publickey", accepts_key=public(small_agent / "key1"))
    with Device(cli("r1#", ARP), rules) as device:
        results = collect(tmp_path, device, SSHCredentials(USER, agent=True), count=8)
    assert [result.success for result in results] == [True] * 8
    assert device.counts.total == 8


def test_an_agent_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Device() as device:
        (without,) = collect(tmp_path, device, SSHCredentials(USER, agent=True))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nowhere"))
        (gone,) = collect(tmp_path, device, SSHCredentials(USER, agent=True))
    assert "no ssh-agent" in str(without.error)
    assert "no ssh-agent can be reached" in str(gone.error)
    assert device.connections == 0


def test_an_agent_that_refuses_to_sign(tmp_path: Path, small_agent: Path) -> None:
    """Its keys go after they were listed; somebody who says no to a confirmation looks the same."""
    rules = Rules(methods="publickey", accepts_key=public(small_agent / "key1"))

    def empty(server: object, username: str) -> int:
        subprocess.run(["ssh-add", "-q", "-D"], check=True)
        return AUTH_FAILED

    with Device(cli("r1#", ARP), rules) as device, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.fixtures.ssh_device._Server.check_auth_none", empty)
        (result,) = collect(tmp_path, device, SSHCredentials(USER, agent=True))
    assert (result.error_kind, result.error) == ("auth_failed", "the ssh-agent refuses")
    assert device.counts.total == 0
