"""The keys of the job picker, and the words that explain it."""

from __future__ import annotations

from textual.binding import Binding

HELP = """
## Jobs

Type to filter: every word must be somewhere in the slug, name, vendor, type, status or description.
**Escape** clears the filter. **↑ ↓** move in the list while you type, and **Enter** opens the job:
which devices it means, then the run.

Jobs **from db** are rows of collector.db and can be changed here. Jobs **from file** are JSON files;
they can be run, and **^o** imports one into the database, where it can be changed. A job that is
*unusable* says why below the list. A job that is *off* is refused by `vctui run`.

**F2** opens the logins of devices, and what opens the vault that holds them. **F3** lists what runs have
saved: outputs, their records, and the templates that fit them. **F6** shows the coverage of the inventory,
**F7** finds out which credential works where.

**^p** finds every command by its name, with its key.
"""
KEYS = (
    Binding("ctrl+n", "new", "New", id="jobs.new", tooltip="Make a new database job"),
    Binding("ctrl+e", "edit", "Edit", id="jobs.edit", tooltip="Edit the job"),
    Binding(
        "ctrl+d",
        "duplicate",
        "Copy",
        id="jobs.duplicate",
        show=False,
        tooltip="Edit a duplicate of the job",
    ),
    Binding("ctrl+t", "switch", "On/Off", id="jobs.switch", show=False, tooltip="Enable or disable the job"),
    Binding(
        "delete",
        "remove",
        "Remove",
        id="jobs.remove",
        show=False,
        tooltip="Remove the job from the database, after a question",
    ),
    Binding(
        "ctrl+o",
        "import",
        "Import",
        id="jobs.import",
        show=False,
        tooltip="Import the job file into the database",
    ),
    Binding(
        "ctrl+l",
        "lock",
        "Lock/unlock",
        id="jobs.lock",
        show=False,
        tooltip="Lock the vault, or unlock it",
    ),
    Binding(
        "f3",
        "captures",
        "Captures",
        id="jobs.captures",
        show=False,
        tooltip="What runs have saved, and the templates that fit",
    ),
    Binding(
        "f2",
        "credentials",
        "Logins",
        id="jobs.credentials",
        tooltip="The logins of devices: add, edit, remove, remember, export",
    ),
    Binding(
        "f6",
        "coverage",
        "Coverage",
        id="jobs.coverage",
        show=False,
        tooltip="Which devices have a credential that works, and what was collected from each",
    ),
    Binding(
        "f7",
        "discover",
        "Find credentials",
        id="jobs.discover",
        show=False,
        tooltip="Find out which credential works on which device",
    ),
    Binding(
        "f5",
        "reload",
        "Reload",
        id="jobs.reload",
        show=False,
        tooltip="Read the jobs and their state anew",
    ),
    Binding("escape", "clear", "Clear the filter", id="jobs.clear", show=False),
)
