"""known_hosts: read as OpenSSH reads it, and never half written."""

from __future__ import annotations

import base64
import hmac
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vctui.errors import HostKeyRefused, StorageError, UsageError
from vctui.hostnames import is_host
from vctui.ssh import KnownHosts, ScannedKey
from vctui.ssh.hostkey_index import fingerprint, host_name

KEYGEN = shutil.which("ssh-keygen")


def public_line(number: int = 0) -> str:
    """The type and text of an Ed25519 key, the same for the same number."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(number.to_bytes(32)).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def blob_of(line: str) -> bytes:
    return base64.b64decode(line.split()[1])


def scanned(host: str, number: int = 0, port: int = 22) -> ScannedKey:
    return ScannedKey(host, port, "ssh-ed25519", blob_of(public_line(number)))


RSA = rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
ECDSA = ec.generate_private_key(ec.SECP384R1()).public_key()
ECDSA_LINE = ECDSA.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def sk_line() -> str:
    parts = (b"sk-ssh-ed25519@openssh.com", blob_of(public_line(9))[-32:], b"ssh:")
    blob = b"".join(len(part).to_bytes(4) + part for part in parts)
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob).decode()}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def corpus() -> list[str]:
    key, other = public_line(1), public_line(2)
    return [
        "# a comment",
        "",
        f"plain {key}",
        f"UPPER {key}",
        f"two,names,192.0.2.1 {key} with a comment",
        f"  leading\t{key}",
        f"[port]:2222 {key}",
        f"[2001:db8::1]:22 {key}",
        f"2001:db8::2 {key}",
        f"*.example.net {key}",
        f"*.lab,!bad.lab {key}",
        f"!only {key}",
        f"sw?? {key}",
        f"[*]:830 {key}",
        f"10.0.*,!10.0.0.9 {other}",
        f"both {key}",
        f"both {RSA.decode()}",
        f"ecdsa {ECDSA_LINE}",
        f"security-key {sk_line()}",
        f"@revoked gone {key}",
        f"@revoked *.bad {other}",
        f"@cert-authority *.ca {key}",
        f"@unknown marker {key}",
        f"@revoked @cert-authority twice {key}",
        f"windows {key}\r",
        "badbase64 ssh-ed25519 AAAA!!!!",
        f"truncated {key[:60]}",
        f"mismatch ssh-rsa {key.split()[1]}",
        "nokey",
        "typeonly ssh-ed25519",
        "newtype ssh-future AAAAC3Nza",
        f"|1|bad|hash {key}",
        f"|1|onlyone {key}",
        "\x00\x01\xff binary",
        f"last {key}",
    ]


UNREADABLE = [
    number
    for number, line in enumerate(corpus(), start=1)
    if line.split(" ")[0] in {"badbase64", "truncated", "mismatch", "nokey", "typeonly", "newtype"}
]
QUERIES = [
    *("plain", "upper", "two", "names", "192.0.2.1", "leading", "[port]:2222", "port", "[2001:db8::1]:22"),
    *("2001:db8::2", "a.example.net", "example.net", "good.lab", "bad.lab", "only", "sw01", "sw1", "sw001"),
    *("[anything]:830", "[x]:831", "10.0.5.5", "10.0.0.9", "both", "ecdsa", "security-key", "gone", "x.bad"),
    *("x.ca", "marker", "twice", "windows", "badbase64", "truncated", "mismatch", "nokey", "typeonly"),
    *("newtype", "last", "hashed1", "[hashed2]:8022", "nowhere", "binary"),
]


@pytest.fixture
def corpus_file(path: Path) -> Path:
    path.write_bytes("\n".join(corpus()).encode("latin-1") + b"\n")
    return path


def test_a_corpus_is_read_without_an_exception(corpus_file: Path) -> None:
    hosts = KnownHosts(corpus_file)
    found = {query: hosts.lookup(*split(query)) for query in QUERIES}
    assert {query for query, entries in found.items() if not entries} == {
        *("port", "example.net", "bad.lab", "only", "sw1", "sw001", "[x]:831", "10.0.0.9", "marker", "twice"),
        *("badbase64", "truncated", "mismatch", "nokey", "typeonly", "newtype", "nowhere", "binary"),
        *("hashed1", "[hashed2]:8022", "[2001:db8::1]:22"),
    }
    assert [entry.key_type for entry in found["both"]] == ["ssh-ed25519", "ssh-rsa"]
    assert found["gone"][0].marker == "revoked"
    assert found["x.ca"][0].marker == "cert-authority"
    assert hosts.is_known("x.ca")
    assert not hosts.is_known("gone")
    assert hosts.is_known("windows")


def split(query: str) -> tuple[str, int]:
    if not query.startswith("["):
        return query, 22
    host, _, port = query[1:].partition("]:")
    return host, int(port)


@pytest.mark.skipif(KEYGEN is None, reason="ssh-keygen is not installed")
def test_ssh_keygen_agrees(corpus_file: Path) -> None:
    assert KEYGEN is not None
    part = corpus_file.with_name("part")
    part.write_text(f"hashed1 {public_line(3)}\n[hashed2]:8022 {public_line(4)}\n")
    subprocess.run([KEYGEN, "-q", "-H", "-f", str(part)], check=True, capture_output=True)
    corpus_file.write_bytes(corpus_file.read_bytes() + part.read_bytes())
    hosts = KnownHosts(corpus_file)
    for query in QUERIES:
        name = query.removesuffix(":22").strip("[]") if query.endswith("]:22") else query
        run = subprocess.run(
            [KEYGEN, "-F", name, "-f", str(corpus_file)], check=False, capture_output=True, text=True
        )
        theirs = [
            int(line.split(" line ")[1].split()[0]) for line in run.stdout.splitlines() if " line " in line
        ]
        # It names lines whose key cannot be read, too.
        theirs = [number for number in theirs if number not in UNREADABLE]
        ours = [entry.line for entry in hosts.lookup(*split(query))]
        assert ours == theirs, query
    assert hosts.is_known("hashed1")
    assert hosts.check("hashed2", 8022, "ssh-ed25519", blob_of(public_line(4))).status == "ok"


NAMES = ("r1", "R2.lab", "10.0.0.1", "2001:db8::1", "[r1]:2222", "[10.0.0.1]:830", "a.b.example.net", "r")
PATTERNS = ("*", "?1", "r*", "!r1", "*.lab", "[*]:2222", "10.0.0.?", "!*.net", "**", "[r1]:*", "", "r1*?")


@pytest.mark.skipif(KEYGEN is None, reason="ssh-keygen is not installed")
@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "@revoked ", "@cert-authority ", "@other ", "# ", "  "]),
            st.lists(st.sampled_from(NAMES + PATTERNS), min_size=1, max_size=3),
            st.integers(1, 3),
            st.sampled_from(["", " comment", "\r", " # x", "\t"]),
            st.booleans(),
        ),
        min_size=20,
        max_size=40,
    )
)
def test_ssh_keygen_agrees_on_any_lines(path: Path, lines: list[Any]) -> None:
    """Whatever stands in the lines, each name finds the same ones."""
    assert KEYGEN is not None
    text = ""
    for marker, names, number, end, hashed in lines:
        shown = hashed_name(names[0], number) if hashed and names[0] else ",".join(names)
        text += f"{marker}{shown} {public_line(number)}{end}\n"
    path.write_text(text)
    hosts = KnownHosts(path)
    for name in map(str.lower, NAMES):
        run = subprocess.run(
            [KEYGEN, "-F", name, "-f", str(path)], capture_output=True, text=True, check=False
        )
        theirs = [
            int(line.split(" line ")[1].split()[0]) for line in run.stdout.splitlines() if " line " in line
        ]
        assert [entry.line for entry in hosts.lookup(*split(name))] == theirs, (name, text)


def hashed_name(name: str, number: int) -> str:
    salt = bytes([number]) * 20
    digest = hmac.digest(salt, name.lower().encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.skipif(KEYGEN is None, reason="ssh-keygen is not installed")
def test_fingerprints_are_those_of_ssh_keygen(path: Path) -> None:
    assert KEYGEN is not None
    path.write_text(f"{public_line(5)}\n")
    run = subprocess.run([KEYGEN, "-l", "-f", str(path)], check=True, capture_output=True, text=True)
    assert run.stdout.split()[1] == fingerprint(blob_of(public_line(5)))


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("r1 {key}", "ok"),
        ("r1 {other}", "changed"),
        ("r2 {key}", "unknown"),
        ("@revoked r1 {key}\nr1 {key}", "revoked"),
        ("@revoked r1 {other}\nr1 {key}", "ok"),
        ("@cert-authority r1 {key}", "unknown"),
        (f"r1 {ECDSA_LINE}", "changed"),
        ("r1 {other}\nr1 {key}", "ok"),
    ],
)
def test_checking_a_key(path: Path, line: str, status: str) -> None:
    path.write_text(line.format(key=public_line(1), other=public_line(2)) + "\n")
    check = KnownHosts(path).check("R1", 22, "ssh-ed25519", blob_of(public_line(1)))
    assert check.status == status
    assert bool(check.entries) == (status != "unknown")


# Certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, a host's key and certificates for it."""
    if KEYGEN is None:
        pytest.skip("ssh-keygen is not installed")
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("authority", "other", "host", "rsa"):
        kind = ["-t", "rsa", "-b", "2048"] if name == "rsa" else ["-t", "ed25519"]
        subprocess.run([KEYGEN, "-q", *kind, "-N", "", "-f", str(folder / name)], check=True)
    wanted = {
        "good": ("authority", "host", ["-h", "-n", "sw1,sw2"]),
        "pattern": ("authority", "host", ["-h", "-n", "sw*"]),
        "anybody": ("authority", "host", ["-h"]),
        "by rsa": ("rsa", "host", ["-h", "-n", "sw1"]),
        "for rsa": ("authority", "rsa", ["-h", "-n", "sw1"]),
        "elsewhere": ("authority", "host", ["-h", "-n", "sw3"]),
        "expired": ("authority", "host", ["-h", "-n", "sw1", "-V", "-2h:-1h"]),
        "too early": ("authority", "host", ["-h", "-n", "sw1", "-V", "+1h:+2h"]),
        "of a user": ("authority", "host", ["-n", "sw1"]),
        "by another": ("other", "host", ["-h", "-n", "sw1"]),
    }
    for name, (authority, key, options) in wanted.items():
        arguments = ["-s", str(folder / authority), "-I", "x", *options, str(folder / f"{key}.pub")]
        subprocess.run([KEYGEN, "-q", *arguments], check=True)
        (folder / f"{key}-cert.pub").rename(folder / name)
    return folder


def presented(folder: Path, name: str) -> tuple[str, bytes, bytes]:
    """The type and blob of the key, and the certificate that it came in."""
    kind, text, *_ = (folder / ("rsa.pub" if name == "for rsa" else "host.pub")).read_text().split()
    return kind, base64.b64decode(text), blob_of((folder / name).read_text())


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("good", "ok", ""),
        ("pattern", "ok", ""),
        ("anybody", "ok", ""),
        ("by rsa", "ok", ""),
        ("for rsa", "ok", ""),
        ("elsewhere", "unknown", "not for sw1"),
        ("expired", "unknown", "not valid now"),
        ("too early", "unknown", "not valid now"),
        ("of a user", "unknown", "one of a user"),
        ("by another", "unknown", "authority is not known"),
    ],
)
def test_certificates_of_hosts(path: Path, certificates: Path, name: str, status: str, reason: str) -> None:
    authorities = [(certificates / f"{ca}.pub").read_text() for ca in ("authority", "rsa")]
    path.write_text("".join(f"@cert-authority sw* {line}" for line in authorities))
    hosts = KnownHosts(path)
    kind, blob, certificate = presented(certificates, name)
    check = hosts.check("SW1", 22, kind, blob, certificate)
    assert check.status == status
    assert reason in check.certificate
    assert hosts.check("router", 22, kind, blob, certificate).status == "unknown", "the authority is for sw*"
    assert hosts.check("sw1", 22, kind, blob).status == "unknown", "no certificate, no authority"
    path.write_text(path.read_text() + f"sw1 {kind} {base64.b64encode(blob).decode()}\n")
    assert hosts.check("sw1", 22, kind, blob, certificate).status == "ok", "its key is known all the same"


def test_certificates_that_were_tinkered_with(path: Path, certificates: Path) -> None:
    path.write_text(f"@cert-authority * {(certificates / 'authority.pub').read_text()}")
    hosts = KnownHosts(path)
    kind, blob, certificate = presented(certificates, "good")
    other = presented(certificates, "for rsa")
    assert hosts.check("sw1", 22, other[0], other[1], certificate).certificate == "it is of another key"
    for at in range(0, len(certificate), 7):
        bad = certificate[:at] + bytes([certificate[at] ^ 1]) + certificate[at + 1 :]
        assert hosts.check("sw1", 22, kind, blob, bad).status == "unknown", at
        assert hosts.check("sw1", 22, kind, blob, certificate[:at]).status == "unknown", at


def test_revoked_authorities_and_keys(path: Path, certificates: Path) -> None:
    authority = (certificates / "authority.pub").read_text()
    kind, blob, certificate = presented(certificates, "good")
    for revoked in (authority, f"{kind} {base64.b64encode(blob).decode()}\n"):
        path.write_text(f"@cert-authority * {authority}@revoked * {revoked}")
        assert KnownHosts(path).check("sw1", 22, kind, blob, certificate).status == "revoked"


def test_a_hundred_thousand_lines(path: Path) -> None:
    key = public_line(1)
    path.write_text("".join(f"sw-{n},10.{n >> 16}.{n >> 8 & 255}.{n & 255} {key}\n" for n in range(100_000)))
    hosts = KnownHosts(path)
    assert hosts.lookup("sw-99999")[0].line == 100_000
    assert hosts.check("10.0.1.2", 22, "ssh-ed25519", blob_of(key)).status == "ok"
    assert not hosts.lookup("sw-100000")


def test_a_hashed_line_is_compared_with_a_name_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("".join(f"{hashed_name(f'r{n}', n)} {public_line(1)}\n" for n in range(50)))
    hosts = KnownHosts(path)
    compared = 0
    original = hmac.digest

    def count(*args: Any) -> bytes:
        nonlocal compared
        compared += 1
        return original(*args)

    monkeypatch.setattr(hmac, "digest", count)
    assert [hosts.lookup("r7")[0].line for _ in range(5)] == [8] * 5
    assert not hosts.lookup("r99")
    assert compared == 100
    with path.open("a") as file:
        file.write(f"{hashed_name('r7', 60)} {public_line(2)}\n")
    compared = 0
    assert [entry.line for entry in hosts.lookup("r7")] == [8, 51]
    assert 1 <= compared <= 2, "the new line alone, once to write it here"


def test_names() -> None:
    assert host_name("R1") == "r1"
    assert host_name("r1", 2222) == "[r1]:2222"
    assert host_name("2001:db8::1", 830) == "[2001:db8::1]:830"
    assert all(map(is_host, ["r1", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "r-1.example.net", "gerät"]))
    assert not any(
        map(is_host, ["", "-x", "a b", "a,b", "a*", "a\nb", "a;b", "$(x)", "a/b", "|1|x|y", "@revoked"])
    )


def test_a_missing_file_knows_nobody(path: Path) -> None:
    assert KnownHosts(path).lookup("r1") == []
    assert not path.exists()


def test_an_unreadable_file_is_an_error(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StorageError, match="known_hosts"):
        KnownHosts(path).lookup("r1")


def test_changes_of_the_file_are_seen(path: Path) -> None:
    hosts = KnownHosts(path)
    assert not hosts.is_known("r1")
    path.write_text(f"r1 {public_line(1)}\n")
    assert hosts.is_known("r1")
    with path.open("a") as file:
        file.write(f"r2 {public_line(2)}\n")
    assert hosts.is_known("r1")
    assert hosts.lookup("r2")[0].line == 2
    path.write_text(f"r3 {public_line(1)}\nr4 {public_line(1)}\nr5 {public_line(1)}\n")
    assert not hosts.is_known("r1")
    assert hosts.is_known("r3")


# Writing


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_adding_keys(path: Path) -> None:
    hosts = KnownHosts(path)
    assert hosts.add([scanned("R1", 1), scanned("r2", 2, 2222), scanned("r1", 1)]) == 2
    assert hosts.add([scanned("r1", 1)]) == 0
    assert path.read_text() == f"r1 {public_line(1)}\n[r2]:2222 {public_line(2)}\n"
    assert hosts.is_known("r1")
    assert hosts.is_known("r2", 2222)


def test_what_is_in_the_file_stays(path: Path) -> None:
    before = b"# mine\r\nbroken line\n\xff\xfe\nr0 ssh-future AAAA no end"
    path.write_bytes(before)
    KnownHosts(path).add([scanned("r1", 1)])
    assert path.read_bytes() == before + b"\n" + f"r1 {public_line(1)}\n".encode()


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "known_hosts"
    before = os.umask(0)
    try:
        KnownHosts(path).add([scanned("r1", 1)])
        path.chmod(0o644)
        KnownHosts(path).add([scanned("r2", 2)])
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}


def test_another_key_is_not_added_silently(path: Path) -> None:
    hosts = KnownHosts(path)
    hosts.add([scanned("r1", 1)])
    with pytest.raises(HostKeyRefused, match="another key"):
        hosts.add([scanned("r2", 2), scanned("r1", 2)])
    assert not hosts.is_known("r2")
    path.write_text(f"@revoked * {public_line(1)}\n")
    with pytest.raises(HostKeyRefused):
        hosts.add([scanned("r1", 1)])


@pytest.mark.parametrize("host", ["r1 ssh-ed25519 AAAA", "r1\nr2", "*", "@revoked", "|1|a|b"])
def test_a_name_cannot_smuggle_a_line_in(path: Path, host: str) -> None:
    with pytest.raises(UsageError):
        KnownHosts(path).add([scanned(host, 1)])
    assert not path.exists()


def test_a_link_stays_a_link(tmp_path: Path, path: Path) -> None:
    real = tmp_path / "shared" / "hosts"
    real.parent.mkdir()
    real.write_text("")
    path.symlink_to(real)
    KnownHosts(path).add([scanned("r1", 1)])
    assert path.is_symlink()
    assert real.read_text() == f"r1 {public_line(1)}\n"


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = KnownHosts(path)
    hosts.add([scanned("r1", 1)])
    before = path.read_bytes()

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        hosts.add([scanned("r2", 2)])
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir() if "known" in file.name) == [
        ".known_hosts.lock",
        "known_hosts",
    ]


def test_threads_that_add_at_the_same_time(path: Path) -> None:
    def add(first: int) -> None:
        hosts = KnownHosts(path)
        for number in range(first, first + 10):
            hosts.add([scanned(f"r{number}", number)])

    threads = [threading.Thread(target=add, args=(n * 10,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(path.read_text().splitlines()) == 40
    assert all(KnownHosts(path).is_known(f"r{n}") for n in range(10, 50))


FORKS = """
import os, random, signal, sys
from tests.test_ssh_hostkeys import scanned
from vctui.ssh import KnownHosts

def child(first, count, pipe):
    hosts = KnownHosts(sys.argv[1])
    for n in range(first, first + count):
        hosts.add([scanned(f"r{n}", n)])
        os.write(pipe, b"%d\\n" % n)

def start(first, count):
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            child(first, count, writer)
        finally:
            os._exit(0)
    os.close(writer)
    return pid, open(reader, "rb")

def together():
    running = [start(n * 1000, 50) for n in range(1, 5)]
    for pid, promised in running:
        sys.stdout.write(promised.read().decode())
        os.waitpid(pid, 0)

def killed():
    chance = random.Random(7)
    for n in range(100):
        pid, promised = start(10_000 + n * 100, 100)
        for _ in range(chance.randrange(4)):
            sys.stdout.write(promised.readline().decode())
        for _ in range(chance.randrange(20_000)):
            pass
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        sys.stdout.write(promised.read().decode())
        print("file", open(sys.argv[1], "rb").read().hex() if os.path.exists(sys.argv[1]) else "")

random.seed(7)
globals()[sys.argv[2]]()
"""


def forks(path: Path, what: str) -> list[str]:
    """Run `together` or `killed` in a process of its own; what it said."""
    run = subprocess.run(
        [sys.executable, "-c", FORKS, str(path), what],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    return run.stdout.splitlines()


def is_whole(lines: list[str]) -> bool:
    return all(len(line.split()) == 3 and len(line.split()[2]) == 68 for line in lines)


def test_processes_that_add_at_the_same_time(path: Path) -> None:
    assert len(forks(path, "together")) == 200
    lines = path.read_text().splitlines()
    assert (len(lines), len(set(lines)), is_whole(lines)) == (200, 200, True)


def test_processes_that_are_killed_while_they_add(path: Path) -> None:
    """A hundred times: no line is torn, none is lost whose process said that it is there."""
    before: set[str] = set()
    promised: set[str] = set()
    said = forks(path, "killed")
    for line in said:
        if not line.startswith("file"):
            promised.add(f"r{line}")
            continue
        data = bytes.fromhex(line.removeprefix("file "))
        lines = data.decode().splitlines()
        assert is_whole(lines)
        assert not data or data.endswith(b"\n")
        assert before <= set(lines)
        before = set(lines)
        assert promised <= {line.split()[0] for line in lines}
    assert len(promised) > 50
    assert sum(line.startswith("file") for line in said) == 100
    KnownHosts(path).add([scanned("r1", 1)])
    assert [file.name for file in path.parent.glob(".known_hosts*.tmp")] == []


# Replacing hardware


def test_replacing_a_key(path: Path) -> None:
    hosts = KnownHosts(path)
    hosts.add([scanned("r1", 1), scanned("r2", 2)])
    new = scanned("r1", 3)
    replaced = hosts.replace("r1", 22, new, new.fingerprint)
    assert [entry.fingerprint for entry in replaced] == [scanned("r1", 1).fingerprint]
    assert hosts.check("r1", 22, "ssh-ed25519", new.blob).status == "ok"
    assert hosts.check("r1", 22, "ssh-ed25519", scanned("r1", 1).blob).status == "changed"
    assert hosts.is_known("r2")
    old = path.read_text().splitlines()[0]
    assert old.startswith("# replaced 20")
    assert old.endswith(f": r1 {public_line(1)}")


def test_a_replacement_needs_the_right_fingerprint(path: Path) -> None:
    hosts = KnownHosts(path)
    hosts.add([scanned("r1", 1)])
    before = path.read_bytes()
    with pytest.raises(HostKeyRefused, match="presents"):
        hosts.replace("r1", 22, scanned("r1", 3), scanned("r1", 4).fingerprint)
    assert path.read_bytes() == before
    bare = scanned("r1", 3).fingerprint.removeprefix("SHA256:") + "="
    assert len(hosts.replace("r1", 22, scanned("r1", 3), bare)) == 1


def test_replacing_leaves_the_other_names_of_a_line(path: Path) -> None:
    hosts = KnownHosts(path)
    path.write_text(f"r1,192.0.2.1 {public_line(1)} note\n*.lab {public_line(1)}\n!x,* {public_line(2)}\n")
    new = scanned("a.lab", 3)
    assert len(hosts.replace("a.lab", 22, new, new.fingerprint)) == 2
    assert hosts.check("a.lab", 22, "ssh-ed25519", new.blob).status == "ok"
    assert [entry.fingerprint for entry in hosts.lookup("a.lab")] == [new.fingerprint]
    assert hosts.check("b.lab", 22, "ssh-ed25519", blob_of(public_line(1))).status == "ok"
    new = scanned("r1", 4)
    hosts.replace("r1", 22, new, new.fingerprint)
    assert [entry.fingerprint for entry in hosts.lookup("r1")] == [new.fingerprint]
    assert len(hosts.lookup("192.0.2.1")) == 2


@pytest.mark.skipif(KEYGEN is None, reason="ssh-keygen is not installed")
def test_replacing_a_hashed_line(path: Path) -> None:
    assert KEYGEN is not None
    path.write_text(f"r1 {public_line(1)}\nr2 {public_line(2)}\n")
    subprocess.run([KEYGEN, "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    hosts = KnownHosts(path)
    new = scanned("r1", 3)
    hosts.replace("r1", 22, new, new.fingerprint)
    assert [entry.fingerprint for entry in hosts.lookup("r1")] == [new.fingerprint]
    assert hosts.is_known("r2")
