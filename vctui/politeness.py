"""Limits of logins, by the second and at once: in all, at a site, behind a jump host, in an AAA domain."""

from __future__ import annotations

from dataclasses import dataclass

from vctui.values import Values

_SLOWEST, _FASTEST, _MOST = 0.01, 1000.0, 1000


@dataclass(frozen=True, slots=True)
class Limit:
    """None limits nothing. A login counts from the first packet until it is accepted or has failed."""

    logins_per_second: float | None = None
    at_once: int | None = None

    def __bool__(self) -> bool:
        return self.logins_per_second is not None or self.at_once is not None


@dataclass(frozen=True, slots=True)
class Domain:
    """Devices that log in against the same AAA servers. An empty field means any; names are in lower case."""

    name: str
    limit: Limit
    sites: frozenset[str] = frozenset()
    platforms: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    credentials: frozenset[str] = frozenset()

    def covers(
        self, sites: frozenset[str], platforms: frozenset[str], roles: frozenset[str], credential: str
    ) -> bool:
        """Whether a device belongs to it, by its names: a site has a slug and a name."""
        wanted = ((self.sites, sites), (self.platforms, platforms), (self.roles, roles))
        return all(not mine or mine & theirs for mine, theirs in wanted) and (
            not self.credentials or credential in self.credentials
        )


@dataclass(frozen=True, slots=True)
class Politeness:
    """All limits; a login has to keep within each that it falls under."""

    total: Limit = Limit()
    per_site: Limit = Limit()
    per_jump: Limit = Limit()
    """Of the devices behind one jump host."""
    domains: tuple[Domain, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.total or self.per_site or self.per_jump or self.domains)


NO_LIMITS = Politeness()


def read_politeness(values: Values) -> Politeness:
    """The section `politeness` of config.yaml. Raises UsageError with file, key and reason."""
    found = Politeness(
        total=_limit(values),
        per_site=_limit(site := values.within("per_site")),
        per_jump=_limit(jump := values.within("per_jump")),
        domains=tuple(_domain(name, domain) for name, domain in values.each("aaa_domains").items()),
    )
    for section in (values, site, jump):
        _check_known(section)
    return found


def _check_known(values: Values) -> None:
    # Elsewhere an unknown key is a warning; a limit that is not one because of a slip locks people out.
    if unknown := values.unread():
        raise values.refuse(f"does not know {', '.join(key.rpartition('.')[2] for key in unknown)}")


def _limit(values: Values) -> Limit:
    return Limit(
        logins_per_second=values.number("logins_per_second", None, _SLOWEST, _FASTEST),
        at_once=values.whole("at_once", 1, _MOST),
    )


def _domain(name: str, values: Values) -> Domain:
    who = {key: _lower(values.names(key)) for key in ("sites", "platforms", "roles", "credentials")}
    if not any(who.values()):
        raise values.refuse("names no sites, platforms, roles or credentials")
    limit = _limit(values)
    if not limit:
        raise values.refuse("limits nothing: give logins_per_second, at_once or both")
    _check_known(values)
    return Domain(name, limit, **who)


def _lower(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)
