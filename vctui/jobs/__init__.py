"""The door of the jobs room: what a job is, whom it means, and how it runs. It composes the other rooms."""

from vctui.jobs.batch import BatchResult, BatchRunner, run_apart
from vctui.jobs.batches import Batch, create_batch, find_batch, list_batches, load_batch
from vctui.jobs.compare import Comparison, compare
from vctui.jobs.coverage import Coverage, DeviceCoverage, age, read_coverage
from vctui.jobs.credential_status import CredentialStatus, credential_statuses, reset_credential
from vctui.jobs.discovery import Discovery, DiscoverySettings
from vctui.jobs.discovery_events import Answer, DeviceSettled, DiscoveryFinished, LoginPhase, LoginTested
from vctui.jobs.discovery_plan import (
    Candidate,
    DiscoveryOptions,
    DiscoveryPlan,
    plan_discovery,
    plan_item,
    require_candidates,
)
from vctui.jobs.discovery_save import save_found
from vctui.jobs.export import job_to_json
from vctui.jobs.fields import check_row, new_row, slugify
from vctui.jobs.files import parse_job_file
from vctui.jobs.hosts import KeyHost, device_host, jump_rounds, new_hosts, read_keys, trusted_hosts
from vctui.jobs.job import Job, JobCommand, filter_from_row, job_from_row
from vctui.jobs.judge import assemble
from vctui.jobs.plan import Plan, PlanItem, Planner, by_any_name, make_plan
from vctui.jobs.probing import DeviceProbed, Probed, ProbeFinished, Prober, save_platforms
from vctui.jobs.recordings import Recordings
from vctui.jobs.result import JobResult, worst_of
from vctui.jobs.revalidate import Revalidated, revalidate
from vctui.jobs.routes import NoRoute, PlannedHop, Routes
from vctui.jobs.runner import JobRunner
from vctui.jobs.search import Found, search
from vctui.jobs.selection import LeftOut, Selection, compile_pattern, select
from vctui.jobs.smart_export import document, documents, export_text, joined_table, table
from vctui.jobs.source import ImportedJob, JobEntry, JobSource
from vctui.jobs.specimen import (
    Specimen,
    specimen_of_file,
    specimens_of_capture,
    specimens_of_refused,
)
from vctui.jobs.stored import CaptureShelf, Parsing, StoredCapture, safe_text
from vctui.jobs.together import shared_devices

__all__ = [
    "Answer",
    "Batch",
    "BatchResult",
    "BatchRunner",
    "Candidate",
    "CaptureShelf",
    "Comparison",
    "Coverage",
    "CredentialStatus",
    "DeviceCoverage",
    "DeviceProbed",
    "DeviceSettled",
    "Discovery",
    "DiscoveryFinished",
    "DiscoveryOptions",
    "DiscoveryPlan",
    "DiscoverySettings",
    "Found",
    "ImportedJob",
    "Job",
    "JobCommand",
    "JobEntry",
    "JobResult",
    "JobRunner",
    "JobSource",
    "KeyHost",
    "LeftOut",
    "LoginPhase",
    "LoginTested",
    "NoRoute",
    "Parsing",
    "Plan",
    "PlanItem",
    "PlannedHop",
    "Planner",
    "ProbeFinished",
    "Probed",
    "Prober",
    "Recordings",
    "Revalidated",
    "Routes",
    "Selection",
    "Specimen",
    "StoredCapture",
    "age",
    "assemble",
    "by_any_name",
    "check_row",
    "compare",
    "compile_pattern",
    "create_batch",
    "credential_statuses",
    "device_host",
    "document",
    "documents",
    "export_text",
    "filter_from_row",
    "find_batch",
    "job_from_row",
    "job_to_json",
    "joined_table",
    "jump_rounds",
    "list_batches",
    "load_batch",
    "make_plan",
    "new_hosts",
    "new_row",
    "parse_job_file",
    "plan_discovery",
    "plan_item",
    "read_coverage",
    "read_keys",
    "require_candidates",
    "reset_credential",
    "revalidate",
    "run_apart",
    "safe_text",
    "save_found",
    "save_platforms",
    "search",
    "select",
    "shared_devices",
    "slugify",
    "specimen_of_file",
    "specimens_of_capture",
    "specimens_of_refused",
    "table",
    "trusted_hosts",
    "worst_of",
]
