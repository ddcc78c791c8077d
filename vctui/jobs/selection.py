"""Which devices a job collects. Preview, dry run and run call the same pure function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vctui.errors import UsageError
from vctui.records import Device, DeviceFilter
from vctui.ssh import platform_name

Test = Callable[[Device], str | None]
"""Why a device does not fit; None when it does."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    device: Device
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    chosen: tuple[Device, ...]
    left_out: tuple[LeftOut, ...]


def compile_pattern(
    pattern: str, what: str = "name pattern", *, ignore_case: bool = True, literal: bool = False
) -> Callable[[str], bool]:
    """A search for `pattern` in time linear in the text, whatever the pattern. Raises UsageError."""
    import re2

    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.literal = literal
    options.log_errors = False
    options.max_mem = 8 << 20
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not a regular expression"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise UsageError(f"{what} {pattern!r} is not a regular expression: {text}") from error
    return lambda text: compiled.search(text) is not None


def select(
    devices: Iterable[Device],
    filter: DeviceFilter,
    *,
    limit: int | None = None,
    names: Sequence[str] | None = None,
) -> Selection:
    """The devices that fit, in the inventory's order, and every other with the first reason against it.

    `names` narrows to these devices (exact, case-insensitive); a name that no device bears is a UsageError,
    as is a pattern that does not compile. `limit` keeps the first so many.
    """
    tests = _tests(filter, names)
    chosen: list[Device] = []
    left_out: list[LeftOut] = []
    seen: set[str] = set()
    for device in devices:
        seen.add(device.name.casefold())
        reason = next((reason for test in tests if (reason := test(device)) is not None), None)
        if reason is None and limit is not None and len(chosen) >= limit:
            reason = f"over the limit of {limit}"
        if reason is None:
            chosen.append(device)
        else:
            left_out.append(LeftOut(device, reason))
    unknown = [name for name in names or () if name.casefold() not in seen]
    if unknown:
        raise UsageError(
            f"no such device in the inventory: {', '.join(unknown)}", "See them with: vctui devices list"
        )
    return Selection(tuple(chosen), tuple(left_out))


def _tests(filter: DeviceFilter, names: Sequence[str] | None) -> list[Test]:
    tests: list[Test] = []
    if names is not None:
        wanted = {name.casefold() for name in names}
        tests.append(lambda d: None if d.name.casefold() in wanted else "not among the named devices")
    status = (filter.status or "active").casefold()
    if status != "any":
        tests.append(
            lambda d: None if d.status.casefold() == status else f"status {d.status or 'none'}, not {status}"
        )
    if filter.vendor:
        vendor = filter.vendor.casefold()
        tests.append(
            lambda d: (
                None
                if vendor in d.manufacturer.casefold()
                else f"vendor {d.manufacturer or 'unknown'}, not {filter.vendor}"
            )
        )
    if filter.device_types:
        kinds = {platform_name(kind) or kind for kind in filter.device_types}
        tests.append(
            lambda d: (
                None
                if (platform_name(d.kind) or d.device_type) in (*kinds, "")
                else f"platform {d.kind}; the job is for {', '.join(filter.device_types)}"
            )
        )
    tests += _relation("platform", filter.platform_id, filter.platform)
    tests += _relation("site", filter.site_id, filter.site)
    tests += _relation("role", filter.role_id, filter.role)
    if filter.name_pattern:
        matches = compile_pattern(filter.name_pattern)
        tests.append(lambda d: None if matches(d.name) else f"name does not match {filter.name_pattern}")
    tests.append(lambda d: None if d.host else "no address")
    tests.append(lambda d: None if d.port else "no valid SSH port")
    return tests


def _relation(kind: str, wanted_id: int | None, wanted_name: str | None) -> list[Test]:
    """The test for a platform, site or role: by id, by slug or by name."""
    tests: list[Test] = []
    if wanted_id is not None:
        tests.append(
            lambda d: (
                None
                if getattr(d, f"{kind}_id") == wanted_id
                else f"{kind} {getattr(d, f'{kind}_name') or 'none'}, not the job's"
            )
        )
    if wanted_name:
        name = wanted_name.casefold()
        tests.append(
            lambda d: (
                None
                if name in (getattr(d, kind).casefold(), getattr(d, f"{kind}_name").casefold())
                else f"{kind} {getattr(d, f'{kind}_name') or 'none'}, not {wanted_name}"
            )
        )
    return tests
