"""The models of collector.db."""

from __future__ import annotations

from peewee import AutoField, CompositeKey, FloatField, IntegerField, TextField

from vctui.storage.tables import Table


class Credential(Table):
    id = AutoField()
    name = TextField()
    username = TextField()
    password_encrypted = TextField(null=True)
    ssh_key_encrypted = TextField(null=True)
    ssh_key_passphrase_encrypted = TextField(null=True)
    is_default = IntegerField(null=True)
    created_at = TextField(null=True)
    updated_at = TextField(null=True)

    class Meta:
        table_name = "credentials"


class VaultMetadata(Table):
    id = AutoField()
    key = TextField()
    value = TextField(null=True)

    class Meta:
        table_name = "vault_metadata"


class Job(Table):
    id = AutoField()
    name = TextField()
    slug = TextField()
    description = TextField(null=True)
    capture_type = TextField()
    vendor = TextField(null=True)
    credential_id = IntegerField(null=True)
    credential_fallback_env = TextField(null=True)
    protocol = TextField()
    device_filter_source = TextField(null=True)
    device_filter_platform_id = IntegerField(null=True)
    device_filter_site_id = IntegerField(null=True)
    device_filter_role_id = IntegerField(null=True)
    device_filter_name_pattern = TextField(null=True)
    device_filter_status = TextField(null=True)
    paging_disable_command = TextField(null=True)
    command = TextField()
    output_directory = TextField(null=True)
    filename_pattern = TextField(null=True)
    use_textfsm = IntegerField(null=True)
    textfsm_template = TextField(null=True)
    validation_min_score = IntegerField(null=True)
    store_failures = IntegerField(null=True)
    max_workers = IntegerField(null=True)
    timeout_seconds = IntegerField(null=True)
    inter_command_delay = IntegerField(null=True)
    base_path = TextField(null=True)
    schedule_enabled = IntegerField(null=True)
    schedule_cron = TextField(null=True)
    is_enabled = IntegerField(null=True)
    last_run_at = TextField(null=True)
    last_run_status = TextField(null=True)
    legacy_job_id = IntegerField(null=True)
    legacy_job_file = TextField(null=True)
    migrated_at = TextField(null=True)
    created_at = TextField()
    updated_at = TextField()

    class Meta:
        table_name = "jobs"


class JobCommand(Table):
    id = AutoField()
    job_id = IntegerField()
    sequence = IntegerField()
    command = TextField()
    description = TextField(null=True)
    output_directory = TextField(null=True)
    use_textfsm = IntegerField(null=True)
    textfsm_template = TextField(null=True)

    class Meta:
        table_name = "job_commands"


class JobTag(Table):
    id = AutoField()
    name = TextField()
    color = TextField(null=True)

    class Meta:
        table_name = "job_tags"


class JobTagAssignment(Table):
    job_id = IntegerField()
    tag_id = IntegerField()

    class Meta:
        table_name = "job_tag_assignments"
        primary_key = CompositeKey("job_id", "tag_id")


class JobHistory(Table):
    id = AutoField()
    job_id = TextField()
    job_file = TextField(null=True)
    started_at = TextField()
    completed_at = TextField(null=True)
    total_devices = IntegerField(null=True)
    success_count = IntegerField(null=True)
    failed_count = IntegerField(null=True)
    status = TextField(null=True)
    error_message = TextField(null=True)

    class Meta:
        table_name = "job_history"


class Capture(Table):
    id = AutoField()
    device_id = IntegerField(null=True)
    device_name = TextField()
    capture_type = TextField()
    filepath = TextField()
    file_size = IntegerField(null=True)
    captured_at = TextField(null=True)
    job_history_id = IntegerField(null=True)

    class Meta:
        table_name = "captures"


class OwnRun(Table):
    """vctui's part of a run; `id` is the `job_history.id`."""

    id = IntegerField(primary_key=True)
    job_id = TextField()
    job_file = TextField()
    job_name = TextField()
    started_at = TextField()
    completed_at = TextField(null=True)
    status = TextField()
    total = IntegerField()
    ok = IntegerField()
    failed = IntegerField()
    skipped = IntegerField()
    cancelled = IntegerField()
    error = TextField(null=True)
    owner_host = TextField()
    owner_pid = IntegerField()

    class Meta:
        table_name = "vctui_runs"


class OwnRunDevice(Table):
    id = AutoField()
    run_id = IntegerField()
    device_id = IntegerField()
    device = TextField()
    host = TextField()
    status = TextField()
    verdict = TextField()
    error_kind = TextField(null=True)
    error = TextField(null=True)
    next_step = TextField(null=True)
    duration_ms = FloatField()
    credential = TextField(null=True)
    path = TextField(null=True)
    partial_path = TextField(null=True)
    size = IntegerField(null=True)
    sha256 = TextField(null=True)
    template = TextField(null=True)
    score = FloatField(null=True)
    records = IntegerField(null=True)
    finished_at = TextField()
    attempts = IntegerField(default=1)
    reasons = TextField(null=True)

    class Meta:
        table_name = "vctui_run_devices"


class OwnOutput(Table):
    """How large the last good output of a device's command was."""

    device_id = IntegerField()
    device = TextField()
    command = TextField()
    good = IntegerField()
    suspect = IntegerField(null=True)

    class Meta:
        table_name = "vctui_outputs"
        primary_key = CompositeKey("device_id", "device", "command")


class OwnRecords(Table):
    """The parsed records of one device of a run, as a JSON array."""

    run_device_id = IntegerField(primary_key=True)
    records = TextField()

    class Meta:
        table_name = "vctui_records"


class OwnCapture(Table):
    """The checksum of one row of `captures`."""

    capture_id = IntegerField(primary_key=True)
    sha256 = TextField()

    class Meta:
        table_name = "vctui_captures"
