"""Cleaning: echo and prompt go, the body stays as it was."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vctui.validation import clean, clean_reply, clean_unknown

BODY = "  Interface      Status\n\n  Ethernet1      up   \n"


@pytest.mark.parametrize(
    "raw",
    [
        f"show interfaces\n{BODY}sw1#",
        f"sw1#show interfaces\n{BODY}sw1#",
        f"sw1# show interfaces\n{BODY}sw1# ",
        f"\nsw1#show interfaces \n{BODY}sw1#\n",
        f"show interfaces\nsw1#show interfaces\n{BODY}sw1#\nsw1#",
        f"sw1(config)#show interfaces\n{BODY}sw1#",
        f"show interfaces\n{BODY}",
        f"{BODY}sw1#",
        BODY,
    ],
)
def test_echo_and_prompt_are_removed_and_the_body_is_left_alone(raw: str) -> None:
    assert clean(raw, "show interfaces", "sw1#") == BODY


def test_an_echo_that_the_terminal_wrapped_is_removed() -> None:
    command = "show ip bgp vpnv4 vrf CUSTOMER-WITH-A-LONG-NAME neighbors 192.0.2.1 advertised-routes"
    line = f"core-router-1#{command}"
    for width in (40, 80):
        wrapped = "\n".join(line[i : i + width] for i in range(0, len(line), width))
        assert clean(f"{wrapped}\n{BODY}core-router-1#", command, "core-router-1#") == BODY
    # Without the prompt before it, and with the blank at the margin lost.
    assert clean(f"{command[:27].rstrip()}\n{command[27:]}\n{BODY}r#", command, "r#") == BODY


def test_junos_context_lines_above_the_prompt_go_with_it() -> None:
    for context in ("{master:0}", "{primary:node0}", "[edit]", "[edit interfaces ge-0/0/0]"):
        raw = f"show arp | no-more \n{BODY}\n{context}\nlab@re0> "
        assert clean(raw, "show arp | no-more", "lab@re0>") == f"{BODY}\n"
    kept = f"{BODY}{{master:0}}\n"
    assert clean(kept, "show arp", "lab@re0>") == kept


def test_junos_completes_abbreviated_words_in_the_echo() -> None:
    assert clean(f"show interfaces terse\n{BODY}lab@r1> ", "sh int ter", "lab@r1>") == BODY


def test_lines_inside_that_hold_the_prompt_or_the_command_stay() -> None:
    body = (
        "interface Ethernet1\n description sw1#\nsw1#\n description show run\nshow run\n"
        "banner motd ^C\nsw1#show run\n^C\nend\n"
    )
    assert clean(f"show run\n{body}sw1#", "show run", "sw1#") == body


def test_a_first_line_that_only_begins_like_the_command_stays() -> None:
    body = "show\nshow version of something else\n"
    assert clean(body, "show version", "sw1#") == body


@pytest.mark.parametrize("header", ["! Command: show running-config", "!Command: show running-config"])
def test_a_header_that_names_the_command_is_no_echo(header: str) -> None:
    body = f"{header}\n! device: sw1\nhostname sw1\nend\n"
    assert clean(f"sw1#show running-config\n{body}sw1#", "show running-config", "sw1#") == body
    assert clean(body, "show running-config", "sw1#") == body
    assert clean(body, "show running-config") == body


@pytest.mark.parametrize("echo", ["show alias", "sw1#show alias", "show alias\nsw1#show alias"])
@pytest.mark.parametrize(
    "body", [BODY, "show alias\nshow\n", "x\nsw1#\n", "show alias\n", "sw1#\n", "\n", ""]
)
def test_a_reply_loses_its_echo_and_its_prompt_and_no_more(echo: str, body: str) -> None:
    assert clean_reply(f"{echo}\n{body}sw1#", "show alias", "sw1#") == body


def test_a_reply_without_echo_keeps_its_first_line() -> None:
    assert clean_reply(f"{BODY}sw1#", "show alias", "sw1#") == BODY


def test_an_output_of_nothing_but_echo_and_prompt_is_empty() -> None:
    assert clean("sw1#show vrf\nsw1#", "show vrf", "sw1#") == ""
    assert clean("", "show vrf", "sw1#") == ""


def test_only_the_prompt_is_known() -> None:
    assert clean(f"sw1#show arp\n{BODY}sw1#", None, "sw1#") == BODY
    assert clean(f"{BODY}sw1#", None, "sw1#") == BODY


def test_stored_outputs_are_cleaned_only_when_both_ends_agree() -> None:
    assert clean_unknown(f"sw1#show arp\n{BODY}sw1#\n") == BODY
    assert clean(f"lab@r1> show arp\n{BODY}{{master:0}}\nlab@r1> ") == BODY
    for kept in (
        f"sw1#show arp\n{BODY}",
        f"{BODY}sw1#",
        f"sw1#show arp\n{BODY}sw2#",
        f"sw1#reload\n{BODY}sw1#",
        f"just words show arp\n{BODY}just words",
        "",
    ):
        assert clean_unknown(kept) == kept


@pytest.mark.parametrize(
    "residue",
    [
        " --More-- " + "\b" * 10 + " " * 10 + "\b" * 10,
        " --More--          ",
        "--More--\r\x1b[K",
        "\x1b[7m--More--\x1b[27m\r\x1b[K",
        "---(more 45%)---\r" + " " * 40 + "\r",
        "<--- More --->\r              \r",
        "  ---- More ----\x1b[16D                \x1b[16D",
        "-- MORE --, next page: Space, next line: Enter, quit: Control-C\x1b[2K\r",
        "-- MORE --, next page: Space, next line: Enter, quit: Control-C\n",
        " --More-- \n",
        " --More-- --More-- ",
        "--More--(12%)\n",
        "--More-- or (q)uit\n",
        "--More-- (q) quit (u) pageup (/) search (n) repeat\n",
        "lines 1-23/40 75%\n",
        "lines 24-40/40 (END)\n",
        "(END)\n",
        "Press any key to continue (Q to quit)\n",
        "Type <CR> to continue, Q<CR> to stop:\n",
        "More: <space>,  Quit: q or CTRL+Z, One line: <return> \n",
        "CTRL+C ESC q Quit SPACE n Next Page ENTER Next Entry a All\n",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_what_a_pager_left_behind_goes(residue: str, end: str) -> None:
    lines = ["Name   Id", "alpha  1", "", "beta   2", "a longer line than all of the others  3", "x"]
    raw = "".join(residue + line + end for line in lines)
    # Of an empty line behind a question on a line of its own nothing can be known.
    wanted = [line for line in lines if line]
    for text in (f"sw1#show thing{end}{raw}sw1#", raw):
        for cleaned in (clean(text, "show thing", "sw1#"), clean(text)):
            assert [line for line in cleaned.splitlines() if line] == wanted


@pytest.mark.parametrize(
    "line",
    [
        "lines 5-6 of the file",
        "lines 2-4  up",
        "more than 3 users",
        "-- more of it --",
        "press releases",
        "Type any value",
        "hit count 3",
        "x --More--",
        "-- [a] next page",
    ],
)
def test_lines_that_only_look_a_bit_like_a_pagers_stay(line: str) -> None:
    assert clean(f"x 1\n{line}\ny 2\n", "show x", "sw1#") == f"x 1\n{line}\ny 2\n"


def test_a_prompt_behind_a_last_line_without_end_goes() -> None:
    assert clean("sw1#show x\na 1\nb 2sw1#", "show x", "sw1#") == "a 1\nb 2"
    assert clean_reply("show x\na 1\nb 2[lab@r1] > ", "show x", "[lab@r1] >") == "a 1\nb 2"
    # A mark alone says too little.
    assert clean("a 1\nb 2>", "show x", ">") == "a 1\nb 2>"


def test_junos_context_above_the_echo_goes_with_it() -> None:
    framed = f"{{master:0}}\nlab@re0> show arp\n{BODY}\n{{master:0}}\nlab@re0> "
    assert clean(framed, "show arp", "lab@re0>") == f"{BODY}\n"
    assert clean(framed) == f"{BODY}\n"
    assert clean(f"{{master:0}}\n{BODY}", "show arp", "lab@re0>") == f"{{master:0}}\n{BODY}"


LINES = st.lists(
    st.sampled_from(
        [
            "show version",
            "sw1#",
            "sw1# ",
            "sw1#show version",
            "sw1#show ver",
            "",
            "  text",
            "{master:0}",
            "a@b>show version",
            "xsw1#",
            "a#",
            "--More--",
            "--More-- --More--x",
            "a\b \b",
            "a\rb",
        ]
    )
    | st.text("sho wver1#>@{}:[]\t", max_size=30),
    max_size=8,
).map("\n".join)


@settings(deadline=None, max_examples=300)
@given(LINES, st.sampled_from(["show version", "sh ver", None]), st.sampled_from(["sw1#", "a@b>", None]))
@example("show version\nshow version\nx\nsw1#\nsw1#", "show version", "sw1#")
@example("sw1#show version\nsw1#show version\nsw1#\nsw1#", None, None)
def test_cleaning_twice_changes_nothing_more(text: str, command: str | None, prompt: str | None) -> None:
    once = clean(text, command, prompt)
    assert clean(once, command, prompt) == once


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.text(
            st.characters(codec="ascii", exclude_categories=["Cc"], include_characters="\t"), max_size=60
        ),
        min_size=1,
    ),
    st.booleans(),
)
def test_any_body_survives_whole(lines: list[str], prompted: bool) -> None:
    body = "x first\n" + "\n".join(lines) + "\nlast\n"
    echo = "router-1>display version" if prompted else "display version"
    assert clean(f"{echo}\n{body}router-1>", "display version", "router-1>") == body
    assert clean(body, "display version", "router-1>") == body
