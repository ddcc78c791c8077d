"""Validation: an output is cleaned, matched with a TextFSM template, scored and turned into records."""

from vctui.validation.bench import Problem, Report, Tried, problems_of
from vctui.validation.bench_process import Bench, Stopped
from vctui.validation.clean import clean, clean_reply, clean_unknown
from vctui.validation.custom import open_engine
from vctui.validation.engine import ValidationEngine
from vctui.validation.scoring import ValidationResult
from vctui.validation.templates import Template, folder_rows, ntc_rows, read_templates
from vctui.validation.worker import ValidationWorker

__all__ = [
    "Bench",
    "Problem",
    "Report",
    "Stopped",
    "Template",
    "Tried",
    "ValidationEngine",
    "ValidationResult",
    "ValidationWorker",
    "clean",
    "clean_reply",
    "clean_unknown",
    "folder_rows",
    "ntc_rows",
    "open_engine",
    "problems_of",
    "read_templates",
]
