"""Where a credential may be sent: what the text means, and what is refused."""

from __future__ import annotations

import pytest

from vctui.errors import UsageError
from vctui.records import CredentialInfo, Device, SSHCredentials, out_of_scope
from vctui.scope import ANYWHERE, parse_scope

DEVICE = Device(
    1,
    "Core-RT1",
    primary_ip4="10.1.2.3/24",
    site="lab",
    site_name="Lab One",
    platform="cisco_ios",
    platform_name="Cisco IOS",
    device_type="cisco_ios",
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "site:lab",
        "site:LAB,core",
        "platform:cisco_ios",
        "name:core-*",
        "name:core-rt?",
        "network:10.0.0.0/8",
        "network:10.1.2.3",
        "network:2001:db8::/32,10.0.0.0/8",
        "site:lab network:10.0.0.0/8 name:*rt1 platform:cisco*",
    ],
)
def test_inside(text: str) -> None:
    scope = parse_scope(text)
    assert out_of_scope(SSHCredentials("admin", scope=scope), DEVICE) is None
    assert parse_scope(str(scope)) == scope


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("site:core", "its site is not core"),
        ("site:la", "its site is not la"),
        ("platform:arista_eos", "its platform"),
        ("name:rt1", "its name is not rt1"),
        ("name:core", "its name"),
        ("network:10.1.3.0/24", "its address is not in 10.1.3.0/24"),
        ("network:2001:db8::/32", "its address"),
        ("site:lab network:192.0.2.0/24", "its address"),
        ("site:core network:10.0.0.0/8", "its site"),
        ("name:x,y", "its name is not x or y"),
    ],
)
def test_outside(text: str, reason: str) -> None:
    info = CredentialInfo(1, "lab", "admin", True, True, False, False, scope=parse_scope(text))
    assert reason in (out_of_scope(info, DEVICE) or "")


def test_what_is_not_known_of_a_device_is_outside() -> None:
    bare = Device(1, "sw1", primary_ip4="sw1.example.net")
    for text in ("site:lab", "platform:*", "network:0.0.0.0/0"):
        assert out_of_scope(SSHCredentials("admin", scope=parse_scope(text)), bare), text
    assert parse_scope("network:0.0.0.0/0").refusal(name="jump", host="jump.example.net")


def test_one_text_for_each_scope() -> None:
    assert str(parse_scope("  name:B,a   site:x name:a ")) == "name:a,b site:x"
    assert str(ANYWHERE) == ""
    assert parse_scope("") == ANYWHERE


@pytest.mark.parametrize(
    "text",
    [
        "lab",
        ":lab",
        "host:lab",
        "site:",
        "site:lab,",
        "name:[ab]",
        "name:a:b",
        "network:10.0.0.1/8",
        "network:lab",
        "network:",
        "name:a\x1b[31mb",
        "site:" + "a" * 3000,
    ],
)
def test_a_scope_that_says_nothing_is_refused_and_quoted_harmlessly(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_scope(text)
    assert str(caught.value).isprintable()
