"""Job files and job rows: what is read, and what is refused with file, key and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vctui.config import load_settings
from vctui.errors import JobError, UsageError
from vctui.jobs.fields import check_row, new_row
from vctui.jobs.files import parse_job_file
from vctui.jobs.job import base_folder, job_from_row, split_commands
from vctui.jobs.plan import choose_template
from vctui.jobs.source import JobSource
from vctui.storage import JobStore, init_home

GOOD: dict[str, Any] = {
    "version": "2.0",
    "job_id": 300,
    "capture_type": "arp",
    "vendor": "arista",
    "credentials": {"source": "vault", "credential_set": "default", "fallback_env": "SOME_PASS"},
    "protocol": "ssh",
    "device_filter": {
        "source": "database",
        "vendor": "arista",
        "site": None,
        "role": None,
        "name_pattern": None,
    },
    "commands": {
        "paging_disable": "terminal length 0",
        "command": "show ip arp,,",
        "output_directory": "arp",
    },
    "validation": {"use_tfsm": True, "tfsm_filter": "show_ip_arp", "min_score": 1, "store_failures": True},
    "execution": {"max_workers": 12, "timeout": 60, "inter_command_time": 1},
    "storage": {"base_path": "~/.vcollector/collections", "filename_pattern": "{device_name}.txt"},
    "our_own_note": "kept",
}


def written(tmp_path: Path, data: object) -> Path:
    path = tmp_path / "job.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def changed(key: str, value: object) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(GOOD))
    *parents, last = key.split(".")
    target = data
    for parent in parents:
        target = target[parent]
    target[last] = value
    return data


def test_a_file_becomes_one_job(tmp_path: Path) -> None:
    job = parse_job_file(written(tmp_path, GOOD))
    assert job.ref == "300"
    assert job.slug == "arista-arp-300"
    assert job.name == "Arista ARP Collection"
    assert job.commands == ("show ip arp",)
    assert job.paging_disable == "terminal length 0"
    assert job.filter.vendor == "arista"
    assert (job.use_textfsm, job.template, job.min_score) == (True, "show_ip_arp", 1)
    assert (job.max_workers, job.timeout, job.inter_command_delay) == (12, 60, 0)
    assert base_folder(job, load_settings(tmp_path)) == tmp_path / "collections"


def test_defaults_of_a_file_with_only_a_command(tmp_path: Path) -> None:
    job = parse_job_file(written(tmp_path, {"commands": {"command": "show clock"}}))
    assert (job.capture_type, job.output_directory, job.use_textfsm) == ("job", "job", True)
    # What it does not say is left to the configuration.
    assert (job.timeout, job.max_workers, job.filter.status) == (None, None, "active")


@pytest.mark.parametrize("folder", ["arp/", "./arp", "arp//"])
def test_a_folder_is_used_in_its_plain_form(tmp_path: Path, folder: str) -> None:
    data = changed("commands.output_directory", folder)
    assert parse_job_file(written(tmp_path, data)).output_directory == "arp"
    listed = [{"command": "show a", "output_directory": folder}]
    job = job_from_row(row(output_directory=folder), listed)
    assert (job.output_directory, job.steps[0].output_directory) == ("arp", "arp")


def test_a_bad_folder_of_one_command_is_named() -> None:
    with pytest.raises(JobError) as caught:
        job_from_row(row(), [{"command": "show a", "output_directory": "../../etc"}])
    assert caught.value.key == "job_commands.output_directory"


def test_a_user_who_does_not_exist_is_named(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={})
    job = parse_job_file(written(tmp_path, changed("storage.base_path", "~no-such-user/x")))
    with pytest.raises(UsageError, match="~no-such-user/x: there is no such user"):
        base_folder(job, settings)
    with pytest.raises(UsageError, match="there is no such user"):
        JobSource(settings).resolve("~no-such-user")
    with pytest.raises(UsageError, match="there is no such user"):
        load_settings("~no-such-user", environ={})
    (tmp_path / "config.yaml").write_text("collections_dir: ~no-such-user/x\n")
    with pytest.raises(UsageError, match=r"config.yaml: collections_dir: ~no-such-user/x"):
        load_settings(tmp_path, environ={})


def test_a_reference_too_long_for_a_file_is_no_job(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no job of this slug, id or file"):
        JobSource(load_settings(tmp_path, environ={})).resolve("x" * 5000)


def test_a_job_imported_again_runs_the_files_commands(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "home", environ={})
    init_home(settings)
    source = JobSource(settings)
    file = written(tmp_path, changed("commands.command", ["show a, b", "show c"]))
    assert [done.error for done in source.import_files([file])] == [None]
    assert source.resolve("arista-arp-300").commands == ("show a, b", "show c")
    written(tmp_path, changed("commands.command", "show d"))
    assert [done.error for done in source.import_files([file], replace=True)] == [None]
    assert source.resolve("arista-arp-300").commands == ("show d",)


def test_two_files_of_one_id_become_two_jobs(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "home", environ={})
    init_home(settings)
    source = JobSource(settings)
    files = [tmp_path / "337-ios.json", tmp_path / "337-nxos.json"]
    for file, system, command in zip(
        files, ("Cisco IOS", "Cisco NX-OS"), ("show version", "show interface brief"), strict=True
    ):
        data = changed("commands.command", command)
        data["legacy_v1"] = {"original_vendor_selected": system}
        file.write_text(json.dumps(data | {"job_id": 337}))
    slugs = ["arista-arp-337", "arista-arp-337-2"]
    assert [done.slug for done in source.import_files(files)] == slugs
    assert [done.slug for done in source.import_files(files, replace=True)] == slugs
    assert [source.resolve(slug).commands for slug in slugs] == [("show version",), ("show interface brief",)]
    again = source.import_files(files)
    assert all("exists already" in str(done.error) for done in again)
    assert len(again) == 2
    with JobStore(settings.collector_db) as store:
        store.save({"id": store.rows()[0]["id"], "device_filter_platform_id": None})
    files[0].rename(tmp_path / "moved.json")
    (moved,) = source.import_files([tmp_path / "moved.json"])
    assert "arista-arp-337 exists already" in str(moved.error)


def test_a_list_of_commands_is_taken_as_it_is(tmp_path: Path) -> None:
    job = parse_job_file(written(tmp_path, changed("commands.command", ["show a, b", "show c"])))
    assert job.commands == ("show a, b", "show c")


def test_the_system_a_file_was_made_for_narrows_it(tmp_path: Path) -> None:
    data = changed("vendor", "cisco") | {"legacy_v1": {"original_vendor_selected": "Cisco NX-OS"}}
    assert parse_job_file(written(tmp_path, data)).filter.device_types == ("cisco_nxos",)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("{", "line 1, column 2"),
        ("[]", "must hold one JSON object"),
        ('{"a": 1, "a": 2}', "a: appears twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": ' + "[" * 5000 + "]" * 5000 + "}", "nested too deeply"),
        ('{"a": ' + "[" * 80 + "]" * 80 + "}", "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "a number too long"),
        (changed("version", "1.0"), "version: '1.0' is not supported"),
        (changed("commands", "show clock"), "commands: must be an object"),
        (changed("commands.command", None), "commands.command: is required"),
        (changed("commands.command", ["show a", 7]), "commands.command: must be text, or a list"),
        (changed("commands.command", 7), "commands.command: must be text, or a list"),
        (changed("execution.timeout", 0), "execution.timeout: must be a whole number from 1"),
        (changed("execution.timeout", "60"), "execution.timeout: must be a number"),
        (changed("execution.max_workers", True), "execution.max_workers: must be a number"),
        (changed("validation.use_tfsm", "yes"), "validation.use_tfsm: must be true or false"),
        (changed("commands.output_directory", "../../etc"), "commands.output_directory: must stay inside"),
        (changed("storage.filename_pattern", "{x.__class__}"), "storage.filename_pattern: knows only"),
        (changed("storage.filename_pattern", "all.txt"), "storage.filename_pattern: needs {device_name}"),
        (changed("device_filter.name_pattern", "(core"), "device_filter.name_pattern: name pattern"),
        (changed("device_filter.name_pattern", "\ud800"), "is half a character"),
        (changed("storage.filename_pattern", "{device_name}*"), "storage.filename_pattern: holds '*'"),
        (changed("storage.filename_pattern", "{device_name}{device_id}"), "needs a dash between"),
        (changed("commands.output_directory", "."), "commands.output_directory: must stay inside"),
        (changed("protocol", "telnet"), "protocol: only ssh is supported"),
        (changed("vendor", 5) | {"device_filter": {}}, "vendor: must be text"),
    ],
)
def test_a_bad_file_is_refused_with_file_key_and_reason(tmp_path: Path, data: object, complaint: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(JobError) as caught:
        parse_job_file(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert complaint in caught.value.message
    assert "\n" not in str(caught.value)


def test_files_that_are_not_text_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no such file"):
        parse_job_file(tmp_path / "none.json")
    binary = tmp_path / "b.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(JobError, match="not UTF-8 text"):
        parse_job_file(binary)
    binary.write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(JobError, match="larger than 1 MiB"):
        parse_job_file(binary)


def row(**changes: object) -> dict[str, Any]:
    filled = {"id": 42, "name": "ARP", "slug": "arp", "capture_type": "arp", "command": "show ip arp,,"}
    return new_row() | filled | changes


def test_a_row_becomes_the_same_kind_of_job() -> None:
    job = job_from_row(row(validation_min_score=60, schedule_enabled=1, schedule_cron="0 3 * * *"))
    assert (job.source, job.ref, job.database_id) == ("database:42", "arp", 42)
    assert (job.commands, job.output_directory, job.min_score) == (("show ip arp",), "arp", 60)
    assert job.schedule == "0 3 * * *"


def test_job_commands_take_the_place_of_the_command() -> None:
    job = job_from_row(
        row(command=""),
        [
            {"sequence": 2, "command": "show b, c", "output_directory": "b", "use_textfsm": 1},
            {"sequence": 1, "command": "show a", "output_directory": None, "use_textfsm": 0},
        ],
    )
    assert job.commands == ("show a", "show b, c")
    assert (job.steps[1].output_directory, job.steps[1].use_textfsm) == ("b", True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("slug", "12"),
        ("slug", "a b"),
        ("capture_type", "../x"),
        ("command", ""),
        ("max_workers", 0),
        ("max_workers", "many"),
        ("timeout_seconds", 1.5),
        ("validation_min_score", 101),
        ("output_directory", "/etc"),
        ("filename_pattern", "{device_name!r:>2000000000}"),
        ("filename_pattern", "a/{device_name}"),
        ("device_filter_name_pattern", "["),
        ("use_textfsm", 2),
    ],
)
def test_a_bad_field_is_named(field: str, value: object) -> None:
    assert list(check_row(row(**{field: value}))) == [field]
    with pytest.raises(JobError) as caught:
        job_from_row(row(**{field: value}))
    assert (caught.value.source, caught.value.key) == ("database:42", field)


def test_values_outside_the_lists_are_accepted() -> None:
    assert check_row(row(vendor="mikrotik", capture_type="configs", device_filter_status="any")) == {}


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("show ip arp,,", ("show ip arp",)),
        ("enable,terminal length 0,show inventory", ("enable", "terminal length 0", "show inventory")),
        (
            "config system console\nset output standard\nend",
            ("config system console", "set output standard", "end"),
        ),
    ],
)
def test_commands_split_on_commas_and_lines(text: str, commands: tuple[str, ...]) -> None:
    assert split_commands(text) == commands


@pytest.mark.parametrize(
    ("wanted", "indexed", "chosen"),
    [
        (None, None, None),
        ("show_ip_arp", None, "show_ip_arp"),
        (None, "arista_eos_show_ip_arp", "arista_eos_show_ip_arp"),
        ("show-ip-arp", "arista_eos_show_ip_arp", "arista_eos_show_ip_arp"),
        ("show_mac", "arista_eos_show_ip_arp", "show_mac"),
    ],
)
def test_the_jobs_filter_narrows_or_overrides_the_index(
    wanted: str | None, indexed: str | None, chosen: str | None
) -> None:
    assert choose_template(wanted, indexed) == chosen
