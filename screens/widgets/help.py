"""F1: what the screen is for, and every key that works on it now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from inspect import cleandoc
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Markdown, Static


class HelpScreen(ModalScreen[None]):
    """The help of the screen below, in a box that scrolls by keyboard.

    The text is the HELP of the focused widget and of its screen, the keys are their BINDINGS, so neither can
    drift. Textual's own help panel takes 30 columns and cannot be scrolled without a mouse.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q,enter", "dismiss", "Close", id="help.close"),
    ]
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        & > VerticalScroll {
            width: 76;
            max-width: 96%;
            height: auto;
            max-height: 96%;
            border: round $primary;
            border-title-color: $text-primary;
            border-subtitle-color: $text-muted;
            background: $surface;
            padding: 0 1;
        }
        & Markdown { height: auto; padding: 0 1; background: $surface; }
        & MarkdownH2 { margin: 0 0 1 0; }
        & Static { height: auto; padding: 0 1; }
    }
    """

    def __init__(self, below: Screen[object]) -> None:
        super().__init__()
        self._texts = [cleandoc(text) for text in _helps(below)]
        self._keys = _grouped(below)

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "Help"
            box.border_subtitle = "↑ ↓ scroll · Esc closes"
            for text in self._texts:
                yield Markdown(text)
            yield Static(_keys_table(self.app.get_key_display, self._keys))


def _helps(screen: Screen[object]) -> Iterable[str]:
    """The HELP texts from the screen down to the focused widget."""
    nodes = [screen] if screen.focused is None else list(reversed(screen.focused.ancestors_with_self))
    seen: set[str] = set()
    for node in nodes:
        if isinstance(node, Widget) and node.HELP and node.HELP not in seen:
            seen.add(node.HELP)
            yield node.HELP


def _keys_table(display: Callable[[Binding], str], groups: Iterable[Iterable[Binding]]) -> Table:
    """A line for each action with its keys, and a blank line between groups."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, expand=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(ratio=1)
    for number, group in enumerate(groups):
        if number:
            table.add_row()
        actions: dict[str, list[Binding]] = defaultdict(list)
        for binding in group:
            actions[binding.action].append(binding)
        for same in actions.values():
            text = Text(same[0].description)
            if same[0].tooltip:
                text.append(f"  {same[0].tooltip}", "dim")
            table.add_row(Text(" ".join(dict.fromkeys(display(binding) for binding in same))), text)
    return table


def _grouped(screen: Screen[object]) -> list[list[Binding]]:
    """The keys that work now: the screen's, those that work everywhere, then those of the focused widget."""
    own: list[Binding] = []
    everywhere: list[Binding] = []
    widgets: list[Binding] = []
    for active in screen.active_bindings.values():
        binding = active.binding
        if active.enabled and not binding.system and binding.description:
            places = {screen: own, screen.app: everywhere}
            # Textual's own keys of a screen (tab, copy) have no id: they are about the widgets.
            place = places.get(active.node, widgets) if binding.id or active.node is screen.app else widgets
            place.append(binding)
    return [group for group in (own, everywhere, widgets) if group]
