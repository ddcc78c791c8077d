"""Draw docs/run.svg: the run screen of the program itself, in the middle of the demo's largest job.

python docs/make_picture.py
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from screens.app import VctuiApp
from screens.context import Context
from screens.run import RunScreen
from vctui.demo import DemoHome

PICTURE = Path(__file__).with_name("run.svg")
DONE = 14
"""Devices that are done when the picture is taken."""


async def draw(demo: DemoHome) -> str:
    """The screen as SVG, without the fonts that its template would fetch."""
    app = VctuiApp(Context(demo.settings, demo.resolver), unlocked=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.press(*"multi")
        await pilot.pause()
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("enter")
        screen = app.screen
        while not (isinstance(screen, RunScreen) and screen.model.done >= DONE):
            await pilot.pause(0.05)
            screen = app.screen
        screen.paint()
        await pilot.pause()
        picture = app.export_screenshot(title="vctui")
        await pilot.press("c", "c")
        await app.workers.wait_for_complete()
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)


def main() -> None:
    with DemoHome() as demo:
        picture = asyncio.run(draw(demo))
    # Blanks at line ends serve nobody.
    PICTURE.write_text("\n".join(line.rstrip() for line in picture.splitlines()) + "\n")


if __name__ == "__main__":
    main()
