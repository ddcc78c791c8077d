"""Plain records that pass between the rooms: an inventory device, a credential, a device filter."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_interface

from vctui.scope import ANYWHERE, Scope


@dataclass(frozen=True, slots=True)
class Device:
    """One row of the inventory, joined with its site, platform, manufacturer and role."""

    id: int
    name: str
    primary_ip4: str | None = None
    primary_ip6: str | None = None
    port: int = 22
    """0 where the inventory has none that can be."""
    status: str = "active"
    site_id: int | None = None
    site: str = ""
    site_name: str = ""
    platform_id: int | None = None
    platform: str = ""
    platform_name: str = ""
    device_type: str = ""
    """netmiko_device_type of the platform: the stable key for rules and templates."""
    manufacturer: str = ""
    paging_disable: str | None = None
    role_id: int | None = None
    role: str = ""
    role_name: str = ""
    credential_id: int | None = None
    description: str = ""
    comments: str = ""
    serial_number: str = ""
    asset_tag: str = ""
    last_collected_at: str | None = None
    credential_result: str = "untested"
    """How the last test of its credential ended: success, failed or untested."""
    credential_tested_at: str | None = None
    """In local time, as VelocityCollector writes it."""
    jump: str | None = None
    """The jump host that was chosen for it; `none` for no jump host, None for what `config.yaml` says."""
    legacy: bool | None = None
    """Whether it may use SHA-1 and CBC; None for what its platform says."""

    @property
    def kind(self) -> str:
        """What names its rules and templates: the device type, or the platform's slug where it has none."""
        return self.device_type or self.platform

    @property
    def host(self) -> str | None:
        """The address to connect to: IPv4 first, then IPv6, without a prefix length; or None."""
        for address in (self.primary_ip4, self.primary_ip6):
            if address and address.strip():
                return bare_address(address.strip())
        return None


@lru_cache(maxsize=16 * 1024)
def bare_address(address: str) -> str:
    """`192.0.2.1/24` → `192.0.2.1`; `fe80::1%eth0` keeps its scope, and a host name is returned as it is."""
    try:
        if "/" in address:
            ip_interface(address)
        return str(ip_address(address.partition("/")[0]))
    except ValueError:
        return address


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which devices a job means. None and "" mean "any", except `status`, where they mean active.

    Names match the slug or the name, case-insensitively; ids match exactly. `vendor` is a part of the
    manufacturer's name. `name_pattern` is a regular expression searched in the device's name.
    """

    vendor: str | None = None
    platform: str | None = None
    platform_id: int | None = None
    site: str | None = None
    site_id: int | None = None
    role: str | None = None
    role_id: int | None = None
    name_pattern: str | None = None
    status: str | None = None
    device_types: tuple[str, ...] = ()
    """Kinds of device the job was written for; a device of no known kind is not held against it."""


@dataclass(frozen=True, slots=True)
class SSHCredentials:
    """What a login needs, in the clear: never in an event, a log or a repr."""

    username: str
    name: str = ""
    id: int | None = None
    password: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    """PEM or OpenSSH text; the line of an OpenSSH certificate for it may follow."""
    passphrase: str | None = field(default=None, repr=False)
    enable_secret: str | None = field(default=None, repr=False)
    agent: bool = False
    """Sign with a key of the user's ssh-agent, in place of `private_key`."""
    agent_key: str = ""
    """Which of its keys: SHA256 fingerprint, public line or comment; "" when it holds only one."""
    scope: Scope = ANYWHERE
    """Where it may be sent; ask `out_of_scope` before it is."""

    @property
    def secrets(self) -> tuple[str | None, ...]:
        """Everything that must not be shown."""
        return (self.password, self.private_key, self.passphrase, self.enable_secret)


@dataclass(frozen=True, slots=True)
class CredentialInfo:
    """What may be shown of a credential."""

    id: int
    name: str
    username: str
    is_default: bool
    has_password: bool
    has_key: bool
    has_enable: bool
    has_agent: bool = False
    scope: Scope = ANYWHERE


def out_of_scope(credential: SSHCredentials | CredentialInfo, device: Device) -> str | None:
    """Why a credential must not be sent to a device; None when it may be."""
    return credential.scope.refusal(
        name=device.name,
        host=device.host or "",
        sites=(device.site, device.site_name),
        platforms=(device.platform, device.platform_name, device.device_type),
    )
