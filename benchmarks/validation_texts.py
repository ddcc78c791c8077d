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
    "% Invalid command at '^' marker.",
    '% Type "show ?" for a list of subcommands',
    "% No such process",
    "% Interface does not exist",
    "% Invalid interface type and number",
    "%% Invalid command",
    "%Error: Invalid argument",
    "ERROR: % Invalid input detected at '^' marker.",
    "ERROR: Command requires failover privileges",
    "Command rejected: Bad VLAN list",
    "Error: Ambiguous command found at '^' position.",
    "Error: You do not have permission to run the command.",
    "Error: The system is busy. Please try again later.",
    "Warning: Command is deprecated",
    "syntax error, expecting <data>.",
    "error: command is not valid on the qfx5100",
    "error: the routing subsystem is not running",
    "error: permission denied: configure",
    "error: could not connect to fpc0 : No route to host",
    "Invalid syntax. Try 'help'.",
    "Invalid input: arp",
    "Ambiguous input: sh",
    "Command not found",
    "-sh: shwo: not found",
    "-ash: display: not found",
    "zsh: command not found: show",
    'tmsh: Syntax Error: unexpected argument "arp"',
    'Syntax Error: unexpected argument "foo"',
    'Error: "foo" is not a valid command',
    "'foo' is not recognized as an internal or external command, operable program or batch file.",
    "Unknown command: show",
    "Bad command: show arp",
    "Unable to get configuration",
    "ERR: command failed",
    "Failed to execute command",
    "Internal error",
    "Segmentation fault",
    "Operation not permitted",
    "Authorization denied",
    "Authorization failed for command",
    "Access is denied.",
    "Access denied - insufficient privilege",
    "You do not have sufficient privileges to execute this command.",
    "User is not authorized",
    "Too many sessions. Please try again later.",
    "Session timed out",
    "Idle timeout expired",
    "Connection closed by foreign host.",
    "Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures",
    "Feature is not enabled",
    "Feature bgp not enabled",
    "BGP not running",
    "BGP instance is not active",
    "OSPF is not enabled",
    "LLDP is not enabled",
    "% LLDP is not enabled",
    "% CDP is not enabled",
    "CDP is not enabled on this device",
    "VRRP is disabled",
    "Spanning tree is not enabled",
    "No spanning tree instance exists.",
    "No neighbors found",
    "There is no neighbor.",
    "Total entries displayed: 0",
    "No ARP entries.",
    "Empty",
    "None",
    "Not found",
    "OK",
    "Done.",
    "Building configuration...",
    "Please wait...",
    "Press any key to continue (Q to quit)",
    "--- more ---",
    "<--- More --->",
    " ---- More ----",
    "Are you sure? [y/n]",
    "Password for admin:",
    "Enter password:",
    "Router>",
    "Router#",
    "Router(config)#",
    "<HUAWEI>",
    "[HUAWEI]",
    "[~HUAWEI]",
    "root@mx>",
    "admin@PA-VM>",
    "admin@sw1:~$",
    "A:sr1#",
    "*A:sr1#",
    "sw1(config-if)#",
    "{master:0}",
    "[edit]",
    "********************************************************************",
    "* WARNING: Unauthorized access to this system is forbidden and will be prosecuted by law. *",
    "********************************************************************",
    "UNAUTHORIZED ACCESS TO THIS DEVICE IS PROHIBITED",
    "You must have explicit, authorized permission to access or configure this device.",
    "This device is the property of Example Corp. All activities are logged and monitored.",
    "Welcome to Ubuntu 22.04.3 LTS (GNU/Linux 5.15.0-91-generic x86_64)",
    "JUNOS 21.4R3-S2.3 Kernel 64-bit  JNPR-12.1",
    "Last login: Tue Nov 24 10:11:12 2026 from 198.51.100.7 on ssh",
    "The authenticity of host can't be established.",
    "Maintenance window tonight 22:00 - 23:00",
    "Hello",
    "foo bar baz",
    "12345",
    "show version",
    "sh ver",
    "display version",
    "exit",
    "quit",
    "logout",
    "Configuration locked by user admin",
    "Database is locked by another session",
    "File not found: running-config",
    "Invalid range",
    "Invalid IP address",
    "Invalid VLAN id",
    "Invalid slot number",
    "Value out of range",
    "Unexpected end of input",
    "Missing argument",
    "Extra argument",
    "Too many arguments",
    "Line 1: syntax error near 'foo'",
    "error: invalid value 'foo'",
    "Unable to open connection",
    "Connection refused",
    "Network is unreachable",
    "Request timed out.",
    "Name or service not known",
    "Host key verification failed.",
    "kex_exchange_identification: Connection closed by remote host",
    "show arp\n     ^\n% Invalid input detected at '^' marker.\n\n",
    "                ^\nError: Unrecognized command found at '^' position.\n",
    "           ^\n% Unrecognized command\n",
    (
        "*************************************************\n"
        "*                                               *\n"
        "*   Authorised users only. Logs are kept.       *\n"
        "*                                               *\n"
        "*************************************************\n"
    ),
    (
        "############################################################\n"
        "#  Property of Example Corp. Unauthorised access denied.   #\n"
        "#  Contact: noc@example.com  Phone: +1 555 0100            #\n"
        "############################################################\n"
    ),
    (
        "Copyright (c) 2002-2024, Example Systems, Inc. All rights reserved.\n"
        "The copyrights to certain works contained herein are owned by\n"
        "other third parties and are used and distributed under license.\n"
    ),
    "MOTD: core-rt1.lab.example.com\nSite: AMS  Rack: 12  Contact: noc@example.com\n",
    "% Error in authentication.\n\n",
    "User Access Verification\n\nUsername: admin\nPassword: \n",
    ("The command you have entered is available in the IOS.sh.\nHowever, none of the modules support it.\n"),
    (
        "Info: The max number of VTY users is 10, and the number\n"
        "      of current VTY users on line is 1.\n"
        "      The current login time is 2026-11-23 10:00:00.\n"
    ),
    "Unknown action 0\nCommand fail. Return code 1\n",
    "error: syntax error: sho\nerror: unknown command\n",
    '% Ambiguous command:  "sh i"\n% Ambiguous command:  "sh i"\n',
)


PAGE = 20
_QUESTION = " --More-- "


def wrapped(text: str, command: str) -> str:
    """An output as it arrives: echo above it, prompt below it, a pager's traces, CR LF at the ends."""
    lines = text.replace("\r\n", "\n").splitlines()
    erased = _QUESTION + "\b" * len(_QUESTION) + " " * len(_QUESTION) + "\b" * len(_QUESTION)
    shown = (erased + line if n and n % PAGE == 0 else line for n, line in enumerate(lines))
    return "".join(f"{line}\r\n" for line in (f"lab-sw1#{command}", *shown)) + "lab-sw1#"


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
