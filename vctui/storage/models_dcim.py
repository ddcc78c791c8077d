"""The models of dcim.db and tfsm_templates.db."""

from __future__ import annotations

from peewee import AutoField, IntegerField, TextField

from vctui.storage.tables import Table


class SchemaVersion(Table):
    version = IntegerField(primary_key=True)
    applied_at = TextField()

    class Meta:
        table_name = "schema_version"


class Site(Table):
    id = AutoField()
    name = TextField()
    slug = TextField()
    status = TextField()
    description = TextField(null=True)
    physical_address = TextField(null=True)
    facility = TextField(null=True)
    time_zone = TextField(null=True)
    netbox_id = IntegerField(null=True)
    created_at = TextField()
    updated_at = TextField()

    class Meta:
        table_name = "dcim_site"


class Manufacturer(Table):
    id = AutoField()
    name = TextField()
    slug = TextField()
    description = TextField(null=True)
    netbox_id = IntegerField(null=True)
    created_at = TextField()
    updated_at = TextField()

    class Meta:
        table_name = "dcim_manufacturer"


class Platform(Table):
    id = AutoField()
    name = TextField()
    slug = TextField()
    manufacturer_id = IntegerField(null=True)
    description = TextField(null=True)
    netmiko_device_type = TextField(null=True)
    paging_disable_command = TextField(null=True)
    netbox_id = IntegerField(null=True)
    created_at = TextField()
    updated_at = TextField()

    class Meta:
        table_name = "dcim_platform"


class DeviceRole(Table):
    id = AutoField()
    name = TextField()
    slug = TextField()
    color = TextField(null=True)
    description = TextField(null=True)
    netbox_id = IntegerField(null=True)
    created_at = TextField()
    updated_at = TextField()

    class Meta:
        table_name = "dcim_device_role"


class DcimDevice(Table):
    id = AutoField()
    name = TextField()
    site_id = IntegerField()
    platform_id = IntegerField(null=True)
    role_id = IntegerField(null=True)
    status = TextField()
    serial_number = TextField(null=True)
    asset_tag = TextField(null=True)
    primary_ip4 = TextField(null=True)
    primary_ip6 = TextField(null=True)
    oob_ip = TextField(null=True)
    credential_id = IntegerField(null=True)
    ssh_port = IntegerField(null=True)
    credential_tested_at = TextField(null=True)
    credential_test_result = TextField(null=True)
    description = TextField(null=True)
    comments = TextField(null=True)
    netbox_id = IntegerField(null=True)
    created_at = TextField()
    updated_at = TextField()
    last_collected_at = TextField(null=True)

    class Meta:
        table_name = "dcim_device"


class DeviceOptions(Table):
    """What vctui knows of a device beside VelocityCollector's row."""

    device_id = IntegerField(primary_key=True)
    jump = TextField(null=True)
    legacy = IntegerField(null=True)

    class Meta:
        table_name = "vctui_device_options"


class Template(Table):
    """A TextFSM template as most files have it; the oldest have no usable id, so rows go by `rowid`."""

    id = IntegerField(null=True)
    cli_command = TextField(null=True)
    cli_content = TextField(null=True)
    textfsm_content = TextField(null=True)
    textfsm_hash = TextField(null=True)
    source = TextField(null=True)
    created = TextField(null=True)

    class Meta:
        table_name = "templates"
        primary_key = False
