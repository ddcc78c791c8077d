"""The tables of dcim.db, version 2, and of tfsm_templates.db."""

from __future__ import annotations

DCIM_VERSION = 2

_NETBOX = """
    netbox_id INTEGER UNIQUE,
    created_at TEXT NOT NULL DEFAULT (datetime('now')),
    updated_at TEXT NOT NULL DEFAULT (datetime('now'))"""

TABLES = f"""
CREATE TABLE IF NOT EXISTS schema_version (
    version INTEGER PRIMARY KEY,
    applied_at TEXT NOT NULL DEFAULT (datetime('now'))
);
CREATE TABLE IF NOT EXISTS dcim_site (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL DEFAULT 'active',
    description TEXT,
    physical_address TEXT,
    facility TEXT,
    time_zone TEXT,{_NETBOX}
);
CREATE TABLE IF NOT EXISTS dcim_manufacturer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL UNIQUE,
    description TEXT,{_NETBOX}
);
CREATE TABLE IF NOT EXISTS dcim_platform (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL UNIQUE,
    manufacturer_id INTEGER REFERENCES dcim_manufacturer (id) ON DELETE SET NULL,
    description TEXT,
    netmiko_device_type TEXT,
    paging_disable_command TEXT,{_NETBOX}
);
CREATE TABLE IF NOT EXISTS dcim_device_role (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    slug TEXT NOT NULL UNIQUE,
    color TEXT DEFAULT '9e9e9e',
    description TEXT,{_NETBOX}
);
CREATE TABLE IF NOT EXISTS dcim_device (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    site_id INTEGER NOT NULL REFERENCES dcim_site (id) ON DELETE CASCADE,
    platform_id INTEGER REFERENCES dcim_platform (id) ON DELETE SET NULL,
    role_id INTEGER REFERENCES dcim_device_role (id) ON DELETE SET NULL,
    status TEXT NOT NULL DEFAULT 'active',
    serial_number TEXT,
    asset_tag TEXT UNIQUE,
    primary_ip4 TEXT,
    primary_ip6 TEXT,
    oob_ip TEXT,
    credential_id INTEGER,
    ssh_port INTEGER DEFAULT 22,
    credential_tested_at TEXT,
    credential_test_result TEXT DEFAULT 'untested',
    description TEXT,
    comments TEXT,{_NETBOX},
    last_collected_at TEXT,
    UNIQUE (name, site_id)
);
"""

UPGRADE_DEVICE_COLUMNS: dict[str, str] = {
    "credential_tested_at": "TEXT",
    "credential_test_result": "TEXT DEFAULT 'untested'",
}
"""What version 2 added to dcim_device: column → definition."""

INDEXES = """
CREATE INDEX IF NOT EXISTS idx_dcim_device_name ON dcim_device (name);
CREATE INDEX IF NOT EXISTS idx_dcim_device_site ON dcim_device (site_id);
CREATE INDEX IF NOT EXISTS idx_dcim_device_platform ON dcim_device (platform_id);
CREATE INDEX IF NOT EXISTS idx_dcim_device_role ON dcim_device (role_id);
CREATE INDEX IF NOT EXISTS idx_dcim_device_status ON dcim_device (status);
CREATE INDEX IF NOT EXISTS idx_dcim_device_primary_ip4 ON dcim_device (primary_ip4);
CREATE INDEX IF NOT EXISTS idx_dcim_device_netbox_id ON dcim_device (netbox_id);
CREATE INDEX IF NOT EXISTS idx_dcim_device_cred_result ON dcim_device (credential_test_result);
CREATE INDEX IF NOT EXISTS idx_dcim_device_cred_tested ON dcim_device (credential_tested_at);
"""

VIEWS = """
CREATE VIEW IF NOT EXISTS v_device_detail AS
SELECT
    device.id, device.name, device.status, device.serial_number, device.asset_tag,
    device.primary_ip4, device.primary_ip6, device.oob_ip, device.credential_id, device.ssh_port,
    device.credential_tested_at, device.credential_test_result, device.description, device.netbox_id,
    device.created_at, device.updated_at, device.last_collected_at,
    site.id AS site_id, site.name AS site_name, site.slug AS site_slug,
    platform.id AS platform_id, platform.name AS platform_name, platform.slug AS platform_slug,
    platform.netmiko_device_type, platform.paging_disable_command,
    maker.id AS manufacturer_id, maker.name AS manufacturer_name, maker.slug AS manufacturer_slug,
    role.id AS role_id, role.name AS role_name, role.slug AS role_slug
FROM dcim_device AS device
LEFT JOIN dcim_site AS site ON site.id = device.site_id
LEFT JOIN dcim_platform AS platform ON platform.id = device.platform_id
LEFT JOIN dcim_manufacturer AS maker ON maker.id = platform.manufacturer_id
LEFT JOIN dcim_device_role AS role ON role.id = device.role_id;
CREATE VIEW IF NOT EXISTS v_site_device_counts AS
SELECT
    site.id, site.name, site.slug, site.status,
    count(device.id) AS device_count,
    coalesce(sum(device.status = 'active'), 0) AS active_devices
FROM dcim_site AS site LEFT JOIN dcim_device AS device ON device.site_id = site.id
GROUP BY site.id;
CREATE VIEW IF NOT EXISTS v_platform_device_counts AS
SELECT
    platform.id, platform.name, platform.slug, maker.name AS manufacturer_name,
    count(device.id) AS device_count
FROM dcim_platform AS platform
LEFT JOIN dcim_manufacturer AS maker ON maker.id = platform.manufacturer_id
LEFT JOIN dcim_device AS device ON device.platform_id = platform.id
GROUP BY platform.id;
"""

DCIM = TABLES + INDEXES + VIEWS

TEMPLATES = """
CREATE TABLE IF NOT EXISTS templates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cli_command TEXT UNIQUE,
    cli_content TEXT,
    textfsm_content TEXT,
    textfsm_hash TEXT,
    source TEXT,
    created TEXT
);
"""
