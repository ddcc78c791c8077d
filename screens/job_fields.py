"""The fields of the job editor, section by section, each with the line that explains it."""

from __future__ import annotations

from screens.widgets.field import FieldSpec

SECTIONS: tuple[tuple[str, tuple[FieldSpec, ...]], ...] = (
    (
        "Job",
        (
            FieldSpec("name", "Name", "What people call this job.", empty=""),
            FieldSpec("slug", "Slug", "Its short name in commands: vctui run --job SLUG.", empty=""),
            FieldSpec("description", "Description", "What it is for."),
            FieldSpec(
                "capture_type", "Capture type", "What is collected: arp, version, configs, ...", empty=""
            ),
            FieldSpec("is_enabled", "Enabled", "A job that is switched off is refused by run.", "flag"),
        ),
    ),
    (
        "Devices",
        (
            FieldSpec("vendor", "Vendor", "A part of the manufacturer's name; empty means any."),
            FieldSpec("device_filter_platform_id", "Platform", "Empty means any.", "reference"),
            FieldSpec("device_filter_site_id", "Site", "Empty means any.", "reference"),
            FieldSpec("device_filter_role_id", "Role", "Empty means any.", "reference"),
            FieldSpec(
                "device_filter_name_pattern",
                "Name pattern",
                "A regular expression, found anywhere in the device's name, in any case.",
            ),
            FieldSpec("device_filter_status", "Status", "Empty means active; any means any."),
            FieldSpec("device_filter_source", "Source", "Where devices come from: database, the inventory."),
        ),
    ),
    (
        "Commands",
        (
            FieldSpec("command", "Command", "Several are separated by commas.", empty=""),
            FieldSpec(
                "paging_disable_command",
                "Paging off",
                "Sent first, so that output is not paged; empty means the platform's own.",
            ),
        ),
    ),
    (
        "Login",
        (
            FieldSpec(
                "credential_id",
                "Credential",
                "For devices that have none of their own; empty means the vault's default.",
                "reference",
            ),
            FieldSpec(
                "credential_fallback_env",
                "Fallback variable",
                "Kept for VelocityCollector; vctui takes passwords from the vault only.",
            ),
            FieldSpec("protocol", "Protocol", "vctui connects by ssh.", empty="ssh"),
        ),
    ),
    (
        "Parsing",
        (
            FieldSpec("use_textfsm", "Parse output", "Parse with TextFSM, and refuse what does not.", "flag"),
            FieldSpec("textfsm_template", "Template", "A TextFSM template, or a part of its name."),
            FieldSpec(
                "validation_min_score", "Lowest score", "0 to 100; below it an output is not saved.", "number"
            ),
            FieldSpec("store_failures", "Keep failures", "Keep output that was refused, apart.", "flag"),
        ),
    ),
    (
        "Files",
        (
            FieldSpec(
                "output_directory", "Folder", "Below the collections folder; empty means the capture type."
            ),
            FieldSpec(
                "filename_pattern",
                "File name",
                "May hold {device_name}, {device_id}, {timestamp} and {capture_type}.",
            ),
            FieldSpec("base_path", "Collections", "The folder above; empty means the home's own."),
        ),
    ),
    (
        "Running",
        (
            FieldSpec("max_workers", "Devices at once", "How many are collected at the same time.", "number"),
            FieldSpec("timeout_seconds", "Timeout", "The longest silence waited out, in seconds.", "number"),
            FieldSpec(
                "inter_command_delay", "Pause", "Between two commands, in seconds; 0 and 1: none.", "number"
            ),
        ),
    ),
    (
        "Schedule",
        (
            FieldSpec("schedule_enabled", "Scheduled", "Kept for schedulers that read this table.", "flag"),
            FieldSpec("schedule_cron", "Cron line", "For example: 0 6 * * 1-5"),
        ),
    ),
)
STATUSES = ("active", "planned", "staged", "failed", "offline", "decommissioning", "inventory", "any")
CAPTURE_TYPES = (
    "arp",
    "bgp-summary",
    "configs",
    "interface-status",
    "inventory",
    "lldp",
    "lldp-detail",
    "mac",
    "ospf-neighbor",
    "routes",
    "version",
)
