"""From a device's outputs to the texts that are kept, and whether validation lets them be."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from vctui.jobs.job import Job, JobCommand
from vctui.jobs.judge import assemble, judge
from vctui.jobs.plan import by_any_name
from vctui.ssh import CommandOutput
from vctui.validation import ValidationResult

JOB = Job(
    source="database:1",
    ref="arp",
    name="ARP",
    slug="arp",
    capture_type="arp",
    steps=(JobCommand("show ip arp"),),
    output_directory="arp",
    use_textfsm=True,
)


def said(command: str, body: str, prompt: str = "r1#") -> CommandOutput:
    return CommandOutput(command, f"{command}\n{body}{prompt}", prompt)


class Engine:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, index: dict[str, str] | None = None, **answers: ValidationResult) -> None:
        self.index = index or {}
        self.answers = answers
        self.asked: list[tuple[str, str | None]] = []

    def validate(self, output: str, filter_str: str | None = None) -> ValidationResult:
        self.asked.append((output, filter_str))
        return self.answers[filter_str or "none"]

    def template_for(self, platform: str, command: str) -> str | None:
        return self.index.get(command)


def good(template: str, score: float = 80.0, *records: dict[str, Any]) -> ValidationResult:
    rows = list(records) or [{"address": "192.0.2.1"}]
    return ValidationResult(template, score, len(rows), rows, True)


def test_one_answer_is_kept_as_it_came() -> None:
    [piece] = assemble(JOB, [said("show ip arp", "  a\n\n b\n")])
    assert (piece.folder, piece.text) == ("arp", "  a\n\n b\n")


def test_commands_that_answer_nothing_leave_no_trace() -> None:
    job = dataclasses.replace(
        JOB, steps=tuple(JobCommand(c) for c in ("enable", "terminal length 0", "show inventory"))
    )
    outputs = [said("enable", ""), said("terminal length 0", ""), said("show inventory", "NAME\n")]
    assert [piece.text for piece in assemble(job, outputs)] == ["NAME\n"]


def test_an_empty_answer_alone_is_an_empty_capture() -> None:
    assert [piece.text for piece in assemble(JOB, [said("show ip arp", "")])] == [""]


def test_several_answers_stand_below_their_prompt_and_command() -> None:
    job = dataclasses.replace(JOB, steps=(JobCommand("show a"), JobCommand("show b")))
    [piece] = assemble(job, [said("show a", "1\n"), said("show b", "2\n")])
    assert piece.text == "1\nr1#show b\n2\n"


def test_an_answer_that_looks_like_echo_and_prompt_is_kept() -> None:
    [piece] = assemble(JOB, [said("show ip arp", "show ip arp\nx\n\nr1#\n")])
    assert piece.text == "show ip arp\nx\n\nr1#\n"


def test_an_output_that_is_missing_is_never_passed_over() -> None:
    job = dataclasses.replace(JOB, steps=(JobCommand("show a"), JobCommand("show b")))
    with pytest.raises(ValueError, match="zip"):
        assemble(job, [said("show a", "1\n")])


def test_a_command_that_should_answer_and_does_not_has_failed() -> None:
    job = dataclasses.replace(JOB, steps=(JobCommand("enable"), JobCommand("show a"), JobCommand("show b")))
    outputs = [said("enable", ""), said("show a", ""), said("show b", "2\n")]
    engine = Engine({"show a": "ta", "show b": "tb"}, tb=good("tb"))
    found = judge(job, "", assemble(job, outputs), engine)
    assert (found.accepted, found.reason, found.template) == (False, "show a: empty output", "ta, tb")


def test_a_directory_of_its_own_means_a_file_of_its_own() -> None:
    job = dataclasses.replace(JOB, steps=(JobCommand("show a"), JobCommand("show b", "bees")))
    pieces = assemble(job, [said("show a", "1\n"), said("show b", "2\n")])
    assert [(piece.folder, piece.text) for piece in pieces] == [("arp", "1\n"), ("bees", "2\n")]


def test_the_index_picks_the_template_for_the_cleaned_output() -> None:
    name = "cisco_ios_show_ip_arp"
    engine = Engine({"show ip arp": name}, **{name: good(name)})
    found = judge(JOB, "cisco_ios", assemble(JOB, [said("show ip arp", "x\n")]), engine)
    assert engine.asked == [("x\n", name)]
    assert (found.accepted, found.template, found.score, len(found.records or ())) == (True, name, 80.0, 1)


def test_a_platform_has_its_templates_under_each_of_its_names() -> None:
    def knows(platform: str, command: str) -> str | None:
        return f"{platform}_{command}" if platform in ("broadcom_icos", "ruckus_fastiron") else None

    find = by_any_name(knows)
    assert find("icos", "show_version") == "broadcom_icos_show_version"
    assert find("ruckus_fastiron", "show_version") == "ruckus_fastiron_show_version"
    assert find("no_such_os", "show_version") is None


@pytest.mark.parametrize(("minimum", "accepted"), [(0, True), (1, True), (80, True), (80.5, False)])
def test_the_jobs_minimum_counts_from_two_on(minimum: float, accepted: bool) -> None:
    engine = Engine(show_ip_arp=good("t"))
    job = dataclasses.replace(JOB, min_score=minimum)
    found = judge(job, "cisco_ios", assemble(job, [said("show ip arp", "x\n")]), engine)
    assert found.accepted is accepted
    assert accepted or found.reason == "score 80.0 is under the job's minimum of 80.5"


def test_several_commands_are_good_when_all_are() -> None:
    job = dataclasses.replace(JOB, steps=(JobCommand("show a"), JobCommand("show b")))
    outputs = [said("show a", "1\n"), said("show b", "2\n")]
    engine = Engine(show_a=good("ta", 90), show_b=ValidationResult("tb", 0.0, reason="no record"))
    found = judge(job, "", assemble(job, outputs), engine)
    assert (found.accepted, found.score, found.reason) == (False, 0.0, "show b: no record")
    assert found.template == "ta, tb"


def test_a_job_that_does_not_validate_asks_nobody() -> None:
    engine = Engine()
    job = dataclasses.replace(JOB, use_textfsm=False)
    assert judge(job, "", assemble(job, [said("show ip arp", "x\n")]), engine).accepted
    assert engine.asked == []
