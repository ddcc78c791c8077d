"""The SSH room: a pool that collects from devices, host keys, and the rules for each platform.

The names that need paramiko are imported when they are first used, which saves 0.1 s where they are not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vctui.ssh.hostkey_index import HostKeyEntry
from vctui.ssh.hostkeys import KeyCheck, KnownHosts, ScannedKey
from vctui.ssh.identify import Confidence, Evidence, Recognition, recognise
from vctui.ssh.lifeline import Deadline, Lifeline
from vctui.ssh.model import (
    NO_DEVICE,
    CommandOutput,
    ExecutionResult,
    ExecutorOptions,
    Hop,
    JumpStatus,
    LoginGuard,
    LoginOutcome,
    Pace,
    Target,
)
from vctui.ssh.openssh_config import OpenSSHConfig, SSHHost
from vctui.ssh.patterns import Patterns
from vctui.ssh.platform_file import BadPlatformFile
from vctui.ssh.platform_file import as_file as platform_as_file
from vctui.ssh.platforms import check_file, get_platform, load_platforms, platform_name
from vctui.ssh.rules import Platform
from vctui.ssh.volatile import differ_only_in

if TYPE_CHECKING:
    from vctui.ssh.executor import SSHExecutorPool
    from vctui.ssh.scan import Place, ScanResult, scan_host_key, scan_host_keys

__all__ = [
    "NO_DEVICE",
    "BadPlatformFile",
    "CommandOutput",
    "Confidence",
    "Deadline",
    "Evidence",
    "ExecutionResult",
    "ExecutorOptions",
    "Hop",
    "HostKeyEntry",
    "JumpStatus",
    "KeyCheck",
    "KnownHosts",
    "Lifeline",
    "LoginGuard",
    "LoginOutcome",
    "OpenSSHConfig",
    "Pace",
    "Patterns",
    "Place",
    "Platform",
    "Recognition",
    "SSHExecutorPool",
    "SSHHost",
    "ScanResult",
    "ScannedKey",
    "Target",
    "check_file",
    "differ_only_in",
    "get_platform",
    "load_platforms",
    "platform_as_file",
    "platform_name",
    "recognise",
    "scan_host_key",
    "scan_host_keys",
]

_LAZY = {
    "SSHExecutorPool": "vctui.ssh.executor",
    "Place": "vctui.ssh.scan",
    "ScanResult": "vctui.ssh.scan",
    "scan_host_key": "vctui.ssh.scan",
    "scan_host_keys": "vctui.ssh.scan",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
