"""Texts for the validation measurements: complaints of devices, wrapped outputs, perturbed copies."""

from __future__ import annotations

import re

ERROR_TEXTS = (
    "% Invalid input detected at '^' marker.",
    "          ^\n% Invalid input detected at '^' marker.\n",
    "show ip apr\n          ^\n% Invalid input detected at '^' marker.\n",
    "% Incomplete command.",
    '% Ambiguous command:  "sh i"',
    "% Unknown command or computer name, or unable to find computer address",
    "% Bad IP address or host name",
    "% Authorization failed.",
    "% Permission denied for the role",
    "Command authorization failed.",
    "% Invalid parameter detected at '^' position.",
    "% Cmd exec error.",
    "% BGP not active",
    "% OSPF: No router process is configured",
    "% VRF BLUE does not exist",
    "                     ^\nsyntax error, expecting <command>.",
    "syntax error",
    "error: syntax error: foo",
    "unknown command.",
    "error: command is not valid on this platform",
    "Unknown action 0",
    "command parse error before 'foo'\nCommand fail. Return code -61",
    "Error: Unrecognized command found at '^' position.",
    "            ^\nError: Wrong parameter found at '^' position.",
    " % Too many parameters found at '^' position.",
    "Error:Incomplete command found at '^' position.",
    "Invalid input -> foo\nType ? for a list",
    "Invalid syntax.",
    "-bash: show: command not found",
    "bash: line 1: display: command not found",
    "ls: cannot access '/x': No such file or directory",
    "bad command name foo (line 1 column 1)",
    "expected end of command (line 1 column 6)",
    "MINOR: CLI Invalid command.",
    "Error: Bad command.",
    "Server error : op is not allowed",
    "Permission denied",
    "Access denied",
    "Authentication failed",
    "Connection to 192.0.2.1 closed.",
    'Line has invalid autocommand "show"',
    "Process is not ready or session is at maximum limit",
    "The command is not supported on this platform",
    "Feature not enabled",
    "--More--",
    "Username:",
    "Password:",
    "Welcome to the lab network",
    "*** Authorized access only ***",
    "******************************\n* Authorized access only     *\n******************************",
    "Warning: the system is going down for maintenance at 22:00.",
    "This system is for the use of authorized users only.",
    "Last login: Mon Nov 23 22:12:00 2026 from 192.0.2.10",
    "No entries found.",
    "Timeout",
    "terminal length 0",
    "show ip arp",
    "sw1#",
    "sw1>",
    "user@host> ",
    "[admin@router] >",
)


def wrapped(text: str, command: str) -> str:
    """An output as it arrives: echo above it, prompt below it, lines that end in CR LF."""
    body = text.replace("\r\n", "\n")
    end = "" if body.endswith("\n") else "\n"
    return f"lab-sw1#{command}\n{body}{end}lab-sw1#".replace("\n", "\r\n")


_DIGIT = re.compile(r"\d")
_HEXADECIMAL = re.compile(r"\b[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}\b")
_NAME = re.compile(r"\b[a-z]+(?:-[a-z]+)*(?=\d)")


def perturbed(text: str, kind: str) -> str:
    """A copy with other digits, other host-like names, every fourth row gone or every second row twice."""
    if kind == "digits":
        # 1 to 4 stay below five: a time or an octet stays one.
        return _DIGIT.sub(lambda found: str({1: 2, 2: 1, 3: 4, 4: 3}.get(int(found[0]), int(found[0]))), text)
    if kind == "names":
        text = _HEXADECIMAL.sub("0200.5e00.5301", text)
        return _NAME.sub(lambda found: found[0] if len(found[0]) < 4 else found[0][::-1], text)
    lines = text.splitlines(keepends=True)
    kept = []
    for number, line in enumerate(lines):
        row = bool(_DIGIT.search(line)) and number > len(lines) // 3
        if kind == "fewer" and row and number % 4 == 0:
            continue
        kept.extend([line, line] if kind == "more" and row and number % 2 == 0 else [line])
    return "".join(kept)
