"""The tables of collector.db: VelocityCollector's, so that it keeps working on the same file, and our own."""

from __future__ import annotations

VAULT = """
CREATE TABLE IF NOT EXISTS credentials (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    username TEXT NOT NULL,
    password_encrypted TEXT,
    ssh_key_encrypted TEXT,
    ssh_key_passphrase_encrypted TEXT,
    is_default INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE IF NOT EXISTS vault_metadata (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    value TEXT
);
CREATE INDEX IF NOT EXISTS idx_credentials_name ON credentials (name);
CREATE INDEX IF NOT EXISTS idx_credentials_default ON credentials (is_default);
"""

HISTORY = """
CREATE TABLE IF NOT EXISTS job_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL,
    job_file TEXT,
    started_at TEXT NOT NULL,
    completed_at TEXT,
    total_devices INTEGER,
    success_count INTEGER,
    failed_count INTEGER,
    status TEXT,
    error_message TEXT
);
CREATE TABLE IF NOT EXISTS captures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device_id INTEGER,
    device_name TEXT NOT NULL,
    capture_type TEXT NOT NULL,
    filepath TEXT NOT NULL,
    file_size INTEGER,
    captured_at TEXT DEFAULT CURRENT_TIMESTAMP,
    job_history_id INTEGER REFERENCES job_history (id)
);
CREATE INDEX IF NOT EXISTS idx_job_history_started ON job_history (started_at);
CREATE INDEX IF NOT EXISTS idx_captures_device ON captures (device_name);
CREATE INDEX IF NOT EXISTS idx_captures_type ON captures (capture_type);
"""

JOBS = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    description TEXT,
    capture_type TEXT NOT NULL,
    vendor TEXT,
    credential_id INTEGER REFERENCES credentials (id) ON DELETE SET NULL,
    credential_fallback_env TEXT,
    protocol TEXT NOT NULL DEFAULT 'ssh',
    device_filter_source TEXT DEFAULT 'database',
    device_filter_platform_id INTEGER,
    device_filter_site_id INTEGER,
    device_filter_role_id INTEGER,
    device_filter_name_pattern TEXT,
    device_filter_status TEXT DEFAULT 'active',
    paging_disable_command TEXT,
    command TEXT NOT NULL,
    output_directory TEXT,
    filename_pattern TEXT DEFAULT '{device_name}.txt',
    use_textfsm INTEGER DEFAULT 0,
    textfsm_template TEXT,
    validation_min_score INTEGER DEFAULT 0,
    store_failures INTEGER DEFAULT 1,
    max_workers INTEGER DEFAULT 10,
    timeout_seconds INTEGER DEFAULT 60,
    inter_command_delay INTEGER DEFAULT 1,
    base_path TEXT DEFAULT '~/.vcollector/collections',
    schedule_enabled INTEGER DEFAULT 0,
    schedule_cron TEXT,
    is_enabled INTEGER DEFAULT 1,
    last_run_at TEXT,
    last_run_status TEXT,
    legacy_job_id INTEGER,
    legacy_job_file TEXT,
    migrated_at TEXT,
    created_at TEXT NOT NULL DEFAULT (datetime('now')),
    updated_at TEXT NOT NULL DEFAULT (datetime('now'))
);
CREATE TABLE IF NOT EXISTS job_commands (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL DEFAULT 0,
    command TEXT NOT NULL,
    description TEXT,
    output_directory TEXT,
    use_textfsm INTEGER DEFAULT 0,
    textfsm_template TEXT,
    UNIQUE (job_id, sequence)
);
CREATE TABLE IF NOT EXISTS job_tags (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    color TEXT DEFAULT '9e9e9e'
);
CREATE TABLE IF NOT EXISTS job_tag_assignments (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    tag_id INTEGER NOT NULL REFERENCES job_tags (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, tag_id)
);
CREATE INDEX IF NOT EXISTS idx_jobs_capture_type ON jobs (capture_type);
CREATE INDEX IF NOT EXISTS idx_jobs_vendor ON jobs (vendor);
CREATE INDEX IF NOT EXISTS idx_jobs_enabled ON jobs (is_enabled);
CREATE INDEX IF NOT EXISTS idx_jobs_legacy_id ON jobs (legacy_job_id);
CREATE INDEX IF NOT EXISTS idx_job_commands_job ON job_commands (job_id);
CREATE VIEW IF NOT EXISTS v_job_summary AS
SELECT
    jobs.id, jobs.name, jobs.slug, jobs.capture_type, jobs.vendor, jobs.is_enabled,
    jobs.last_run_at, jobs.last_run_status, jobs.schedule_enabled, jobs.schedule_cron,
    credentials.name AS credential_name,
    (SELECT count(*) FROM job_history AS run
        WHERE run.job_id = jobs.slug OR run.job_id = CAST(jobs.legacy_job_id AS TEXT)) AS run_count,
    (SELECT max(run.started_at) FROM job_history AS run
        WHERE run.job_id = jobs.slug OR run.job_id = CAST(jobs.legacy_job_id AS TEXT)) AS last_history_run
FROM jobs LEFT JOIN credentials ON credentials.id = jobs.credential_id;
CREATE VIEW IF NOT EXISTS v_job_history_detail AS
SELECT run.*, jobs.name AS job_name, jobs.capture_type, jobs.vendor
FROM job_history AS run
LEFT JOIN jobs ON run.job_id = jobs.slug OR run.job_id = CAST(jobs.legacy_job_id AS TEXT);
"""

# No foreign key leads from these tables to VelocityCollector's, so it can delete its own rows freely.
OWN = """
CREATE TABLE IF NOT EXISTS vctui_runs (
    id INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    job_file TEXT NOT NULL,
    job_name TEXT NOT NULL,
    started_at TEXT NOT NULL,
    completed_at TEXT,
    status TEXT NOT NULL,
    total INTEGER NOT NULL DEFAULT 0,
    ok INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    owner_host TEXT NOT NULL,
    owner_pid INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS vctui_run_devices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER NOT NULL REFERENCES vctui_runs (id) ON DELETE CASCADE,
    device_id INTEGER NOT NULL,
    device TEXT NOT NULL,
    host TEXT NOT NULL,
    status TEXT NOT NULL,
    verdict TEXT NOT NULL,
    error_kind TEXT,
    error TEXT,
    next_step TEXT,
    duration_ms REAL NOT NULL DEFAULT 0,
    credential TEXT,
    path TEXT,
    partial_path TEXT,
    size INTEGER,
    sha256 TEXT,
    template TEXT,
    score REAL,
    records INTEGER,
    finished_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 1,
    reasons TEXT,
    UNIQUE (run_id, device_id, device)
);
CREATE TABLE IF NOT EXISTS vctui_records (
    run_device_id INTEGER PRIMARY KEY REFERENCES vctui_run_devices (id) ON DELETE CASCADE,
    records TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS vctui_captures (
    capture_id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS vctui_outputs (
    device_id INTEGER NOT NULL,
    device TEXT NOT NULL,
    command TEXT NOT NULL,
    good INTEGER NOT NULL,
    suspect INTEGER,
    PRIMARY KEY (device_id, device, command)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS idx_vctui_captures_sha256 ON vctui_captures (sha256);
CREATE INDEX IF NOT EXISTS idx_vctui_outputs_command ON vctui_outputs (command);
CREATE INDEX IF NOT EXISTS idx_vctui_runs_job ON vctui_runs (job_id);
"""

COLLECTOR = VAULT + HISTORY + JOBS + OWN
