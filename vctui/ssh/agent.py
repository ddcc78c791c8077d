"""The user's ssh-agent: it is asked for one key that was named, and never made to try all it has."""

from __future__ import annotations

import base64
import binascii
import os
import socket
import threading

import paramiko
from paramiko.message import Message
from paramiko.pkey import PublicBlob

from vctui.errors import DeviceError
from vctui.records import SSHCredentials
from vctui.ssh.hostkey_index import KEY_STRINGS, fingerprint
from vctui.text import safe_line

_LIST, _KEYS, _SIGN, _SIGNED = 11, 12, 13, 14
_CERTIFICATE = "-cert-v01@openssh.com"
_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}
_PATIENCE = 60.0
"""Seconds for one answer: somebody may have to touch a token or say yes to a signature."""
_MAX_ANSWER = 1024 * 1024


class Agent:
    """Asks the agent, one question at a time: with hundreds of sessions it would give up."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path if path is not None else os.environ.get("SSH_AUTH_SOCK", "")
        self._lock = threading.Lock()

    def key(self, credentials: SSHCredentials) -> AgentKey:
        """The key that the credential names, its certificate first. Raises DeviceError."""
        keys = self.keys()
        wanted = credentials.agent_key.strip()
        found = [key for key in keys if not wanted or key.is_called(wanted)]
        certificates = [key for key in found if key.public_blob is not None]
        different = {key.fingerprint for key in found}
        if len(different) == 1:
            return (certificates or found)[0]
        shown = safe_line(wanted, 80)
        if not found:
            what = f"no key called {shown!r}" if wanted else "no key"
            raise DeviceError("auth_failed", f"the ssh-agent holds {what}", "Add it: ssh-add")
        what = f" called {shown!r}" if wanted else ""
        raise DeviceError(
            "auth_failed",
            f"the ssh-agent holds {len(different)} keys{what}, and one attempt is all a device gets",
            "Name one by its fingerprint in the credential; see them with: ssh-add -l",
        )

    def keys(self) -> list[AgentKey]:
        """All keys and certificates that it holds. Raises DeviceError."""
        answer = self._ask(bytes([_LIST]), _KEYS)
        return [AgentKey(self, answer.get_string(), answer.get_string()) for _ in range(answer.get_int())]

    def sign(self, blob: bytes, data: bytes, algorithm: str) -> bytes:
        """The signature that a server will see. Raises DeviceError."""
        request = Message()
        request.add_byte(bytes([_SIGN]))
        request.add_string(blob)
        request.add_string(data)
        request.add_int(_FLAGS.get(algorithm.removesuffix(_CERTIFICATE), 0))
        return self._ask(request.asbytes(), _SIGNED).get_string()

    def _ask(self, request: bytes, expected: int) -> Message:
        try:
            with self._lock, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(_PATIENCE)
                sock.connect(self._path)
                sock.sendall(len(request).to_bytes(4) + request)
                with sock.makefile("rb") as file:
                    size = int.from_bytes(file.read(4))
                    answer = file.read(size) if 0 < size <= _MAX_ANSWER else b""
        except (OSError, ValueError) as error:
            raise DeviceError(
                "auth_failed",
                "no ssh-agent can be reached" if self._path else "there is no ssh-agent in this environment",
                "Start one and add the key (ssh-add), or choose a credential whose key is stored",
            ) from error
        if answer[:1] != bytes([expected]):
            raise DeviceError(
                "auth_failed",
                "the ssh-agent refuses" if answer else "the ssh-agent does not answer",
                "Look at it with: ssh-add -l; a key may have to be confirmed",
            )
        return Message(answer[1:])


class AgentKey(paramiko.PKey):
    """A key, or a certificate, whose private half stays in the agent."""

    def __init__(self, agent: Agent, blob: bytes, comment: bytes) -> None:
        self._agent = agent
        self._blob = blob
        self._comment = comment.decode("utf-8", "replace")
        self._name = _type(blob)
        self.public_blob = PublicBlob(self._name, blob) if self._name.endswith(_CERTIFICATE) else None
        self._plain = _without_certificate(self._name, blob)

    def is_called(self, name: str) -> bool:
        """Whether `name` is its fingerprint, its public line or its comment."""
        words = name.split()
        if len(words) >= 2 and words[0] == _type(_decoded(words[1])):
            return _decoded(words[1]) in (self._blob, self._plain)
        return name.rstrip("=") == self.fingerprint or name == self._comment

    @property
    def fingerprint(self) -> str:
        """The key's own, of a certificate too."""
        return fingerprint(self._plain)

    def get_name(self) -> str:
        return self._name

    def asbytes(self) -> bytes:
        return self._blob

    def can_sign(self) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(self._blob)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AgentKey) and other._blob == self._blob

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> Message:
        return Message(self._agent.sign(self._blob, data, algorithm or self._name))


def _type(blob: bytes) -> str:
    return Message(blob).get_string().decode("ascii", "replace")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _without_certificate(name: str, blob: bytes) -> bytes:
    """The key that a certificate is for; a plain key as it is."""
    if not name.endswith(_CERTIFICATE):
        return blob
    message = Message(blob)
    message.get_string()
    message.get_string()  # a nonce
    kind = name.removesuffix(_CERTIFICATE) + ("@openssh.com" if name.startswith("sk-") else "")
    plain = Message()
    plain.add_string(kind)
    for _ in range(KEY_STRINGS.get(kind, 0)):
        plain.add_string(message.get_string())
    return plain.asbytes()
