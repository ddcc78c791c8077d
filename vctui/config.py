"""The home folder, `config.yaml` and the environment, read once into one frozen `Settings`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from vctui.errors import HomeError, UsageError
from vctui.jump_hosts import JumpHost, read_jump_hosts
from vctui.politeness import NO_LIMITS, Politeness, read_politeness
from vctui.values import Values
from vctui.values import expand as expand

HostKeyPolicy = Literal["ask", "strict", "accept-new"]
SSHTransport = Literal["fast", "stock"]
SSH_TRANSPORTS: tuple[SSHTransport, ...] = ("fast", "stock")
HOST_KEY_POLICIES: tuple[HostKeyPolicy, ...] = ("ask", "strict", "accept-new")
MAX_CONFIG_BYTES = 1024 * 1024
MAX_WORKERS = 1000
MAX_PROCESSES = 64
MAX_RETRIES = 10


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and how runs behave. Durations are in seconds."""

    home: Path
    config_file: Path
    collector_db: Path
    dcim_db: Path
    templates_db: Path
    collections_dir: Path
    jobs_dir: Path
    batches_dir: Path
    known_hosts: Path
    logs_dir: Path
    platforms_dir: Path
    """The user's own platform files, which win over the built-in ones."""
    timeout: float | None = None
    """The default for jobs that name none."""
    time_limit: float | None = None
    workers: int | None = None
    inter_command_delay: float = 0.0
    retries: int = 0
    """How often a device is tried again whose failure can pass by itself; a login never is."""
    politeness: Politeness = NO_LIMITS
    """How fast and how many at once log in."""
    host_keys: HostKeyPolicy = "ask"
    versions: Literal["changed", "all"] = "changed"
    """Which replaced captures are kept: all, or not those that differ in volatile parts only."""
    ssh_transport: SSHTransport | None = None
    """None means `fast`; `stock` leaves packets, threads and key exchanges to paramiko."""
    jump_hosts: tuple[JumpHost, ...] = ()
    ssh_config: Path | None = None
    """An OpenSSH client configuration that is asked about jump hosts, too."""
    ssh_processes: int | None = None
    """How many processes share the sessions; None means none for few devices."""
    log_level: str = "INFO"
    log_file: Path | None = None
    validation_engine: str | None = None
    """`module:Class` of the user's own engine."""
    lock_after: float = 600
    """Idle seconds before the full-screen program locks the vault."""
    lock_at_latest: float = 8 * 3600
    """Seconds before it does, however busy the user is."""
    ui: Mapping[str, Any] = field(default_factory=dict)
    unknown_keys: tuple[str, ...] = ()
    """Keys of the file that nothing here reads: kept in the file, named in a warning."""


def find_home(home: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """`--home`, else VCOLLECTOR_HOME, else ~/.vcollector."""
    chosen = home or environ.get("VCOLLECTOR_HOME") or "~/.vcollector"
    return expand(chosen).absolute()


def load_settings(home: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the configuration; a missing file means defaults. Raises UsageError with file, key and reason."""
    folder = find_home(home, environ)
    named = environ.get("VCOLLECTOR_CONFIG")
    file = expand(named).absolute() if named else folder / "config.yaml"
    values = Values(file, read_yaml(file, required=bool(named)))
    execution = Values(file, values.section("execution"), "execution")
    logging = Values(file, values.section("logging"), "logging")
    validation = Values(file, values.section("validation"), "validation")
    politeness = values.within("politeness")
    ssh = values.within("ssh")
    vault = values.within("vault")
    settings = Settings(
        home=folder,
        config_file=file,
        collector_db=values.path("collector_db", folder / "collector.db"),
        dcim_db=values.path("dcim_db", folder / "dcim.db"),
        templates_db=values.path("tfsm_templates_db", folder / "tfsm_templates.db", "tfsm_db"),
        collections_dir=values.path("collections_dir", folder / "collections"),
        jobs_dir=values.path("legacy_jobs_dir", folder / "jobs", "jobs_dir"),
        batches_dir=values.path("batches_dir", folder / "batches"),
        known_hosts=folder / "known_hosts",
        logs_dir=folder / "logs",
        platforms_dir=folder / "platforms",
        timeout=execution.number("timeout", values.number("default_timeout", None, 1, 86400), 1, 86400),
        time_limit=execution.number("time_limit", None, 1, 86400),
        workers=_whole(
            execution.number(
                "max_workers", values.number("default_workers", None, 1, MAX_WORKERS), 1, MAX_WORKERS
            )
        ),
        inter_command_delay=pause(
            execution.number("inter_command_delay", 0.0, 0, 3600, "inter_command_time") or 0.0
        ),
        retries=_whole(execution.number("retries", None, 0, MAX_RETRIES)) or 0,
        politeness=read_politeness(politeness),
        host_keys=values.choice("host_keys", "ask", HOST_KEY_POLICIES),
        versions=values.choice("versions", "changed", ("changed", "all")),
        ssh_transport=ssh.choice("transport", None, SSH_TRANSPORTS),
        jump_hosts=read_jump_hosts(values),
        ssh_config=values.path("ssh_config", None),
        ssh_processes=_whole(ssh.number("processes", None, 0, MAX_PROCESSES)),
        log_level=logging.choice("level", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
        log_file=logging.path("file", None),
        validation_engine=validation.class_name("engine"),
        lock_after=vault.number("lock_after", 600, 60, 7200) or 600,
        lock_at_latest=vault.number("lock_at_latest", 8 * 3600, 60, 24 * 3600) or 8 * 3600,
        ui=values.section("ui"),
    )
    sections = (values, execution, logging, validation, politeness, ssh, vault)
    return replace(settings, unknown_keys=tuple(key for section in sections for key in section.unread()))


def require_home(settings: Settings) -> Settings:
    """The same settings, once the home is known to be initialised and readable. Raises HomeError."""
    home = settings.home
    try:
        exists = home.is_dir()
        if exists and not os.access(home, os.R_OK | os.X_OK):
            raise HomeError(f"home folder {home} cannot be read", "Check its owner and permissions")
        ready = exists and (settings.collector_db.is_file() or settings.dcim_db.is_file())
    except OSError as error:
        raise HomeError(f"home folder {home} cannot be read: {error.strerror}", "Check its owner") from error
    if not ready:
        raise HomeError(f"home folder {home} is not initialised", "Create it with: vctui init")
    return settings


def pause(seconds: float) -> float:
    """A pause between commands as meant: VelocityCollector's default of 1 s was a blind wait, so none."""
    return 0.0 if seconds <= 1 else seconds


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def read_yaml(file: Path, *, required: bool) -> dict[str, Any]:
    """The mapping of a small YAML file; a missing one is empty unless required. Raises UsageError."""
    # PyYAML costs 20 ms to import, which `vctui --help` need not pay.
    import yaml

    try:
        if file.stat().st_size > MAX_CONFIG_BYTES:
            raise UsageError(f"{file}: larger than 1 MiB", "This is not a configuration file")
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise UsageError(f"{file}: no such file", "VCOLLECTOR_CONFIG names it") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise HomeError(f"{file}: cannot be read: {_reason(error)}") from error
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise UsageError(f"{file}: aliases (*name) are not supported", "Write the values out")
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{file}: line {line}: {error.problem or error.context or 'not YAML'}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{file}: not YAML: {str(error).splitlines()[0]}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UsageError(f"{file}: must hold 'key: value' lines")
    return {str(key): value for key, value in data.items()}


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "not UTF-8 text"
