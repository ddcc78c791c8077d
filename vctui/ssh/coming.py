"""The output that is coming on a device, and what is known of it before its end is."""

from __future__ import annotations

from collections.abc import Sequence

from vctui.ssh.typed import Output, Typed, cut_short


class Coming:
    """The output of one line that was typed; None for what came before any."""

    def __init__(self, typed: Typed | None, start: int, *, echoed: bool = False) -> None:
        self.typed = typed
        self.start = start
        """Where in the text it begins."""
        self.cuts: list[tuple[int, int]] = []
        """Places where the terminal has shown our own keys in its midst."""
        self.strayed = False
        """A pager may have taken a question for its answer."""
        self.spare = 0
        """Prompts that may stand at its end, for questions that log messages came between."""
        self._echoed = echoed
        self._short: list[Typed | None] = []

    @property
    def is_wanted(self) -> bool:
        """Whether anybody wants it."""
        return self.typed is not None and self.typed.kept

    def note_short(self, blanks: int, questions: Sequence[Typed]) -> None:
        """So many blanks have been shown: a pager may have taken some of a question for its answer."""
        self._short.append(cut_short(blanks, questions))

    def is_short(self, question: Typed) -> bool:
        """Whether that question may have been shown without some of its blanks."""
        return question in self._short

    def close(self, end: int, prompt: str, context: Sequence[str] = (), *, certain: bool) -> None:
        """It ends here, if it is the output of a command."""
        if self.typed is not None and self.typed.command:
            cuts = tuple(cut for cut in self.cuts if cut[1] <= end)
            self.typed.output = self._until(end, prompt, context, cuts=cuts, certain=certain)

    def whole(self, end: int, prompt: str) -> Output:
        """All of it so far, if its end is believed to be here."""
        return self._until(end, prompt, certain=False)

    def _until(
        self,
        end: int,
        prompt: str,
        context: Sequence[str] = (),
        *,
        cuts: tuple[tuple[int, int], ...] = (),
        certain: bool,
    ) -> Output:
        return Output(
            self.start, end, prompt, tuple(context), self._echoed, certain, cuts, self.strayed, self.spare
        )
