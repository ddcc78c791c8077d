"""The credentials of one run: opened once, for no device outside their scope, noted in the audit trail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from vctui.errors import VaultError
from vctui.records import SSHCredentials, out_of_scope
from vctui.storage import Audit
from vctui.vault import Edit
from vctui.vault.schemes import PASSWORD

if TYPE_CHECKING:
    from vctui.jobs.plan import Plan
    from vctui.vault import CredentialResolver

DEVICES_A_LINE = 200


def open_logins(
    credentials: CredentialResolver | SSHCredentials, plan: Plan
) -> dict[int | None, SSHCredentials]:
    """Each credential of the plan by its id. Raises VaultError: one is missing, or would leave its scope."""
    logins = _open(credentials, plan)
    for item in plan.items:
        # The plan was made with what the database says; only an opened credential can be believed.
        if reason := out_of_scope(logins[item.credential_id], item.device):
            raise VaultError(
                f"credential '{item.credential}' may not be sent to {item.device.name}: {reason}",
                "Plan again: the credential's scope is not what it was",
            )
    return logins


def password_keeper(
    credentials: CredentialResolver | SSHCredentials,
) -> Callable[[SSHCredentials], None] | None:
    """What stores a password that was typed during a run; None where there is no vault for it."""
    if isinstance(credentials, SSHCredentials):
        return None
    vault = credentials.vault

    def keep(login: SSHCredentials) -> None:
        vault.edit(login.name, Edit(secrets={PASSWORD: login.password}))

    return keep


def _open(credentials: CredentialResolver | SSHCredentials, plan: Plan) -> dict[int | None, SSHCredentials]:
    ids = {item.credential_id for item in plan.items}
    if isinstance(credentials, SSHCredentials):
        return dict.fromkeys(ids, credentials)
    missing = [item.device.name for item in plan.items if item.credential_id is None]
    if missing:
        raise VaultError(
            f"no credential for {', '.join(missing[:3])}{' and others' if len(missing) > 3 else ''}",
            "Add one: vctui vault add NAME -u USER --default",
        )
    opened = credentials.get_many(id for id in ids if id is not None)
    return dict(opened.items())


def note_use(audit: Audit, plan: Plan, run: int | None) -> None:
    """Note every credential of a plan with its devices. Raises StorageError: then nothing may be sent."""
    devices: dict[tuple[int | None, str], list[str]] = defaultdict(list)
    for hop in plan.jump_hosts:
        name = str(hop.key_files[0]) if hop.key_files else hop.credential
        devices[hop.credential_id, name].append(f"jump host {hop.name}")
    for item in plan.items:
        devices[item.credential_id, item.credential].append(item.device.name)
    audit.write_many(
        "credential_used",
        [
            {"run": run, "job": plan.job.ref, "credential": id, "name": name, "devices": some}
            for (id, name), names in devices.items()
            for some in _in_lines(names)
        ],
    )


def _in_lines(names: list[str]) -> list[list[str]]:
    return [names[at : at + DEVICES_A_LINE] for at in range(0, len(names), DEVICES_A_LINE)]
