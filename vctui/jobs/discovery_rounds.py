"""The rounds of a discovery: which login comes first, and what the answers of a device come to."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vctui.jobs.discovery_events import Answer, DeviceAnswer
from vctui.jobs.discovery_guard import Pair
from vctui.jobs.discovery_plan import Candidate
from vctui.records import CredentialInfo


@dataclass(slots=True)
class Search:
    """One device whose credential is being looked for."""

    candidate: Candidate
    left: deque[CredentialInfo]
    tried_at: float = float("-inf")
    answers: dict[str, Answer] = field(default_factory=dict)


def settled(answers: Iterable[Answer]) -> DeviceAnswer:
    """What the attempts on one device come to."""
    found = set(answers)
    if "accepted" in found:
        return "works"
    for answer in ("cancelled", "unreachable", "unclear", "postponed", "refused"):
        if answer in found:
            return answer
    return "unclear"


def waves(pairs: Mapping[int, Pair]) -> tuple[list[int], list[int]]:
    """The first login of each credential, then the others: which goes first is no matter of luck."""
    seen: set[int] = set()
    first: list[int] = []
    others: list[int] = []
    for key, pair in pairs.items():
        (others if pair.info.id in seen else first).append(key)
        seen.add(pair.info.id)
    return first, others


def in_turn(searches: Sequence[Search]) -> dict[int, tuple[bool, int]]:
    """An order in which the first logins of each credential go where it is known to work, then to devices
    that are as unlike as can be: one of each site and platform, then the next of each."""
    places: dict[int, tuple[bool, int]] = {}
    seen: Counter[tuple[object, ...]] = Counter()
    for search in searches:
        device, info = search.candidate.device, search.left[0]
        known = device.credential_id == info.id and device.credential_result == "success"
        group = (info.id, device.site_id, device.platform_id)
        places[id(search)] = (not known, seen[group])
        seen[group] += 1
    return places
