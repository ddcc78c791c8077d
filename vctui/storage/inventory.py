"""The inventory in dcim.db: devices joined with what they refer to, read by column name from the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from peewee import JOIN, fn

from vctui.errors import UsageError
from vctui.records import Device
from vctui.storage import inventory_csv
from vctui.storage.database import ConstraintError, Store
from vctui.storage.device_options import OPTIONS, drop_options, read_options, write_options
from vctui.storage.files import write_private
from vctui.storage.inventory_names import NameBook
from vctui.storage.inventory_values import check_values, columns_for
from vctui.storage.models_dcim import DcimDevice, DeviceRole, Manufacturer, Platform, Site
from vctui.storage.rows import ImportReport, NamedRow
from vctui.storage.tables import Table
from vctui.storage.times import local_text

_NAMED = ("id", "name", "slug")
_SINCE_VERSION_2 = ("credential_tested_at", "credential_test_result")


class Inventory(Store):
    """Devices, sites, platforms and roles. Works on version 1 files, which lack two columns, as well."""

    required: ClassVar[Mapping[str, Iterable[str]]] = {
        "dcim_device": (
            *("id", "name", "site_id", "platform_id", "role_id", "status", "primary_ip4", "primary_ip6"),
            *("credential_id", "ssh_port", "serial_number", "asset_tag", "description", "comments"),
            "last_collected_at",
        ),
        "dcim_site": _NAMED,
        "dcim_platform": (*_NAMED, "manufacturer_id", "netmiko_device_type", "paging_disable_command"),
        "dcim_manufacturer": _NAMED,
        "dcim_device_role": _NAMED,
    }

    def devices(self) -> list[Device]:
        """Every device, by site and name."""
        return self._devices()

    def get(self, name: str, site: str | None = None) -> Device | None:
        """The device of a name, case-insensitive, at a site (name or slug) if one is given.

        Raises UsageError when several sites have one of this name.
        """
        found = [
            device
            for device in self._devices(fn.LOWER(DcimDevice.name) == fn.LOWER(name))
            if site is None or site.casefold() in (device.site.casefold(), device.site_name.casefold())
        ]
        if len(found) > 1:
            sites = ", ".join(device.site for device in found)
            raise UsageError(
                f"device {name} exists at several sites: {sites}",
                f"Name the site too: {found[0].name}@{found[0].site}",
            )
        return found[0] if found else None

    def by_id(self, device_id: int) -> Device | None:
        """One device by its id."""
        found = self._devices(DcimDevice.id == device_id)
        return found[0] if found else None

    def _devices(self, where: Any = None) -> list[Device]:
        query = (
            DcimDevice.select(
                *(field for name, field in DcimDevice._meta.fields.items() if name in self._own_columns()),
                Site.slug.alias("site"),
                Site.name.alias("site_name"),
                Platform.slug.alias("platform"),
                Platform.name.alias("platform_name"),
                Platform.netmiko_device_type.alias("device_type"),
                Platform.paging_disable_command.alias("paging_disable"),
                Manufacturer.name.alias("manufacturer"),
                DeviceRole.slug.alias("role"),
                DeviceRole.name.alias("role_name"),
            )
            .join(Site, JOIN.LEFT_OUTER, on=(Site.id == DcimDevice.site_id))
            .join_from(DcimDevice, Platform, JOIN.LEFT_OUTER, on=(Platform.id == DcimDevice.platform_id))
            .join_from(
                Platform, Manufacturer, JOIN.LEFT_OUTER, on=(Manufacturer.id == Platform.manufacturer_id)
            )
            .join_from(DcimDevice, DeviceRole, JOIN.LEFT_OUTER, on=(DeviceRole.id == DcimDevice.role_id))
            .order_by(Site.name, DcimDevice.name, DcimDevice.id)
        )
        rows = self.fetch(query if where is None else query.where(where))
        with self.reading() as database:
            options = read_options(database)
        return [_device(row, options.get(row["id"], {})) for row in rows]

    def _own_columns(self) -> Iterable[str]:
        present = self.columns(DcimDevice.table_name())
        return (*self.required["dcim_device"], *(name for name in _SINCE_VERSION_2 if name in present))

    def sites(self) -> list[NamedRow]:
        """The sites by name, with their number of devices."""
        return self._named(Site, DcimDevice.site_id)

    def platforms(self) -> list[NamedRow]:
        """The platforms by name, with their number of devices."""
        makers = {maker.id: maker.name for maker in self.manufacturers()}
        return self._named(Platform, DcimDevice.platform_id, makers)

    def roles(self) -> list[NamedRow]:
        """The roles by name, with their number of devices."""
        return self._named(DeviceRole, DcimDevice.role_id)

    def manufacturers(self) -> list[NamedRow]:
        """The manufacturers by name, with their number of devices."""
        query = (
            DcimDevice.select(Platform.manufacturer_id.alias("key"), fn.COUNT(DcimDevice.id).alias("devices"))
            .join(Platform, on=(Platform.id == DcimDevice.platform_id))
            .group_by(Platform.manufacturer_id)
        )
        return self._named_rows(Manufacturer, query)

    def _named(
        self, model: type[Table], reference: Any, makers: Mapping[int, str] | None = None
    ) -> list[NamedRow]:
        query = DcimDevice.select(reference.alias("key"), fn.COUNT(DcimDevice.id).alias("devices")).group_by(
            reference
        )
        return self._named_rows(model, query, makers)

    def _named_rows(
        self, model: type[Table], counts: Any, makers: Mapping[int, str] | None = None
    ) -> list[NamedRow]:
        devices = {row["key"]: row["devices"] for row in self.fetch(counts)}
        fields = model.fields_in(self.columns(model.table_name()))
        return [
            NamedRow(
                id=row["id"],
                name=row["name"] or "",
                slug=row["slug"] or "",
                devices=devices.get(row["id"], 0),
                description=row.get("description") or "",
                status=row.get("status") or "",
                device_type=row.get("netmiko_device_type") or "",
                paging_disable=row.get("paging_disable_command"),
                manufacturer=(makers or {}).get(row.get("manufacturer_id") or 0, ""),
                color=row.get("color") or "",
            )
            for row in self.fetch(model.select(*fields).order_by(model._meta.fields["name"]))
        ]

    def add(self, values: Mapping[str, Any]) -> int:
        """Add a device by column name of the CSV (`name` and `site` at least); returns its id.

        Missing sites, platforms and roles are created. Raises UsageError.
        """
        checked = check_values(values)
        for name in ("name", "site"):
            if not checked.get(name):
                raise UsageError(f"device: {name}: must not be empty")
        return self._write(None, checked)

    def edit(self, device_id: int, changes: Mapping[str, Any]) -> None:
        """Change the given values of a device; all others, its comments too, stay. Raises UsageError."""
        checked = check_values(changes)
        for name in ("name", "site"):
            if name in checked and not checked[name]:
                raise UsageError(f"device: {name}: must not be empty")
        self._write(device_id, checked)

    def _write(self, device_id: int | None, values: Mapping[str, Any]) -> int:
        now = local_text()
        options = {name: values[name] for name in OPTIONS if name in values}
        try:
            with self.writing() as database:
                columns = {**columns_for(values, NameBook(database)), "updated_at": now}
                if device_id is None:
                    new = {"status": "active", "ssh_port": 22, "created_at": now, **columns}
                    device_id = int(DcimDevice.insert(new).execute(database))
                elif not DcimDevice.update(columns).where(DcimDevice.id == device_id).execute(database):
                    raise UsageError(f"device {device_id} does not exist")
                write_options(database, device_id, options)
                return device_id
        except ConstraintError as error:
            raise UsageError(_conflict(error.detail, values)) from error

    def remove(self, device_id: int) -> None:
        """Remove a device from the inventory; its captures and history stay. Raises UsageError."""
        with self.writing() as database:
            if not DcimDevice.delete().where(DcimDevice.id == device_id).execute(database):
                raise UsageError(f"device {device_id} does not exist")
            drop_options(database, device_id)

    def touch_collected(self, device_ids: Iterable[int], when: datetime | None = None) -> None:
        """Write when devices were last collected; now when no moment is given."""
        ids = list(device_ids)
        with self.writing() as database:
            for start in range(0, len(ids), 500):
                chosen = DcimDevice.id.in_(ids[start : start + 500])
                DcimDevice.update(last_collected_at=local_text(when)).where(chosen).execute(database)

    def set_credential(self, device_id: int, credential_id: int | None, *, result: str | None = None) -> None:
        """Give a device its credential; `result` (success, failed, untested) is how a test of it ended."""
        changes: dict[str, Any] = {"credential_id": credential_id, "updated_at": local_text()}
        tested = dict(zip(_SINCE_VERSION_2, (local_text(), result), strict=True))
        if result is not None and set(tested) <= set(self.columns(DcimDevice.table_name())):
            changes |= tested
        with self.writing() as database:
            DcimDevice.update(changes).where(DcimDevice.id == device_id).execute(database)

    def import_csv(
        self,
        path: str | Path,
        *,
        strict: bool = False,
        credential_id: Callable[[str], int | None] | None = None,
    ) -> ImportReport:
        """Add and update devices from a CSV file; see `inventory_csv` for its columns.

        A bad row is skipped and named by its line; `strict` then imports nothing. `credential_id` finds the
        id of a credential's name. Raises UsageError for a file that cannot be read as such.
        """
        parsed = inventory_csv.read_csv(Path(path), credential_id)
        with self.writing() as database:
            return inventory_csv.import_rows(database, parsed, strict=strict)

    def export_csv(
        self, path: str | Path, *, credential_name: Callable[[int], str | None] | None = None
    ) -> int:
        """Write all devices as CSV, safe to open in a spreadsheet, 0600; returns how many."""
        devices = self.devices()
        write_private(Path(path), inventory_csv.to_csv(devices, credential_name).encode())
        return len(devices)


def _device(row: Mapping[str, Any], options: Mapping[str, Any]) -> Device:
    texts = ("site", "site_name", "platform", "platform_name", "device_type", "manufacturer", "role")
    values: dict[str, Any] = {name: _text(row[name]) for name in (*texts, "role_name", "name", "status")}
    values |= {name: _text(row[name]) for name in ("description", "comments", "serial_number", "asset_tag")}
    plain = ("id", "primary_ip4", "primary_ip6", "site_id", "platform_id", "paging_disable", "role_id")
    values |= {name: row[name] for name in (*plain, "credential_id", "last_collected_at")}
    values["credential_result"] = _text(row.get("credential_test_result")) or "untested"
    values["credential_tested_at"] = row.get("credential_tested_at")
    port = 22 if row["ssh_port"] is None else row["ssh_port"]
    return Device(**values, **options, port=port if isinstance(port, int) and 0 < port < 65536 else 0)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _conflict(detail: str, values: Mapping[str, Any]) -> str:
    if "asset_tag" in detail:
        return f"device: asset_tag: {values.get('asset_tag')} belongs to another device"
    if "dcim_device.name" in detail:
        return f"device: name: {values.get('name')} exists at this site already"
    return f"device: {detail}"
