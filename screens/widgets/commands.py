"""The command palette's entries: whatever can be done on the screen now, each with its key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from textual.command import DiscoveryHit, Hit, Hits, Provider


class KeyCommands(Provider):
    """Every active binding of the screen as a command, so that palette and keys cannot drift apart."""

    async def discover(self) -> Hits:
        """Everything, before a letter is typed."""
        for name, help_text, run in self._commands():
            yield DiscoveryHit(name, run, help=help_text)

    async def search(self, query: str) -> AsyncIterator[Hit]:
        """What fits the letters typed."""
        matcher = self.matcher(query)
        for name, help_text, run in self._commands():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, help=help_text)

    def _commands(self) -> Iterable[tuple[str, str, Callable[[], Awaitable[object]]]]:
        seen: set[str] = set()
        for active in self.screen.active_bindings.values():
            node, binding = active.node, active.binding
            # A key of the App (quit, help) is among the system commands already.
            if node is self.app or binding.system or not binding.tooltip or not active.enabled:
                continue
            if binding.action in seen:
                continue
            seen.add(binding.action)

            async def run(action: str = binding.action, node: object = node) -> None:
                await self.app.run_action(action, default_namespace=node)  # type: ignore[arg-type]

            key = self.app.get_key_display(binding)
            yield f"{binding.description} ({key})", binding.tooltip, run
