"""How the commands build their parsers: one look for all, errors in one line, types for arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

Handler = Callable[[argparse.Namespace], int]
_SECRETS = ("-p", "--pass", "--passwd", "--password", "--passphrase", "--secret", "--enable")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps descriptions as written, and the help of longer options on their line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


class Parser(argparse.ArgumentParser):
    """An argument parser that complains in one line and never guesses shortened options."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", _Formatter)
        super().__init__(allow_abbrev=False, **options)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, but what is too much is not repeated: it may be a secret."""
        known, rest = self.parse_known_args(args, namespace)
        if rest:
            self.error(_too_much(rest))
        return known

    def error(self, message: str) -> NoReturn:
        from vctui.text import safe_line

        self.exit(2, f"vctui: {safe_line(message)}. See: {self.prog} --help\n")


def _too_much(words: Sequence[str]) -> str:
    options = [
        word.partition("=")[0] if word.startswith("--") else word[:2] for word in words if word[:1] == "-"
    ]
    if any(option in _SECRETS for option in options):
        return "passwords are never taken from arguments; they are prompted for, or read from stdin"
    if options:
        return f"unrecognized arguments: {' '.join(options)}"
    return f"{len(words)} argument{'' if len(words) == 1 else 's'} too many"


def add_home(parser: argparse.ArgumentParser) -> None:
    """`--home`, before or after the command."""
    parser.add_argument(
        "--home",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="home folder (default: $VCOLLECTOR_HOME, else ~/.vcollector)",
    )


def add_command(
    commands: argparse._SubParsersAction[Parser],
    name: str,
    summary: str,
    handler: Handler,
    *,
    examples: str = "",
    json: bool = False,
) -> Parser:
    """One command with its help; `summary` starts with a capital and has no full stop."""
    parser = commands.add_parser(name, help=summary, description=f"{summary}.", epilog=_epilog(examples))
    add_home(parser)
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(handler=handler)
    return parser


def add_group(
    commands: argparse._SubParsersAction[Parser], name: str, summary: str, *, examples: str = ""
) -> argparse._SubParsersAction[Parser]:
    """A command that holds commands."""
    parser = commands.add_parser(name, help=summary, description=f"{summary}.", epilog=_epilog(examples))
    add_home(parser)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _epilog(examples: str) -> str | None:
    lines = [f"  {line.strip()}" for line in examples.strip().splitlines()]
    return "\n".join(["examples:", *lines]) if lines else None


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isascii() or not text.isdigit() or int(text[:9]) < 1 or len(text) > 9:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1")
    return int(text)


def whole(text: str) -> int:
    """A whole number from 0."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0")
    return int(text)


def seconds(text: str) -> float:
    """A duration in seconds, above 0 and at most a day."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds from 0 to 86400")
    return value


def name_list(text: str) -> list[str]:
    """`a,b,c` as names."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("names no device")
    return names


def descriptor(text: str) -> int:
    """The number of an open file descriptor."""
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"'{text}' is not a file descriptor")
    return int(text)
