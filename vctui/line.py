"""One line of a terminal, as the characters and control sequences that reach it leave it."""

from __future__ import annotations

_EDITABLE = 1024
"""A longer line only grows: nobody draws prompts on it, and each edit would cost its length."""


class Line:
    """Plain text is only collected; the first edit splits it into characters."""

    __slots__ = ("_answer", "_asked", "_cells", "_column", "_ink", "_parts", "_return", "_written", "length")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._cells: list[str] | None = None
        self._column = 0
        self._ink = 0  # cells that are not blank
        self._return = False
        self._written: list[str] = []
        self._asked = 0
        self._answer = ""
        self.length = 0

    def text(self) -> str:
        """The line as it shows now."""
        if self._cells is not None:
            return "".join(self._cells)
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    @property
    def is_plain(self) -> bool:
        """True for a line that was only ever written to."""
        return self._cells is None and not self._return and not self._asked

    @property
    def is_returning(self) -> bool:
        """True for such a line with a carriage return at its end, of which most likely nothing comes."""
        return self._cells is None and self._return and not self._asked

    def written(self) -> str:
        """All that was written into the line, what has been overwritten or erased since included."""
        return self.text() if self._cells is None else "".join(self._written)

    @property
    def column(self) -> int:
        """Where the next character goes, counted from 0."""
        if self._return:
            return 0
        return self.length if self._cells is None else self._column

    def is_erased(self) -> bool:
        """True for blanks that were written over something else."""
        return self._cells is not None and self._ink == 0 and not self.written().isspace()

    @property
    def asked(self) -> int:
        """How many characters of a question, that has been answered, still stand at the beginning."""
        return self._asked

    def ask(self, answer: str) -> None:
        """What stands here is a question that is being answered: going back to its beginning erases it."""
        self._asked = self.length
        self._answer = answer.strip()

    def is_only_asked(self) -> bool:
        """True when nothing stands here but a question and the echo of its answer."""
        return bool(self._asked and self._answer) and self.text()[self._asked :].strip() == self._answer

    def write(self, text: str) -> None:
        if self._return:
            self._home()
        if self._cells is None:
            self._parts.append(text)
            self.length += len(text)
            return
        cells, column = self._cells, self._column
        if column > len(cells):
            cells.extend(" " * (column - len(cells)))
        end = column + len(text)
        self._ink -= _ink(cells[column:end])
        cells[column:end] = text
        self._ink += len(text) - text.count(" ")
        self._column = end
        self._written.append(text)
        self.length = len(cells)
        if self.length > _EDITABLE:
            self._parts, self._cells = ["".join(cells)], None

    def carriage_return(self) -> None:
        # Nearly always a line feed follows and the line is done; only text makes it a return to column 0.
        self._return = self._cells is not None or self.length > 0

    def move(self, columns: int) -> None:
        if self._return:
            self._home()
        if self._edit() is not None:
            self._to(self._column + columns)

    def control(self, final: str, parameters: str) -> None:
        """Apply the control sequences which edit a line: erasing, moving within it, deleting characters."""
        if final not in "KJDCGPHf":
            return
        if self._return:
            self._home()
        cells = self._edit()
        if cells is None:
            return
        numbers = [int(n) if n.isascii() and n.isdigit() and len(n) < 6 else 0 for n in parameters.split(";")]
        if final in "KJ":
            self._erase(cells, numbers[0])
        elif final == "D":
            self._to(self._column - max(1, numbers[0]))
        elif final == "C":
            self._to(self._column + max(1, numbers[0]))
        elif final == "G":
            self._to(max(1, numbers[0]) - 1)
        elif final in "Hf":
            self._to(max(1, numbers[1] if len(numbers) > 1 else 1) - 1)
        else:
            removed = cells[self._column : self._column + max(1, numbers[0])]
            del cells[self._column : self._column + len(removed)]
            self._ink -= _ink(removed)
        self.length = len(cells)

    def _edit(self) -> list[str] | None:
        """The cells; None for a line that is too long to be edited."""
        if self._cells is None and self.length <= _EDITABLE:
            text = self.text()
            self._cells = list(text)
            self._written = [text]
            self._parts.clear()
            self._column = len(text)
            self._ink = len(text) - text.count(" ")
        return self._cells

    def _home(self) -> None:
        self._return = False
        if self._edit() is not None:
            self._to(0)

    def _to(self, column: int) -> None:
        assert self._cells is not None
        self._column = min(max(0, column), max(len(self._cells), _EDITABLE))
        if self._column == 0 and (self._ink == 0 or self._asked):
            # Blanks written over a pager's question and left again: the line is as good as new.
            self._clear()

    def _erase(self, cells: list[str], how: int) -> None:
        if how == 0:
            removed = cells[self._column :]
            del cells[self._column :]
            self._ink -= _ink(removed)
        elif how == 1:
            end = min(self._column + 1, len(cells))
            self._ink -= _ink(cells[:end])
            cells[:end] = " " * end
        else:
            self._clear()

    def _clear(self) -> None:
        assert self._cells is not None
        self._cells.clear()
        self._ink = self._asked = self.length = 0


def _ink(cells: list[str]) -> int:
    return len(cells) - cells.count(" ")
