"""The keys of the template bench, and the words that explain it."""

from __future__ import annotations

from textual.binding import Binding

HELP = """
## Template bench

One output, and the templates that fit it. **1** ranks the candidates as a run would; the line below takes the
score of the one under the cursor apart. **2** shows its records, **4** the output.

**/** changes the filter: a template's full name, words of a name (`show_ip_arp`), or nothing for all of them;
**w** widens it step by step. A template that is named stands first, then what else would fit.

**Enter** on a candidate opens its text in **3**, where it can be changed; **n** begins a new one. While you
type, it is tried on the output by a process of its own, so that a template that hangs costs nothing; what is
wrong is said by line, and **F8** goes to the next such line. **Esc** leads from the text to the records.
**^s** saves it as a template of your own, which an import does not overwrite.

**v** parses stored captures again after a change, **e** writes the records as JSON or CSV.
"""
KEYS = (
    Binding("1", "section('candidates')", "Candidates", show=False, id="bench.candidates"),
    Binding("2", "section('records')", "Records", show=False, id="bench.records"),
    Binding("3", "section('template')", "Template", show=False, id="bench.template"),
    Binding("4", "section('output')", "Output", show=False, id="bench.output"),
    Binding(
        "slash",
        "filter",
        "Filter",
        key_display="/",
        show=False,
        id="bench.filter",
        tooltip="Other candidates",
    ),
    Binding(
        "w",
        "widen",
        "Wider",
        show=False,
        id="bench.widen",
        tooltip="More candidates: a shorter filter, then none",
    ),
    Binding("n", "new", "New", id="bench.new", tooltip="Begin a new template for this output"),
    Binding("ctrl+s", "save", "Save", id="bench.save", tooltip="Save the template as your own"),
    Binding(
        "e",
        "export",
        "Export",
        show=False,
        id="bench.export",
        tooltip="Write the records as JSON or CSV",
    ),
    Binding(
        "v",
        "revalidate",
        "Parse again",
        show=False,
        id="bench.revalidate",
        tooltip="Parse the stored captures of this template again",
    ),
    Binding(
        "o", "other", "Other output", show=False, id="bench.other", tooltip="The output of the next command"
    ),
    Binding("f8", "problem", "Next error", show=False, id="bench.problem", tooltip="To the next bad line"),
    Binding("escape", "back", "Back", id="bench.back", tooltip="Out of the text or the filter; then back"),
)
