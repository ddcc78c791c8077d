"""From the raw outputs of a device to the texts that are kept, and whether they may be kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from vctui.jobs.job import Job, JobCommand
from vctui.jobs.plan import by_any_name, choose_template
from vctui.jobs.sizes import SizeVerdict
from vctui.ssh import CommandOutput
from vctui.validation import ValidationResult, clean_reply

Part = tuple[JobCommand, str, str]
"""(command, cleaned output, prompt)"""
Validate = Callable[[str, str | None], ValidationResult]


class Engine(Protocol):
    """What a run asks of a validation engine; `ValidationEngine` and its subclasses are that."""

    def validate(self, output: str, filter_str: str | None = None) -> ValidationResult: ...

    def template_for(self, platform: str, command: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one capture file: the outputs of the commands that share an output directory."""

    folder: str
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The outputs one after another; from the second on, each below its prompt and command."""
        return "".join(
            _whole_lines(output if n == 0 else f"{prompt}{step.command}\n{output}")
            for n, (step, output, prompt) in enumerate(self.parts)
        )


def _whole_lines(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a device's output may be kept as its latest good capture, and what was read out of it."""

    pieces: tuple[Piece, ...]
    accepted: bool = True
    reason: str | None = None
    template: str | None = None
    score: float | None = None
    records: list[dict[str, Any]] | None = field(default=None)
    sizes: SizeVerdict = field(default_factory=SizeVerdict)
    """How its outputs compare with the last good ones."""
    notes: tuple[str, ...] = ()
    """What is to be said of outputs although they are complete."""

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


def clean_outputs(job: Job, outputs: Sequence[CommandOutput]) -> list[Part]:
    """Each step of the job with its output, without echo and prompt, and the prompt."""
    return [
        (step, clean_reply(output.text, output.command, output.prompt), output.prompt)
        for step, output in zip(job.steps, outputs, strict=True)
    ]


def assemble(job: Job, outputs: Sequence[CommandOutput]) -> tuple[Piece, ...]:
    """Clean every output and group them by output directory."""
    return group(job, clean_outputs(job, outputs))


def group(job: Job, parts: list[Part]) -> tuple[Piece, ...]:
    """Cleaned outputs by output directory, in the order of the commands.

    Commands that answer nothing (paging, enable) leave no trace, unless nothing else answered either.
    """
    spoken = [part for part in parts if part[1].strip()] or parts[-1:]
    folders = dict.fromkeys(step.output_directory or job.output_directory for step, _, _ in spoken)
    return tuple(
        Piece(folder, tuple(p for p in spoken if (p[0].output_directory or job.output_directory) == folder))
        for folder in folders
    )


def judge(job: Job, device_type: str, pieces: tuple[Piece, ...], engine: Engine) -> Judgement:
    """Validate each output for which the job asks it, with the template chosen for its command."""
    verdict, template_for = Judgement(pieces), by_any_name(engine.template_for)
    parts = [part for piece in pieces for part in piece.parts]
    spoken = {step for step, _, _ in parts}
    for step in job.steps:
        # Paging commands have no template; a command that has one and says nothing has failed.
        indexed = template_for(device_type, step.command) if step not in spoken else None
        if indexed and _validates(job, step):
            verdict = _merge(verdict, ValidationResult(indexed, reason="empty output"), step, several=True)
    for step, text, _ in parts:
        if not _validates(job, step):
            continue
        wanted = wanted_template(job, device_type, step, engine)
        verdict = _merge(verdict, engine.validate(text, wanted), step, several=len(parts) > 1)
    if verdict.accepted and verdict.score is not None and job.min_score > 1 and verdict.score < job.min_score:
        reason = f"score {verdict.score:.1f} is under the job's minimum of {job.min_score:g}"
        return replace(verdict, accepted=False, reason=reason)
    return verdict


def wanted_template(job: Job, device_type: str, step: JobCommand, engine: Engine) -> str | None:
    """The filter for a command's output: the index's template, the job's own, else the command's words."""
    indexed = by_any_name(engine.template_for)(device_type, step.command)
    wanted = choose_template(step.template or job.template, indexed)
    return wanted or "_".join(step.command.split("|")[0].lower().replace("-", "_").split()) or None


def _validates(job: Job, step: JobCommand) -> bool:
    return job.use_textfsm if step.use_textfsm is None else step.use_textfsm


def _merge(so_far: Judgement, found: ValidationResult, step: JobCommand, *, several: bool) -> Judgement:
    """Several commands are good when all are; the score is the lowest."""
    reason = None if found.is_valid else found.reason or "not valid"
    if reason and several:
        reason = f"{step.command}: {reason}"
    templates = [name for name in (so_far.template, found.template) if name]
    return replace(
        so_far,
        accepted=so_far.accepted and found.is_valid,
        reason=so_far.reason or reason,
        template=", ".join(dict.fromkeys(templates)) or None,
        score=found.score if so_far.score is None else min(so_far.score, found.score),
        records=(so_far.records or []) + list(found.records),
    )


def job_validates(job: Job) -> bool:
    """Whether any command of the job is parsed with TextFSM."""
    return job.use_textfsm or any(step.use_textfsm for step in job.steps)
