"""What the run screen asks of the engine: one callable that runs a plan."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vctui.events import Sink

if TYPE_CHECKING:
    from screens.context import Context
    from vctui.config import HostKeyPolicy
    from vctui.jobs import JobResult, Plan
    from vctui.questions import Desk


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the preview decided."""

    validate: bool = True
    save: bool = True
    force_save: bool = False
    allow_any_command: bool = False
    host_keys: HostKeyPolicy | None = None
    """None: as configured."""


Runner = Callable[["Plan", Sink, threading.Event], "JobResult"]
"""Runs a plan to its end, telling the sink; setting the event stops it."""


def job_runner(context: Context, options: RunOptions, desk: Desk) -> Runner:
    """The real thing: one JobRunner with these options, whose workers ask at the desk."""

    def run(plan: Plan, sink: Sink, cancel: threading.Event) -> JobResult:
        from vctui.jobs import JobRunner

        return JobRunner(
            context.resolver,
            validate=options.validate,
            no_save=not options.save,
            force_save=options.force_save,
            settings=context.settings,
            sink=sink,
            cancel=cancel,
            host_keys=options.host_keys,
            allow_any_command=options.allow_any_command,
            desk=desk,
        ).run_plan(plan)

    return run
