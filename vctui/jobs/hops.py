"""The logins of jump hosts, opened before a run starts: a mistake in their configuration stops it at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from vctui.config import Settings
from vctui.errors import UsageError, VaultError
from vctui.jobs.routes import PlannedHop, Routes
from vctui.records import Device, SSHCredentials
from vctui.ssh import Hop, KnownHosts
from vctui.vault import CredentialResolver

_MAX_KEY = 64 * 1024


def open_hops(
    credentials: CredentialResolver | SSHCredentials, hops: Iterable[PlannedHop]
) -> dict[PlannedHop, Hop]:
    """Each jump host with its login. Raises VaultError, UsageError: one has none, or may not get it."""
    return {hop: _open(credentials, hop) for hop in dict.fromkeys(hops)}


class Ways:
    """The ways to devices, with the logins of the jump hosts on them. Threads may share it."""

    def __init__(self, settings: Settings, credentials: CredentialResolver | SSHCredentials) -> None:
        infos = [] if isinstance(credentials, SSHCredentials) else credentials.credentials()
        self._routes = Routes(settings, KnownHosts(settings.known_hosts), infos)
        self._credentials = credentials
        self._hops: dict[PlannedHop, Hop] = {}

    def to(self, device: Device) -> tuple[Hop, ...]:
        """Raises NoRoute, or VaultError and UsageError for a jump host that cannot be logged in to."""
        path = self._routes.to(device)
        for hop in path:
            if hop not in self._hops:
                self._hops[hop] = _open(self._credentials, hop)
        return tuple(self._hops[hop] for hop in path)


def _open(credentials: CredentialResolver | SSHCredentials, hop: PlannedHop) -> Hop:
    login = _login(credentials, hop)
    if reason := login.scope.refusal(name=hop.name, host=hop.host):
        raise VaultError(
            f"credential '{login.name}' may not be sent to jump host {hop.name}: {reason}",
            "Name another one for it in config.yaml, or widen the credential's scope",
        )
    return Hop(
        hop.name,
        hop.host,
        login if hop.user is None else replace(login, username=hop.user),
        hop.port,
        hop.legacy,
        hop.transports,
        hop.max_channels,
    )


def _login(credentials: CredentialResolver | SSHCredentials, hop: PlannedHop) -> SSHCredentials:
    if hop.key_files:
        return _from_file(hop)
    if isinstance(credentials, SSHCredentials):
        return credentials
    if hop.credential_id is None:
        raise VaultError(
            f"no credential for jump host {hop.name}", "Name one in config.yaml, or make one the default"
        )
    return credentials.get_ssh_credentials(id=hop.credential_id)


def _from_file(hop: PlannedHop) -> SSHCredentials:
    """The login with the first of its key files that is there; a certificate beside it goes with it."""
    path = next((path for path in hop.key_files if path.is_file()), hop.key_files[0])
    try:
        text = _text(path)
        certificate = path.with_name(f"{path.name}-cert.pub")
        if certificate.is_file():
            text += f"\n{_text(certificate)}"
    except OSError as error:
        raise UsageError(
            f"jump host {hop.name}: {error.filename}: {error.strerror}",
            "Correct its IdentityFile, or name a credential for it in config.yaml",
        ) from error
    return SSHCredentials(hop.user or "", name=str(path), private_key=text)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MAX_KEY).decode("utf-8", "replace")
