"""Storage: the three databases, the capture files and their versions, the locks of runs.

What leaves this room are frozen records and plain dictionaries; its peewee models stay inside.
"""

from __future__ import annotations

from vctui.storage.audit import Audit, AuditReport
from vctui.storage.backup import back_up_database
from vctui.storage.capture_text import read_capture, read_regular
from vctui.storage.captures import CaptureBatch, Pending, save_capture
from vctui.storage.coverage_rows import LastCapture, LastVisit, last_captures, last_visits
from vctui.storage.database import ConstraintError, Store, check_database, open_database
from vctui.storage.files import check_folder, make_folders, new_private, write_private
from vctui.storage.history import History
from vctui.storage.home import init_home
from vctui.storage.inventory import Inventory
from vctui.storage.inventory_csv import neutral
from vctui.storage.jobs_store import JobStore
from vctui.storage.kept import drop_version, sha256_of, versions_of
from vctui.storage.locks import RunLock, job_lock, login_lock, run_is_alive
from vctui.storage.logins import LoginState, LoginStore, LoginTest
from vctui.storage.names import (
    distinct_names,
    folder_problem,
    pattern_problem,
    render_filename,
    safe_name,
)
from vctui.storage.revisions import revise_validation
from vctui.storage.rows import (
    PACKAGE_SOURCE,
    CaptureRecord,
    DeviceRecord,
    ImportReport,
    NamedRow,
    Outcome,
    OutputSize,
    RunDeviceRow,
    RunRow,
    SavedCapture,
    TemplateChanges,
    TemplateRow,
    content_hash,
)
from vctui.storage.templates import TemplateStore, template_name_problem
from vctui.storage.temporary import clean_temporary
from vctui.storage.times import local_iso, local_text, utc_text
from vctui.storage.verify import Finding, verify_captures

__all__ = [
    "PACKAGE_SOURCE",
    "Audit",
    "AuditReport",
    "CaptureBatch",
    "CaptureRecord",
    "ConstraintError",
    "DeviceRecord",
    "Finding",
    "History",
    "ImportReport",
    "Inventory",
    "JobStore",
    "LastCapture",
    "LastVisit",
    "LoginState",
    "LoginStore",
    "LoginTest",
    "NamedRow",
    "Outcome",
    "OutputSize",
    "Pending",
    "RunDeviceRow",
    "RunLock",
    "RunRow",
    "SavedCapture",
    "Store",
    "TemplateChanges",
    "TemplateRow",
    "TemplateStore",
    "back_up_database",
    "check_database",
    "check_folder",
    "clean_temporary",
    "content_hash",
    "distinct_names",
    "drop_version",
    "folder_problem",
    "init_home",
    "job_lock",
    "last_captures",
    "last_visits",
    "local_iso",
    "local_text",
    "login_lock",
    "make_folders",
    "neutral",
    "new_private",
    "open_database",
    "pattern_problem",
    "read_capture",
    "read_regular",
    "render_filename",
    "revise_validation",
    "run_is_alive",
    "safe_name",
    "save_capture",
    "sha256_of",
    "template_name_problem",
    "utc_text",
    "verify_captures",
    "versions_of",
    "write_private",
]
