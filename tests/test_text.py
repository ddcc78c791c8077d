"""Untrusted bytes become safe text, whatever the chunks they come in."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vctui.ssh.typed import pair_up
from vctui.text import TerminalText, safe_line

FRAGMENTS = st.one_of(
    st.sampled_from(
        [
            *(b"\r", b"\n", b"\r\n", b"\r\r\n", b"\b", b"\b \b", b"\t", b"\0", b"\a", b"\x7f", b"\x1b"),
            *(b"\x1b[", b"\x1b[K", b"\x1b[2K", b"\x1b[1K", b"\x1b[5D", b"\x1b[3C", b"\x1b[24;7H", b"\x1b[2P"),
            *(b"\x1b[31;1m", b"\x1b]0;title\a", b"\x1b]52;c;QUJD\x1b\\", b"\x1b]8;;http://x\x1b"),
            *(b"\x1bPq~~\x1b\\", b"\x1b(B", b"\x1b#8", b"\x1bE", b"\x1b7", b"\x1b^pm\x9c", b"\xc2\x9b31m"),
            *(b"\xc2\x9d0;x\xc2\x9c", b"\xc2\x85", b"\x9b", b"\xff", b"\xe2\x82", b"\xf0\x9f\x98\x80"),
            *(b"\xc3\xa9", b" --More-- ", b"r1#", b"    "),
        ]
    ),
    st.binary(max_size=12),
    st.text(max_size=12).map(str.encode),
)


def decode(*chunks: bytes) -> str:
    terminal = TerminalText()
    return "".join([terminal.feed(chunk) for chunk in chunks] + [terminal.finish()])


def assert_safe(text: str) -> None:
    bad = [char for char in text if char not in "\n\t" and unicodedata.category(char) == "Cc"]
    assert not bad, bad


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"one\r\ntwo\r\r\nthree\n", "one\ntwo\nthree\n"),
        (b"   \r\nx", "   \nx"),
        (b"12345\rab", "ab345"),
        (b"12345\r\nab", "12345\nab"),
        (b"abc\b\bX", "aXc"),
        (b"shox\b \bw", "show"),
        (b"\bx", "x"),
        (b"a\0b\ac\x7fd\x0be", "abcde"),
        (b"a\tb", "a\tb"),
        (b"\x1b[31;1mred\x1b[0m", "red"),
        (b"\x1b[?2004h$ ", "$ "),
        (b"abcdef\x1b[3D\x1b[K", "abc"),
        (b"abcdef\x1b[2K\rxy", "xy"),
        (b"abcdef\x1b[3D\x1b[1KX", "   Xef"),
        (b"abcdef\r\x1b[2P", "cdef"),
        (b"abc\x1b[1GX", "Xbc"),
        (b"abc\x1b[24;1HX", "Xbc"),
        (b"\x1b[H\x1b[Jx", "x"),
        (b"a\x1bEb", "a\nb"),
        (b"a\x1b(Bb\x1b)0c", "abc"),
        (b"a\x1b", "a"),
        (b"a\x1b\nb", "a\nb"),
        (b"a\x1b[31", "a"),
        (b"a\x1b[3\nb", "a\nb"),
        (b"\x1b]0;evil\x07ok", "ok"),
        (b"\x1b]52;c;QUJD\x1b\\ok", "ok"),
        (b"\x1b]0;no end\nok", "\nok"),
        (b"\x1bP1$r\x1b\\\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\ok", "ok"),
        ("\x9b31mred\x9d0;t\x9cok".encode(), "redok"),
        (b"\x9b31m", "\ufffd31m"),
        (b"caf\xc3\xa9 \xe2\x82\xac", "café €"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b" --More-- \b\b\b\b\b\b\b\b\b\b          \b\b\b\b\b\b\b\b\b\bend\r\n", "end\n"),
    ],
)
def test_what_a_terminal_shows(raw: bytes, shown: str) -> None:
    assert decode(raw) == shown


@pytest.mark.parametrize(
    "residue",
    [
        b"\b" * 10 + b" " * 10 + b"\b" * 10,
        b"\r" + b" " * 12 + b"\r",
        b"\x1b[42D" + b" " * 42 + b"\x1b[42D",
        b"\r\x1b[K",
        b"\x1b[2K\r",
        b"\r",
        b"",
    ],
)
def test_a_dropped_pager_leaves_no_trace(residue: bytes) -> None:
    terminal = TerminalText()
    assert terminal.feed(b"one\r\n --More-- ") == "one\n"
    assert terminal.drop_tail() == " --More-- "
    assert terminal.feed(residue + b" two\r\n") == " two\n"


def test_the_tail_is_the_unfinished_line() -> None:
    terminal = TerminalText()
    assert terminal.feed(b"one\r\nr1") == "one\n"
    assert (terminal.tail, terminal.tail_length) == ("r1", 2)
    assert terminal.feed(b"\x1b[1m#\x1b[0m ") == ""
    assert (terminal.tail, terminal.tail_length) == ("r1# ", 4)
    assert terminal.feed(b"\r") == ""
    assert terminal.tail == "r1# "


SAMPLE = (
    "r1#show run\r\nhostname é\r\n\x1b]52;c;QUJD\x1b\\--More--\b\b\b\b\b\b\b\b        \b\b\b\b\b\b\b\b"
    "\x1b[31mred\x1b[0m€\x9b2K\x9d0;t\x9c\r\r\nab\rX\x1b(0\x1b[24;3Hz😀\x1bP q\x1b\\\t\x7f\r\n"
).encode() + b"\xff\xe2\x82 \xf0\x9f\r\nr1# "


def test_every_split_gives_the_same() -> None:
    sample = SAMPLE * 4
    whole = decode(sample)
    assert_safe(whole)
    for offset in range(len(sample) + 1):
        assert decode(sample[:offset], sample[offset:]) == whole
    assert decode(*(sample[i : i + 1] for i in range(len(sample)))) == whole


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, max_size=30).map(b"".join), st.data())
def test_chunks_do_not_matter(raw: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    chunks = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    whole = decode(raw)
    assert decode(*chunks) == whole
    assert_safe(whole)


class OneByOne(TerminalText):
    """Takes every character as a terminal does, and nothing in one go."""

    def _plain(self, data: bytes, read: str) -> str | None:
        return None


PLAIN = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"vlan 7\r\n!\r\n",
        b"r1#",
        b" ",
        b"\tdown\n",
        b"\n\r",
        b"Z\xc3\xbcrich\r\n",
        b"\xc3",
        b"\xc2",
        b"\r\r\n",
        b"vlan\n\rup\n\r",
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(st.lists(PLAIN, max_size=6).map(b"".join), FRAGMENTS), max_size=12))
def test_text_in_one_go_is_what_a_terminal_shows(chunks: list[bytes]) -> None:
    quick, slow = TerminalText(), OneByOne()
    for chunk in chunks:
        quick.echo, slow.echo = [], []
        finished = quick.feed(chunk)
        assert finished == slow.feed(chunk)
        assert quick.tail == slow.tail
        assert list(pair_up(finished, quick.echo)) == list(pair_up(finished, slow.echo))
    assert quick.finish() == slow.finish()


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_plain_text_comes_through_unchanged(text: str) -> None:
    assert decode(text.encode()) == text


@pytest.mark.parametrize("introducer", [b"\x1b]0;", b"\x1b[", b"\x1bP", b"\x1b("])
def test_an_endless_sequence_does_not_swallow_the_output(introducer: bytes) -> None:
    filler = b"(" if introducer == b"\x1b(" else b"1"
    assert "r1#" in decode(introducer + filler * 10_000 + b"\r\nr1#")


def work(raw: bytes, size: int) -> int:
    """Characters handed out, when the raw bytes come in pieces of `size`."""
    terminal = TerminalText()
    total = sum(len(terminal.feed(raw[i : i + size])) for i in range(0, len(raw), size))
    return total + len(terminal.finish())


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"x" * 5_000_000, 5_000_000),
        (b"x" * 2_500_000 + b"\r" + b"y" * 2_500_000, 5_000_000),  # too long to be drawn over
        (b"interface Gi1/0/1\r\n" * 250_000, 18 * 250_000),
        (b"\rab\bc" * 200_000, 2),
        (b"\x1b[" * 500_000, 0),
    ],
)
def test_five_megabytes_in_small_feeds(raw: bytes, shown: int) -> None:
    # Anything quadratic here would take minutes, not a second.
    assert work(raw, 512) == shown


@pytest.mark.parametrize("edit", [b"\x1b[1K", b"\x1b[P", b"\b", b"\x1b[500G\x1b[1K", b"\rx"])
def test_edits_of_a_long_line_cost_little(edit: bytes) -> None:
    # On a line of 300,000 cells, each of these edits would cost its length.
    assert work(b"x" * 300_000 + edit * 20_000, 4096) >= 300_000
    assert work(b"x" * 1000 + edit * 20_000, 4096) <= 1000


QUESTION = b"one\r\n --More-- "


@pytest.mark.parametrize(
    ("after", "shown", "left"),
    [
        (b"\b" * 10 + b" " * 10 + b"\b" * 10 + b"two\r\n", "two\n", False),
        (b"\b" * 9 + b" " * 8 + b"\b" * 9 + b"two\r\n", "two\n", False),
        (b"\r" + b" " * 12 + b"\rtwo\r\n", "two\n", False),
        (b"\x1b[42D" + b" " * 42 + b"\x1b[42Dtwo\r\n", "two\n", False),
        (b"\r\x1b[Ktwo\r\n", "two\n", False),
        (b"\x1b[2K\rtwo\r\n", "two\n", False),
        (b"\rtwo\r\n", "two\n", False),
        (b"(q) \r\x1b[Ktwo\r\n", "two\n", False),
        (b"\r\ntwo\r\n", " --More-- \ntwo\n", True),
        (b"\r\x1b[K\r\ntwo\r\n", "\ntwo\n", False),
    ],
)
def test_an_answered_question_is_erased_by_the_device(after: bytes, shown: str, left: bool) -> None:
    for size in (1, 2, 3, 100):
        terminal = TerminalText()
        assert terminal.feed(QUESTION) == "one\n"
        terminal.answer()
        text = "".join(terminal.feed(after[at : at + size]) for at in range(0, len(after), size))
        assert text == shown
        assert terminal.left == ([" --More-- "] if left else [])


def test_a_device_that_goes_on_behind_its_question() -> None:
    terminal = TerminalText()
    terminal.feed(QUESTION)
    terminal.answer()
    assert terminal.feed(b"two\r\nthree\r\n") == " --More-- two\nthree\n"
    assert terminal.overrun == {" --More-- two": 10}


def test_a_question_that_nobody_answered_is_output() -> None:
    terminal = TerminalText()
    assert terminal.feed(QUESTION + b"two\r\n") == "one\n --More-- two\n"


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (b"\x1b[c", "\x1b[?1;2c"),
        (b"\x1b[0c", "\x1b[?1;2c"),
        (b"\x1bZ", "\x1b[?1;2c"),
        (b"\x1b[5n", "\x1b[0n"),
        (b"\x1b[6n", "\x1b[24;1R"),
        (b"abc\x1b[6n", "\x1b[24;4R"),
        (b"\x1b[H\x1b[6n", "\x1b[1;1R"),
        (b"\x1b[999;999H\x1b[6n", "\x1b[24;999R"),
        (b"\x1b[31m\x1b[2J", ""),
    ],
)
def test_what_a_terminal_answers(query: bytes, answer: str) -> None:
    terminal = TerminalText()
    for byte in query:
        terminal.feed(bytes([byte]))
    assert terminal.take_answers() == answer
    assert terminal.take_answers() == ""
    terminal.feed(query * 10_000)
    assert len(terminal.take_answers()) < 200


def test_how_a_line_was_drawn() -> None:
    terminal = TerminalText()
    terminal.echo = []
    assert terminal.feed(b"show interf \races\r\nx\n") == "aces interf \nx\n"
    assert terminal.echo == [("aces interf ", "show interf aces"), ("x", "x")]


def test_an_unfinished_line_is_not_copied_at_each_feed() -> None:
    terminal = TerminalText()
    for _ in range(2000):
        terminal.feed(b"x" * 512)
    assert len(terminal._line._parts) == 2000
    assert terminal.tail_length == 2000 * 512
    assert len(terminal.tail) == 2000 * 512
    assert len(terminal._line._parts) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("a\nb\r\nc\td", "a b c d"),
        ("\x1b]0;x\x07", "\ufffd]0;x\ufffd"),
        ("\x9b31m", "\ufffd31m"),
        ("a\u202egpj.exe", "a\ufffdgpj.exe"),
        ("a\u200bb\ufeffc", "a\ufffdb\ufffdc"),
        ("a\u2028b", "a b"),
        ("\ud800", "\ufffd"),
        ("café 日本", "café 日本"),
        ("[red]x[/]", "[red]x[/]"),
    ],
)
def test_safe_line(text: str, line: str) -> None:
    assert safe_line(text) == line


def test_safe_line_is_cut() -> None:
    assert safe_line("x" * 10, limit=10) == "x" * 10
    assert safe_line("x" * 11, limit=10) == "x" * 9 + "…"
    assert len(safe_line("\r\n" * 5000, limit=100)) == 100


@settings(max_examples=300)
@given(st.text(), st.integers(1, 40))
def test_safe_line_is_always_one_safe_line(text: str, limit: int) -> None:
    line = safe_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in line)
