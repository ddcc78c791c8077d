"""The clients that vctui is compared with: each does the same work in the way its documentation shows."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence

from benchmarks.ssh_jump import paramiko_through
from benchmarks.ssh_work import Done, Work, in_threads

_READ = 65536
_END = b"#"


def _ends(tail: bytes) -> bool:
    """Whether a prompt stands at the end: `name#` at the start of a line."""
    line = tail[tail.rfind(b"\n") + 1 :]
    return line.endswith(_END) and line.startswith(b"sw-")


def _read_to_prompt(recv: Callable[[], bytes]) -> bytes:
    """Everything up to the next prompt; only the end of what came is looked at."""
    pieces: list[bytes] = []
    tail = b""
    while not _ends(tail):
        data = recv()
        if not data:
            raise EOFError("the device closed the session")
        pieces.append(data)
        tail = (tail + data)[-200:]
    return b"".join(pieces)


def run_commands(work: Work, send: Callable[[bytes], None], recv: Callable[[], bytes]) -> Sequence[bytes]:
    """What every client does in its shell: paging off, then the commands."""
    _read_to_prompt(recv)
    outputs = []
    for command in ["terminal length 0", *[work.command] * work.repeat]:
        send(command.encode() + b"\n")
        outputs.append(_read_to_prompt(recv))
    return outputs[1:]


def _connect(work: Work, host: str) -> socket.socket:
    sock = socket.create_connection((host, work.port), timeout=work.patience)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def ssh2_python(work: Work, host: str) -> Sequence[bytes]:
    """libssh2 by ssh2-python: C that lets go of the interpreter while it works."""
    with _connect(work, host) as sock:
        # libssh2 gives a socket its old mode back when a session is freed, by number: it must still be open,
        # or another session's new socket is made to block.
        return _ssh2_session(work, sock)


def _ssh2_session(work: Work, sock: socket.socket) -> Sequence[bytes]:
    from ssh2.session import Session

    sock.settimeout(None)
    session = Session()
    session.set_timeout(int(work.patience * 1000))
    session.handshake(sock)
    session.userauth_password(work.user, work.password)
    channel = session.open_session()
    channel.pty("vt100")
    channel.shell()

    def recv() -> bytes:
        size, data = channel.read(_READ)
        if size < 0:
            raise OSError(f"libssh2 error {size}")
        return bytes(data)

    outputs = run_commands(work, channel.write, recv)
    channel.close()
    session.disconnect()
    return outputs


def raw_paramiko(work: Work, host: str) -> Sequence[bytes]:
    """paramiko's Transport on a socket of one's own, without Nagle's delay."""
    import paramiko

    with _connect(work, host) as sock:
        transport = paramiko.Transport(sock)
        try:
            transport.start_client(timeout=work.patience)
            transport.auth_password(work.user, work.password)
            channel = transport.open_session(timeout=work.patience)
            channel.get_pty("vt100", 511, 24)
            channel.invoke_shell()
            channel.settimeout(work.patience)
            return run_commands(work, channel.sendall, lambda: channel.recv(_READ))
        finally:
            transport.close()


def ssh_client(work: Work, host: str) -> Sequence[bytes]:
    """paramiko's SSHClient, as most people write it."""
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 - as most people write it
    try:
        client.connect(
            host,
            work.port,
            work.user,
            work.password,
            timeout=work.patience,
            banner_timeout=work.patience,
            auth_timeout=work.patience,
            look_for_keys=False,
            allow_agent=False,
        )
        channel = client.invoke_shell(width=511)
        channel.settimeout(work.patience)
        return run_commands(work, channel.sendall, lambda: channel.recv(_READ))
    finally:
        client.close()


def netmiko(work: Work, host: str) -> Sequence[str]:
    """netmiko with fast_cli, which is what it does by itself now."""
    from netmiko import ConnectHandler

    with ConnectHandler(
        device_type="cisco_ios",
        host=host,
        port=work.port,
        username=work.user,
        password=work.password,
        fast_cli=True,
        conn_timeout=work.patience,
        banner_timeout=work.patience,
        auth_timeout=work.patience,
    ) as connection:
        return [
            str(connection.send_command(work.command, read_timeout=work.patience)) for _ in range(work.repeat)
        ]


def scrapli(work: Work, host: str) -> Sequence[str]:
    """scrapli 2 over its own libssh2."""
    from scrapli import AuthOptions, Cli, SessionOptions
    from scrapli.transport import Ssh2Options

    with Cli(
        host,
        port=work.port,
        definition_file_or_name="cisco_iosxe",
        auth_options=AuthOptions(username=work.user, password=work.password),
        session_options=SessionOptions(operation_timeout_s=int(work.patience)),
        transport_options=Ssh2Options(),
    ) as connection:
        return [connection.send_input(work.command).result for _ in range(work.repeat)]


def velocity_waits(work: Work, host: str) -> Sequence[bytes]:
    """The waits of VelocityCollector, on paramiko's SSHClient: written from their description alone."""
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 - as it does
    try:
        client.connect(
            host, work.port, work.user, work.password, timeout=60, look_for_keys=False, allow_agent=False
        )
        channel = client.invoke_shell("vt100", 80, 24)
        time.sleep(2)
        channel.sendall(b"\n")
        time.sleep(3)
        _read_for(channel, 3.0)
        for command in ("terminal length 0", *[work.command] * work.repeat):
            channel.sendall(command.encode() + b"\n")
            time.sleep(1)
        text = b""
        ends = time.monotonic() + 30
        while text.count(b"#") < 1 + work.repeat and time.monotonic() < ends:
            if channel.recv_ready():
                text += channel.recv(4096)
            else:
                time.sleep(0.01)
        return [text] if work.repeat == 1 else text.split(work.command.encode())[1:]
    finally:
        client.close()


def _read_for(channel: object, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if channel.recv_ready():  # type: ignore[attr-defined]
            channel.recv(4096)  # type: ignore[attr-defined]
        else:
            time.sleep(0.01)


def asyncssh(work: Work, done: Done) -> None:
    """asyncssh: one thread, one event loop."""
    asyncio.run(_asyncssh(work, done))


async def _asyncssh(work: Work, done: Done) -> None:
    import asyncssh as library

    gate = asyncio.Semaphore(work.workers)

    async def one(host: str) -> None:
        async with gate:
            started = time.perf_counter()
            try:
                for output in await session(host):
                    work.check(output)
            except Exception as error:  # noqa: BLE001 - whatever it raises is a failed device
                done.fail(error)
            else:
                done.add(time.perf_counter() - started)

    async def session(host: str) -> list[bytes]:
        async with library.connect(
            host,
            work.port,
            username=work.user,
            password=work.password,
            known_hosts=None,
            client_keys=None,
            agent_path=None,
            config=None,
            connect_timeout=work.patience,
            login_timeout=work.patience,
        ) as connection:
            process = await connection.create_process(term_type="vt100", term_size=(511, 24), encoding=None)
            await to_prompt(process)
            outputs = []
            for command in ["terminal length 0", *[work.command] * work.repeat]:
                process.stdin.write(command.encode() + b"\n")
                outputs.append(await to_prompt(process))
            return outputs[1:]

    async def to_prompt(process: library.SSHClientProcess[bytes]) -> bytes:
        pieces: list[bytes] = []
        tail = b""
        while not _ends(tail):
            async with asyncio.timeout(work.patience):
                data = await process.stdout.read(_READ)
            if not data:
                raise EOFError("the device closed the session")
            pieces.append(data)
            tail = (tail + data)[-200:]
        return b"".join(pieces)

    await asyncio.gather(*map(one, work.hosts))


PEERS = {
    "ssh2-python": in_threads(ssh2_python),
    "asyncssh": asyncssh,
    "paramiko raw": in_threads(raw_paramiko),
    "paramiko SSHClient": in_threads(ssh_client),
    "netmiko": in_threads(netmiko),
    "scrapli": in_threads(scrapli),
    "VelocityCollector's waits": in_threads(velocity_waits),
    "paramiko, a login each": in_threads(paramiko_through),
}
