"""Processes of the program's own that do a part of its work and can be killed without harm to the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys

_BOOTSTRAP = (
    "import importlib, json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "sys.exit(importlib.import_module(sys.argv.pop(1)).main())"
)
"""The child finds modules where this process does, and never imports this process's main module."""
_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
)


def start_child(module: str, *arguments: str, keep: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """Run `main()` of a module in a process with unbuffered pipes to its stdin and stdout. Raises OSError.

    Of the environment it gets only what Python needs, and `keep`: the master password may stand there.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _BOOTSTRAP, json.dumps(sys.path), module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in (*_KEPT, *keep) if name in os.environ},
        start_new_session=True,  # ctrl+c is for the program, which then closes the child's stdin
        bufsize=0,
    )
