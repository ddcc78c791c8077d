"""How the search for credentials looks: its tables, and the words around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from screens.finding_model import DONE, FindingModel, Found
from screens.widgets.rows import Cells, Column, widest
from vctui.text import safe_line

if TYPE_CHECKING:
    from vctui.jobs import Candidate, CredentialStatus, DiscoveryPlan, LeftOut

CREDENTIALS = (
    Column("Try", 3),
    Column("Credential", 16, flex=1),
    Column("User", 12, flex=1),
    Column("State", 22),
)


def candidate_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """A device to be tried or left out, and what there is to say."""
    return (
        Column("Device", widest(names, 8, 24)),
        Column("Address", 15, optional=1),
        Column("Credentials, in order; or the reason", 24, flex=1),
    )


def found_columns(candidates: Sequence[Candidate]) -> tuple[Column, ...]:
    """A device that is being tried."""
    return (
        Column("Device", widest((one.device.name for one in candidates), 8, 24)),
        Column("Address", 15, optional=1),
        Column("State", 11, styled=True),
        Column("Credential", 12),
        Column("Doing / result", 14, flex=1),
    )


def credential_cells(one: CredentialStatus, chosen: bool) -> tuple[Sequence[str], Literal["", "dim"]]:
    """A credential and whether it will be tried."""
    return ("[x]" if chosen else "[ ]", one.info.name, one.info.username, one.word), "" if chosen else "dim"


def candidate_cells(one: Candidate) -> Cells:
    """A device and its credentials, the likeliest first."""
    names = ", ".join(info.name for info in one.credentials)
    return (one.device.name, one.device.host or "", names), ""


def left_cells(one: LeftOut) -> Cells:
    """A device that is left out."""
    return (one.device.name, one.device.host or "", one.reason), "dim"


def head_text(plan: DiscoveryPlan | None, planning: bool) -> str:
    """What would be tried."""
    if plan is None:
        return "Planning…" if planning else "Choose credentials: space takes one in or out"
    count = len(plan.candidates)
    devices = "1 device" if count == 1 else f"{count} devices"
    return f"{devices}, at most {plan.attempts} logins; {len(plan.left_out)} left out. Enter begins"


def options_text(*, force: bool, skip: bool, save: bool) -> str:
    """The switches."""
    words = {True: "yes", False: "no "}
    saving = "as found" if save else "when I say so"
    return f"f Ask again: {words[force]}  h Skip those that have one: {words[skip]}  s Save: {saving}"


def running_text(model: FindingModel, *, stopping: bool) -> str:
    """How far the search is."""
    counts = "  ".join(f"{state} {model.counts[state]}" for state in DONE if model.counts[state])
    text = f"{model.done}/{len(model.rows)} done  {counts}  logins {model.logins}"
    return f"{text}  stopping…" if stopping else text


def end_text(*, running: bool, to_save: bool) -> str:
    """What can be done now."""
    if running:
        return "c ends the search; what was found out stays"
    return "Done. s saves what works" if to_save else "Done"


def detail_text(one: Found | None) -> str:
    """What there is no room for in the row."""
    if one is None:
        return ""
    tried = ", ".join(f"{name} {answer}" for name, answer in one.answers.items())
    lines = (f"{one.candidate.device.name}: {tried or 'waiting'}", one.doing, one.next_step)
    return "\n".join(map(safe_line, lines))
