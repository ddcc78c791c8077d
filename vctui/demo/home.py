"""A throw-away home folder, filled from the sample data, whose devices are the simulated fleet."""

from __future__ import annotations

import csv
import io
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from vctui.config import Settings, load_settings
from vctui.demo.devices import DemoDevice, generated_fleet, sample_fleet
from vctui.demo.faults import Expected, Fault, check_outcomes, outcome
from vctui.demo.launch import KEY_TYPE, Fleet
from vctui.errors import VctuiError
from vctui.events import DeviceFinished
from vctui.jobs import JobSource, select
from vctui.sample import sample_data_dir
from vctui.ssh import KnownHosts, ScannedKey
from vctui.storage import Inventory, TemplateRow, TemplateStore, init_home, write_private
from vctui.validation import ntc_rows
from vctui.vault import CredentialResolver

JOB_TIMEOUT = 6
"""Seconds: two kinds of faulty device make a run wait this long, once for every job that means them."""
CREDENTIAL = "demo"
WRONG_CREDENTIAL = "old-tacacs"
_FLEET_JOBS = ("all-version.json", "huawei-version.json")
"""Sample jobs that together mean every device."""


class DemoHome:
    """A running fleet and a home that knows it; both are gone when the `with` block ends.

    `devices` None means the sample inventory, with a fault of every kind; N means N devices like those.
    """

    settings: Settings
    resolver: CredentialResolver
    """Unlocked."""
    fleet: Fleet
    right: ClassVar[str] = "as built"
    """What is said of outcomes that are what they must be."""
    expected: dict[str, Expected]
    """By device name: what a job that validates must report. See `expected_for`."""

    def __init__(self, devices: int | None = None) -> None:
        self._count = devices
        self._folder: Path | None = None
        self.faults: dict[str, Fault] = {}
        """What is wrong with each device, by name."""
        self._slugs: dict[str, str] = {}
        self.master_password = secrets.token_urlsafe(18)
        """Of this demo's vault, for those who want to lock and unlock it."""

    @property
    def jobs(self) -> list[str]:
        """The jobs (slugs) that a headless demo runs: all, or for N devices those that mean every device."""
        chosen = sorted(self._slugs) if self._count is None else _FLEET_JOBS
        return [self._slugs[file] for file in chosen]

    def __enter__(self) -> DemoHome:
        self._folder = Path(tempfile.mkdtemp(prefix="vctui-demo-"))
        try:
            self._build(self._folder)
        except BaseException:
            self._remove()
            raise
        return self

    def _build(self, folder: Path) -> None:
        password, enable_secret = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        devices = self.make_devices(password, enable_secret)
        self.faults = {device.sim.name: device.sim.fault for device in devices}
        self.expected = {name: outcome(fault) for name, fault in self.faults.items()}
        self.fleet = Fleet([device.sim for device in devices])
        # Another process does the fleet's work: the home is made meanwhile.
        with ThreadPoolExecutor(1) as starter:
            started = starter.submit(self.fleet.start)
            self.settings = load_settings(folder, environ={})
            init_home(self.settings)
            TemplateStore(self.settings.templates_db).upsert_many(TemplateRow(**row) for row in ntc_rows())
            self.fill_vault(password, enable_secret)
            started.result()
        self._import_devices(devices)
        self._import_jobs(self.make_jobs())
        self._trust(devices)

    def make_devices(self, password: str, enable_secret: str) -> list[DemoDevice]:
        """The devices of the fleet, which take this login."""
        if self._count is None:
            return sample_fleet(sample_data_dir(), password, enable_secret)
        return generated_fleet(sample_data_dir(), self._count, password, enable_secret)

    def make_jobs(self) -> dict[str, Any]:
        """The jobs by the name of their file."""
        files = sorted((sample_data_dir() / "jobs").glob("*.json"))
        return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files}

    def fill_vault(self, password: str, enable_secret: str) -> None:
        """Make the vault, with the fleet's login in it."""
        self.resolver = CredentialResolver(self.settings)
        vault = self.resolver.vault
        vault.init(self.master_password)
        vault.add(CREDENTIAL, "demo", password=password, enable_secret=enable_secret, default=True)
        vault.add(WRONG_CREDENTIAL, "demo", password=secrets.token_urlsafe(12))

    def _import_devices(self, devices: Sequence[DemoDevice]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, [*devices[0].row, "ssh_port", "credential"], lineterminator="\n")
        writer.writeheader()
        for device in devices:
            host = self.fleet.hosts[device.sim.name]
            wrong = WRONG_CREDENTIAL if device.sim.fault is Fault.WRONG_PASSWORD else ""
            address = {"primary_ip4": host.host, "ssh_port": str(host.port)}
            writer.writerow({**device.row, **address, "credential": device.credential or wrong})
        file = self.settings.home / "demo-inventory.csv"
        write_private(file, text.getvalue().encode())
        ids = {credential.name: credential.id for credential in self.resolver.credentials()}
        with Inventory(self.settings.dcim_db) as inventory:
            report = inventory.import_csv(file, strict=True, credential_id=ids.get)
        if report.errors:
            line, reason = report.errors[0]
            raise VctuiError(f"the sample inventory cannot be imported: line {line}: {reason}")

    def _import_jobs(self, jobs: dict[str, Any]) -> None:
        files: list[Path] = []
        for name, data in jobs.items():
            data["execution"]["timeout"] = JOB_TIMEOUT
            file = self.settings.jobs_dir / name
            write_private(file, json.dumps(data, indent=2).encode())
            files.append(file)
        for imported in JobSource(self.settings).import_files(files):
            if imported.slug is None:
                raise VctuiError(f"a sample job cannot be imported: {imported.error}")
            self._slugs[Path(imported.path).name] = imported.slug

    def _trust(self, devices: Sequence[DemoDevice]) -> None:
        """Fill known_hosts, with the key of another device for those whose key has changed."""
        keys: list[ScannedKey] = []
        for number, device in enumerate(devices):
            host = self.fleet.hosts[device.sim.name]
            shown = host.key
            if device.sim.fault is Fault.CHANGED_KEY:
                shown = self.fleet.hosts[devices[number - 1].sim.name].key
            keys.append(ScannedKey(host.host, host.port, KEY_TYPE, shown))
        KnownHosts(self.settings.known_hosts).add(keys)

    def expected_for(self, ref: str) -> dict[str, Expected]:
        """By device name, what the job must report for the devices it means."""
        job = JobSource(self.settings).resolve(ref)
        with Inventory(self.settings.dcim_db) as inventory:
            chosen = select(inventory.devices(), job.filter).chosen
        return {
            device.name: outcome(self.faults[device.name], validates=job.use_textfsm) for device in chosen
        }

    def differences(self, ref: str, finished: Iterable[DeviceFinished]) -> list[str]:
        """How the outcomes of a job differ from what they must be, a line each."""
        return check_outcomes(self.expected_for(ref), finished)

    def _remove(self) -> None:
        resolver = getattr(self, "resolver", None)
        if resolver is not None:
            resolver.lock()
        fleet = getattr(self, "fleet", None)
        if fleet is not None:
            fleet.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()


def demo_jobs(home: DemoHome) -> list[str]:
    """The jobs that a headless demo runs; see `DemoHome.jobs`."""
    return home.jobs
