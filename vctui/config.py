"""The home folder, `config.yaml` and the environment, read once into one frozen `Settings`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from vctui.errors import HomeError, UsageError

HostKeyPolicy = Literal["ask", "strict", "accept-new"]
HOST_KEY_POLICIES: tuple[HostKeyPolicy, ...] = ("ask", "strict", "accept-new")
MAX_CONFIG_BYTES = 1024 * 1024
MAX_WORKERS = 500
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
    host_keys: HostKeyPolicy = "ask"
    log_level: str = "INFO"
    log_file: Path | None = None
    validation_engine: str | None = None
    """`module:Class` of the user's own engine."""
    ui: Mapping[str, Any] = field(default_factory=dict)
    unknown_keys: tuple[str, ...] = ()
    """Keys of the file that nothing here reads: kept in the file, named in a warning."""


def find_home(home: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """`--home`, else VCOLLECTOR_HOME, else ~/.vcollector."""
    chosen = home or environ.get("VCOLLECTOR_HOME") or "~/.vcollector"
    return expand(chosen).absolute()


def expand(path: str | Path) -> Path:
    """A path with `~` and `~user` written out. Raises UsageError for a user who does not exist."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"{path}: there is no such user", "Write the folder out") from None


def load_settings(home: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the configuration; a missing file means defaults. Raises UsageError with file, key and reason."""
    folder = find_home(home, environ)
    named = environ.get("VCOLLECTOR_CONFIG")
    file = expand(named).absolute() if named else folder / "config.yaml"
    values = _Values(file, read_yaml(file, required=bool(named)))
    execution = _Values(file, values.section("execution"), "execution")
    logging = _Values(file, values.section("logging"), "logging")
    validation = _Values(file, values.section("validation"), "validation")
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
        host_keys=values.choice("host_keys", "ask", HOST_KEY_POLICIES),
        log_level=logging.choice("level", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
        log_file=logging.path("file", None),
        validation_engine=validation.class_name("engine"),
        ui=values.section("ui"),
    )
    unknown = values.unread() + execution.unread() + logging.unread() + validation.unread()
    return replace(settings, unknown_keys=tuple(unknown))


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


class _Values:
    """Typed access to one mapping of the file; errors name file and key."""

    def __init__(self, file: Path, data: dict[str, Any], section: str = "") -> None:
        self._file = file
        self._data = data
        self._section = section
        self._read: set[str] = set()

    def _get(self, key: str, *old_names: str) -> Any:
        for name in (key, *old_names):
            self._read.add(name)
        return next((self._data[k] for k in (key, *old_names) if self._data.get(k) is not None), None)

    def _refuse(self, key: str, reason: str) -> UsageError:
        dotted = f"{self._section}.{key}" if self._section else key
        return UsageError(f"{self._file}: {dotted}: {reason}")

    def section(self, key: str) -> dict[str, Any]:
        value = self._get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._refuse(key, "must be a mapping")
        return {str(k): v for k, v in value.items()}

    def path(self, key: str, default: Any, *old_names: str) -> Any:
        value = self._get(key, *old_names)
        if value is None:
            return default
        if not isinstance(value, str) or not value or "\0" in value:
            raise self._refuse(key, "must be a path")
        try:
            return self._file.parent / expand(value)
        except UsageError as error:
            raise self._refuse(key, error.message) from None

    def number(
        self, key: str, default: float | None, low: float, high: float, *old_names: str
    ) -> float | None:
        value = self._get(key, *old_names)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._refuse(key, f"must be a number from {low:g} to {high:g}")
        return value

    def choice(self, key: str, default: Any, choices: tuple[str, ...]) -> Any:
        value = self._get(key)
        if value is None:
            return default
        for choice in choices:
            if isinstance(value, str) and value.lower() == choice.lower():
                return choice
        raise self._refuse(key, f"must be one of {', '.join(choices)}")

    def class_name(self, key: str) -> str | None:
        value = self._get(key)
        if value is None:
            return None
        module, _, name = str(value).partition(":")
        if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
            raise self._refuse(key, "must be module:Class")
        return str(value)

    def unread(self) -> list[str]:
        prefix = f"{self._section}." if self._section else ""
        return [prefix + key for key in self._data if key not in self._read]
