"""Once a run is over and the vault is locked, nothing of this process leads to a secret any more."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

import tests.fixtures.ssh_device as fixture
from tests.fixtures.reach import holders
from tests.fixtures.ssh_device import USER, Device, Rules, cli
from tests.fixtures.vault import FAST
from vctui.config import load_settings
from vctui.errors import VaultLocked
from vctui.jobs import Job, JobCommand, JobRunner
from vctui.storage import Inventory, init_home
from vctui.vault import CredentialResolver, Vault


def made(*parts: str) -> str:
    """A secret that no code of this file has as a constant."""
    return "-".join(["AFTER", *parts])


def test_a_run_keeps_no_secret_once_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(tmp_path / "home", {})
    init_home(settings)
    resolver = CredentialResolver(settings)
    resolver.vault = Vault(settings.collector_db, kdf=FAST)
    resolver.vault.init(made("master"))
    resolver.vault.add("lab", USER, password=made("password"), enable_secret=made("enable"))
    resolver.vault.add("bad", USER, password=made("wrong"))
    with monkeypatch.context() as patched:
        patched.setattr(fixture, "PASSWORD", made("password"))
        with Device(cli(replies={"show ip arp": "Address\r\n"})) as good, Device(rules=Rules()) as refusing:
            table = tmp_path / "devices.csv"
            table.write_text(
                "name,primary_ip4,ssh_port,platform,site,role,status,credential\n"
                f"good,127.0.0.1,{good.port},cisco_ios,s,r,active,lab\n"
                f"refusing,127.0.0.1,{refusing.port},cisco_ios,s,r,active,bad\n"
            )
            with Inventory(settings.dcim_db) as inventory:
                inventory.import_csv(table, strict=True, credential_id={"lab": 1, "bad": 2}.get)
            job = Job("job.json", "arp", "ARP", "arp", "arp", (JobCommand("show ip arp"),), "arp")
            runner = JobRunner(resolver, settings=settings, host_keys="accept-new", validate=False)
            result = runner.run_plan(runner.plan(job))
            assert (result.success_count, result.failed_count) == (1, 1)
            assert (good.counts.password, refusing.counts.password) == (1, 1)
    key = bytes(bytearray(resolver.vault.require_scheme().key))
    assert holders(key, skip=(key,)), "the walk finds what is there"
    resolver.lock()
    gc.collect()
    secrets = [key, *(made(part) for part in ("master", "password", "enable", "wrong"))]
    assert holders(*secrets, skip=(secrets,)) == []
    with pytest.raises(VaultLocked):
        runner.run_plan(runner.plan(job))
