"""Sites, platforms, roles and manufacturers by the names that people and files use, created where missing."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import peewee

from vctui.storage.database import columns_of
from vctui.storage.defaults import platform_for
from vctui.storage.models_dcim import DeviceRole, Manufacturer, Platform, Site
from vctui.storage.tables import Table
from vctui.storage.times import stamps_for

_NOT_SLUG = re.compile(r"[^a-z0-9_]+")


def slugify(text: str) -> str:
    """`Main Office` → `main-office`; never empty."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return _NOT_SLUG.sub("-", plain).strip("-") or "x" + text.encode().hex()[:16]


class NameBook:
    """Names → ids within one transaction; `created` lists what was added, as `site lab`."""

    def __init__(self, database: peewee.SqliteDatabase) -> None:
        self._database = database
        self._known: dict[type[Table], dict[str, int]] = {}
        self._columns: dict[type[Table], list[str]] = {}
        self.created: list[str] = []
        for model in (Site, DeviceRole, Manufacturer, Platform):
            names: dict[str, int] = {}
            self._columns[model] = columns_of(database, model.table_name())
            fields = model.fields_in(self._columns[model])
            rows: list[dict[str, Any]] = list(model.select(*fields).dicts().execute(database))
            for key in ("netmiko_device_type", "name", "slug"):
                for row in reversed(rows):
                    if row.get(key):
                        names[str(row[key]).casefold()] = int(row["id"])
            self._known[model] = names

    def site(self, name: str) -> int:
        """The site of this name or slug."""
        return self._find(Site, name) or self._add(Site, "site", name)

    def role(self, name: str) -> int:
        """The role of this name or slug."""
        return self._find(DeviceRole, name) or self._add(DeviceRole, "role", name)

    def manufacturer(self, name: str) -> int:
        """The manufacturer of this name or slug."""
        return self._find(Manufacturer, name) or self._add(Manufacturer, "manufacturer", name)

    def platform(self, slug: str, manufacturer: str | None = None) -> int:
        """The platform of this slug, device type or name; `manufacturer` is for one that must be created."""
        known = platform_for(slug.strip().lower(), manufacturer)
        found = self._find(Platform, slug) or self._find(Platform, known.name)
        if found is not None:
            return found
        return self._add(
            Platform,
            "platform",
            known.name,
            slug=known.slug,
            manufacturer_id=self.manufacturer(known.manufacturer) if known.manufacturer else None,
            netmiko_device_type=known.device_type,
            paging_disable_command=known.paging_disable,
        )

    def _find(self, model: type[Table], name: str) -> int | None:
        return self._known[model].get(name.strip().casefold())

    def _add(self, model: type[Table], kind: str, name: str, **values: Any) -> int:
        name = name.strip()
        slug = values.pop("slug", None) or slugify(name)
        known = self._known[model]
        if slug.casefold() in known:
            # Two names of one slug, such as "Lab 1" and "Lab-1", are two rows all the same.
            slug = next(f"{slug}-{n}" for n in range(2, len(known) + 3) if f"{slug}-{n}" not in known)
        row = {"name": name, "slug": slug, **values, **stamps_for(self._columns[model])}
        added = int(model.insert(row).execute(self._database))
        for key in (name, slug, values.get("netmiko_device_type")):
            if key:
                known[str(key).casefold()] = added
        self.created.append(f"{kind} {name}")
        return added
