"""The command line of one simulated device: echo, prompt, pager, enable mode, answers, and its fault."""

from __future__ import annotations

import time
from typing import Protocol

from vctui.demo.devices import SimDevice
from vctui.demo.faults import Fault
from vctui.demo.transcripts import Resolved, Transcript, fill, filtered

SLOW_THINK = 1.2
SLOW_CHUNK = 60
SLOW_PAUSE = 0.01
MAX_LINE = 4096
UNPARSEABLE = """\
<<<
  answer-format: experimental
  device: {hostname}
  remark: an image under test prints this instead of the usual answer
>>>
"""


class Terminal(Protocol):
    """The two calls a shell needs of an SSH channel."""

    def recv(self, nbytes: int) -> bytes: ...

    def sendall(self, s: bytes) -> None: ...


class HungUp(Exception):
    """The session is over: the client left, logged out, or the device drops it."""


class Shell:
    """One session. `run` returns when it is over; the caller closes the channel."""

    def __init__(self, terminal: Terminal, device: SimDevice, transcript: Transcript) -> None:
        self._terminal = terminal
        self._device = device
        self._transcript = transcript
        self._slow = device.fault is Fault.SLOW
        self._think = (
            SLOW_THINK if self._slow else device.think if device.think is not None else transcript.think
        )
        self._user_mode = device.user_mode and transcript.enable is not None
        self._paging = True
        self._input = bytearray()
        self._after_cr = False
        self._values = {
            "hostname": device.name,
            "mgmt_ip": device.mgmt_ip,
            "serial": device.serial,
            "username": device.username,
        }

    def run(self) -> None:
        """Play the session to its end."""
        try:
            self._send(self._fill(self._transcript.motd))
            if self._device.fault is Fault.NO_PROMPT:
                self._send("\nLoading the user profile ...\n")
                self._wait_for_hang_up()
            while True:
                self._send(self._prompt())
                line = self._read_line()
                self._execute(line)
        except (HungUp, OSError):
            return

    def _prompt(self) -> str:
        return self._fill(self._transcript.user_prompt if self._user_mode else self._transcript.prompt)

    def _fill(self, text: str, **more: str) -> str:
        return fill(text, self._values | more)

    def _execute(self, line: str) -> None:
        if not line.strip():
            return
        command, pipe, expression = line.partition("|")
        resolved = self._transcript.resolve(command, user_mode=self._user_mode)
        if pipe and resolved.action == "output":
            text = filtered(resolved.text, expression)
            column = len(command)
            resolved = Resolved("unknown", column=column) if text is None else Resolved("output", text)
        match resolved.action:
            case "output":
                self._answer(line, resolved)
            case "quiet":
                pass
            case "paging_off":
                self._paging = False
                self._send(resolved.text)
            case "enable":
                self._enable()
            case "disable":
                self._user_mode = bool(self._transcript.user_prompt)
            case "logout":
                raise HungUp
            case "unknown" | "incomplete" | "ambiguous" as kind:
                self._refuse(line, kind, resolved.column)

    def _refuse(self, line: str, kind: str, column: int) -> None:
        # The caret stands below the word at fault, so the prompt's width counts.
        caret = " " * (len(self._prompt()) + column)
        self._send(self._fill(self._transcript.errors[kind], caret=caret, line=line))

    def _enable(self) -> None:
        enable = self._transcript.enable
        if enable is None or not self._user_mode:
            return
        self._send(enable.prompt)
        secret = self._read_line(echo=False)
        if secret == self._device.enable_secret and self._device.fault is not Fault.ENABLE_REFUSED:
            self._user_mode = False
        else:
            self._send(enable.refused)

    def _answer(self, line: str, resolved: Resolved) -> None:
        fault = self._device.fault
        if fault is Fault.SILENT:
            self._wait_for_hang_up()
        if self._think > 0:
            time.sleep(self._think)
        if fault is Fault.REJECTS:
            self._refuse(line, "unknown", len(line) - len(line.lstrip()))
            return
        text = self._fill(UNPARSEABLE if fault is Fault.UNPARSEABLE else resolved.text)
        if fault is Fault.DROPS:
            self._send(text[: len(text) // 2])
            raise HungUp
        if self._paging:
            self._page(text)
        else:
            self._send(text)

    def _page(self, text: str) -> None:
        """Show a page, ask, go on: a blank for a page, Return for a line, q to stop, as everywhere."""
        lines = text.splitlines(keepends=True)
        room = self._transcript.page_length - 1
        while len(lines) > room:
            self._send("".join(lines[:room]))
            lines = lines[room:]
            self._send(self._transcript.pager)
            key = self._read_key()
            self._send(self._transcript.pager_erase)
            if key in (b"q", b"Q", b"\x03"):
                self._send("\n")
                return
            room = 1 if key in (b"\r", b"\n") else self._transcript.page_length - 1
        self._send("".join(lines))

    def _send(self, text: str) -> None:
        data = text.replace("\n", "\r\n").encode()
        if not self._slow:
            if data:
                self._terminal.sendall(data)
            return
        for start in range(0, len(data), SLOW_CHUNK):
            self._terminal.sendall(data[start : start + SLOW_CHUNK])
            time.sleep(SLOW_PAUSE)

    def _read_key(self) -> bytes:
        while True:
            if not self._input:
                self._receive()
            key = self._take(1)
            # The LF of a CR LF belongs to the line before.
            if not (key == b"\n" and self._after_cr):
                self._after_cr = key == b"\r"
                return key
            self._after_cr = False

    def _read_line(self, *, echo: bool = True) -> str:
        line = bytearray()
        shown = bytearray()
        while True:
            if not self._input and shown:
                self._terminal.sendall(bytes(shown))
                shown.clear()
            key = self._read_key()
            if key in (b"\r", b"\n"):
                self._terminal.sendall(bytes(shown) + b"\r\n")
                return line.decode("utf-8", "replace")
            if key == b"\x03":
                self._terminal.sendall(bytes(shown) + b"^C\r\n")
                return ""
            if key in (b"\x08", b"\x7f"):
                if line:
                    del line[-1]
                    shown += b"\b \b" if echo else b""
            elif key >= b" " and len(line) < MAX_LINE:
                line += key
                shown += key if echo else b""

    def _take(self, count: int) -> bytes:
        data = bytes(self._input[:count])
        del self._input[:count]
        return data

    def _receive(self) -> None:
        data = self._terminal.recv(4096)
        if not data:
            raise HungUp
        self._input += data

    def _wait_for_hang_up(self) -> None:
        while True:
            self._receive()
            self._input.clear()
