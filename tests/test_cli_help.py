"""The parser: every command has help, one line for a mistake, and nothing heavy is imported for it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vctui import __version__
from vctui.cli.main import build_parser, main

HEAVY = ("paramiko", "textual", "peewee", "keyring", "rich", "yaml", "cryptography", "textfsm", "re2")
LOADED = (
    "import json, sys\n"
    "from vctui.__main__ import main\n"
    "sys.argv = ['vctui', *json.loads(sys.stdin.readline())]\n"
    "try:\n"
    "    code = main()\n"
    "except SystemExit as done:\n"
    "    code = done.code\n"
    "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)\n"
)


def loaded_by(*arguments: str) -> tuple[int, set[str]]:
    """The exit code, and the modules that a command line has imported in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        input=json.dumps(arguments) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, set(modules)


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every parser with its command line, the program's own first."""
    waiting: list[argparse.ArgumentParser] = [build_parser()]
    while waiting:
        parser = waiting.pop()
        yield parser.prog, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()


ALL = dict(parsers())


@pytest.mark.parametrize("prog", ALL)
def test_every_command_and_option_has_help(prog: str) -> None:
    parser = ALL[prog]
    assert parser.description
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            assert {choice.dest for choice in action._choices_actions if choice.help} == set(action.choices)
        else:
            assert action.help, f"{prog}: {action.option_strings or action.dest}"
    assert prog in parser.format_help()


@pytest.mark.parametrize("prog", [prog for prog, parser in ALL.items() if parser.get_default("handler")])
def test_examples_are_valid_command_lines(prog: str) -> None:
    import shlex

    for line in (ALL[prog].epilog or "").splitlines()[1:]:
        if line.strip().startswith("vctui ") and prog != "vctui":
            words = shlex.split(line.split(">")[0])
            assert build_parser().parse_args(words[1:]).handler


def test_every_list_and_show_command_has_json() -> None:
    found = [prog for prog in ALL if prog.rsplit(" ", 1)[-1] in ("list", "show", "status", "history")]
    assert len(found) >= 12
    for prog in found:
        assert "--json" in ALL[prog].format_help(), prog


def test_home_is_taken_before_and_after_the_command() -> None:
    parser = build_parser()
    assert parser.parse_args(["--home", "/a", "jobs", "list"]).home == "/a"
    assert parser.parse_args(["jobs", "list", "--home", "/a"]).home == "/a"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["vault", "--help"]])
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    code, modules = loaded_by(*arguments)
    assert code == 0
    assert not {name for name in modules if name.split(".")[0] in HEAVY}


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vctui {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run"],
        ["run", "--job", "a", "--jobs", "b"],
        ["run", "--job", "a", "--limit", "0"],
        ["run", "--job", "a", "--timeout", "nan"],
        ["run", "--job", "a", "--workers", "100000"],
        ["run", "--job", "a", "--devices", ","],
        ["run", "--job", "a", "--host-keys", "never"],
        ["run", "--job", "a", "--unlock-fd", "-1"],
        ["runs", "show", "x"],
        ["hosts", "trust"],
        ["jobs", "lis"],
        ["vault", "add", "lab", "-u", "u", "--password", "no-secrets-here"],
    ],
)
def test_a_mistake_is_one_line_and_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("vctui: ")
    assert captured.err.count("\n") == 1


def test_screens_without_a_terminal_are_one_line_and_exit_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vctui", "--home", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vctui: the full-screen program needs a terminal.")
    assert done.stderr.count("\n") == 1
