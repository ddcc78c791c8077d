"""Measures validation on recorded outputs: right templates, time beside plain TextFSM, false accepts.

Run it as `python -m benchmarks.validation --corpus DIR`. The folder holds `index.jsonl` (id, platform,
command, templates), `<id>.raw` (what the device printed) and `<id>.json` (the records it must give).
"""

from __future__ import annotations

import argparse
import io
import json
import math
import platform
import sqlite3
import statistics
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import textfsm

from benchmarks.validation_hostile import hanging, large, thousands
from benchmarks.validation_texts import ERROR_TEXTS, perturbed, wrapped
from vctui.validation import ValidationEngine, ValidationResult, clean, ntc_rows

Records = list[dict[str, Any]]
Result = TypeVar("Result")
_SKIPPED = ("cisco_ios_show_capability_feature_routing", "cisco_ios_show_aliases")
"""Templates that plain TextFSM cannot be timed with: they do not return."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One recorded output."""

    name: str
    platform: str
    command: str
    templates: tuple[str, ...]
    raw: str
    records: Records


def read_corpus(folder: Path, every: int) -> Iterator[Sample]:
    """Every n-th output of the corpus."""
    rows = (folder / "index.jsonl").read_text(encoding="utf-8").splitlines()
    for line in rows[::every]:
        row = json.loads(line)
        with (folder / f"{row['id']}.raw").open(encoding="utf-8", errors="replace", newline="") as file:
            raw = file.read()
        records = json.loads((folder / f"{row['id']}.json").read_text(encoding="utf-8"))
        yield Sample(row["id"], row["platform"], row["command"], tuple(row["templates"]), raw, records)


def make_database(path: Path) -> dict[str, str]:
    """A template database of the installed ntc-templates; its templates by name."""
    rows = [(row["cli_command"], row["textfsm_content"], row["source"]) for row in ntc_rows()]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE templates (cli_command TEXT, textfsm_content TEXT, source TEXT)")
        connection.executemany("INSERT INTO templates VALUES (?, ?, ?)", rows)
        connection.commit()
    return {name: content for name, content, _ in rows}


class Plain:
    """TextFSM itself with its templates already compiled."""

    def __init__(self, contents: dict[str, str]) -> None:
        self._contents = contents
        self._compiled: dict[str, Any] = {}

    def prepare(self, name: str) -> Any:
        if name not in self._compiled:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._compiled[name] = textfsm.TextFSM(io.StringIO(self._contents[name]))
        return self._compiled[name]

    def seconds(self, names: Sequence[str], text: str) -> float:
        """The time of one parse with each of the templates."""
        machines = [self.prepare(name) for name in names]

        def parse() -> None:
            for machine in machines:
                machine.Reset()
                machine.ParseText(text)

        return quickest(parse)[0]


def quickest(function: Callable[[], Result], times: int = 2) -> tuple[float, Result]:
    """The shorter time of two calls (others may be using the machine), and what the function returned."""
    best = math.inf
    for _ in range(times):
        start = time.perf_counter()
        result = function()
        best = min(best, time.perf_counter() - start)
    return best, result


def row(name: str, value: str, target: str) -> None:
    print(f"{name:<46} {value:<58} {target}", flush=True)


def share(part: int, whole: int) -> str:
    return f"{part}/{whole} = {100 * part / whole:.2f} %" if whole else "none"


def times(seconds: Sequence[float]) -> str:
    found = sorted(1000 * value for value in seconds)
    p95 = found[min(len(found) - 1, int(0.95 * len(found)))]
    return f"median {statistics.median(found):.2f} p95 {p95:.1f} max {found[-1]:.0f} ms"


def own_command(sample: Sample, template: str | None) -> bool:
    """Whether the template is for the sample's command, on whatever platform."""
    command = sample.templates[0].removeprefix(f"{sample.platform}_")
    return template is not None and template.split(":")[0].endswith(command)


Choose = Callable[[Sample], str | None]


def measure_choice(engine: ValidationEngine, plain: Plain, samples: Sequence[Sample]) -> None:
    """Right templates and times for every kind of filter."""
    filters: list[tuple[str, Choose, str, bool]] = [
        ("platform_command", lambda s: f"{s.platform}_{s.command}", ">= 99.8 %, <= 1.5 x plain", True),
        (
            "platform + command (index)",
            lambda s: engine.template_for(s.platform, s.command.replace("_", " ")),
            ">= 99.5 %, <= 1.5 x plain",
            True,
        ),
        ("command only", lambda s: s.command, ">= 97.5 % (any platform 99.5 %), <= 6 ms", False),
        ("last word", lambda s: s.command.split("_")[-1], ">= 97 %, <= 12 ms", False),
        ("nothing", lambda _: None, ">= 95.5 %, <= 25 ms, p95 <= 120, max <= 1000", False),
    ]
    for name, choose, target, named in filters:
        chosen = [sample for sample in samples if sample.records or named]
        right = equal = command = 0
        ours, theirs = [], []
        wanted = [choose(sample) for sample in chosen]
        for sample, filter_str in zip(chosen, wanted, strict=True):
            engine.validate(sample.raw, filter_str)  # warm: compiles what this filter needs
        for sample, filter_str in zip(chosen, wanted, strict=True):
            seconds, result = quickest(partial(engine.validate, sample.raw, filter_str))
            ours.append(seconds)
            if named:
                theirs.append(plain.seconds(sample.templates, sample.raw))
            same = result.records == sample.records
            equal += same
            right += same or result.template == ":".join(sample.templates)
            command += same or own_command(sample, result.template)
        row(f"{name}: right template or equal", share(right, len(chosen)), target)
        row(f"{name}: records equal", share(equal, len(chosen)), ">= 99.9 %" if "index" in name else "")
        if not named:
            row(f"{name}: right command, any platform", share(command, len(chosen)), "")
        row(f"{name}: time", times(ours), "")
        if named:
            row(f"{name}: plain textfsm", times(theirs), "")
            ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
            total = sum(ours) / sum(theirs)
            row(f"{name}: ours / plain", f"median {ratio:.2f}, total {total:.2f}", "<= 1.5")


def measure_cleaning(engine: ValidationEngine, samples: Sequence[Sample]) -> None:
    """Outputs as a terminal shows them parse like clean ones; clean ones are not changed."""
    right = unchanged = clean_ones = 0
    for sample in samples:
        command = sample.command.replace("_", " ")
        name = ":".join(sample.templates)
        text = clean(wrapped(sample.raw, command), command, "lab-sw1#")
        right += engine.validate(text, name).records == engine.validate(sample.raw, name).records
        if sample.raw.lstrip().partition("\n")[0].rstrip().endswith(command):
            continue  # recorded with its echo: not a clean one
        clean_ones += 1
        unchanged += clean(sample.raw, command, "lab-sw1#") == sample.raw
    row("in echo, prompt, CRLF, pager: same records", share(right, len(samples)), ">= 99.5 %")
    row("clean output returned unchanged", share(unchanged, clean_ones), "all")


def measure_perturbed(engine: ValidationEngine, samples: Sequence[Sample], plain: Plain) -> None:
    """Copies with other digits, names and row counts, against what plain TextFSM makes of the copy."""
    chosen = [s for s in samples if s.records and len(s.templates) == 1 and s.templates[0] not in _SKIPPED]
    for kind in ("digits", "names", "fewer", "more"):
        right = blind = tried = 0
        for sample in chosen:
            text = perturbed(sample.raw, kind)
            machine = plain.prepare(sample.templates[0])
            machine.Reset()
            try:
                rows = machine.ParseText(text)
            except textfsm.TextFSMError:
                continue
            if not rows:
                continue
            tried += 1
            names = [name.lower() for name in machine.header]
            wanted = [
                {
                    key: [str(item) for item in value] if isinstance(value, list) else str(value)
                    for key, value in zip(names, found, strict=True)
                }
                for found in rows
            ]
            asked = engine.validate(text, sample.templates[0])
            right += asked.records == wanted
            free = engine.validate(text, None)
            blind += free.template == sample.templates[0] or free.records == wanted
        row(f"perturbed ({kind}): named, equal", share(right, tried), ">= 99.9 %")
        row(f"perturbed ({kind}): nothing given", share(blind, tried), ">= 95.5 %")


def measure_false_accepts(
    engine: ValidationEngine, samples: Sequence[Sample], contents: dict[str, str]
) -> None:
    """Errors, banners and prompts with every template; wrong templates of the same platform."""
    valid = 0
    for text in ERROR_TEXTS:
        answers: list[ValidationResult] = [engine.validate(text)]
        answers += [engine.validate(text, name) for name in contents]
        valid += any(answer.is_valid for answer in answers)
    row(f"error texts valid (x {len(contents)} templates)", share(valid, len(ERROR_TEXTS)), "0 of 40 or more")
    platforms = sorted({sample.platform for sample in samples}, key=len, reverse=True)
    by_platform = defaultdict(list)
    for name in contents:
        owner = next((found for found in platforms if name.startswith(f"{found}_")), "")
        by_platform[owner].append(name)
    pairs = accepted = 0
    for sample in samples:
        for name in by_platform[sample.platform]:
            if name in sample.templates:
                continue
            result = engine.validate(sample.raw, name)
            pairs += 1
            accepted += result.is_valid and result.records != sample.records
    row("wrong template of the platform accepted", share(accepted, pairs), "<= 0.25 %")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True, help="folder with index.jsonl")
    parser.add_argument("--every", type=int, default=1, help="use every n-th output (default: all)")
    parser.add_argument("--devices", type=int, default=1000, help="devices of the run with hanging templates")
    options = parser.parse_args()
    samples = list(read_corpus(options.corpus, options.every))
    print(
        f"Python {platform.python_version()}, textfsm {version('textfsm')}, "
        f"ntc-templates {version('ntc-templates')}; {len(samples)} outputs, every {options.every}"
    )
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "tfsm_templates.db"
        contents = make_database(database)
        plain = Plain(contents)
        with closing(ValidationEngine(database)) as engine:
            measure_choice(engine, plain, samples)
            measure_cleaning(engine, samples)
            measure_perturbed(engine, samples, plain)
            measure_false_accepts(engine, samples, contents)
        large(contents["cisco_ios_show_ip_route"], database, row)
        thousands(database, 10 * options.devices, row)
        hanging(database, options.devices, row)


if __name__ == "__main__":
    main()
