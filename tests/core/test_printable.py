"""Control characters, escape sequences and overrides of direction are taken out of what others wrote."""

from __future__ import annotations

import pytest

from routing.core.grammar.printable import printable, printable_header


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, “quoted” — ünïcode 日本語 🙂", "plain, “quoted” — ünïcode 日本語 🙂"),
        ("", ""),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hcleared", "cleared"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07rest", "]0;titlerest"),
        ("\x1bcreset", "creset"),
        ("a\r\nfake line\tb", "a  fake line b"),
        ("\u202egpj.exe\u2066x\u2069", "gpj.exex"),
        ("a\u200bb\ufeffc\u00ad", "abc"),
        ("a\u2028b\u2029c\u0085d", "a b c d"),
        ("\x00\x7f\x80", ""),
        ("\ud800", ""),
        ("\x1b[", "["),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ('299 - "a warning"', b'299 - "a warning"'),
        ('299 - "\u202eno"'.encode().decode("latin-1"), b'299 - "no"'),
        ("ü".encode().decode("latin-1"), "ü".encode()),
        ("\x1b[31mx", b"x"),
        ("\x9b31mx", "\ufffd31mx".encode()),
    ],
)
def test_a_header_is_read_as_it_is_meant(value: str, sent: bytes) -> None:
    assert printable_header(value).encode("latin-1") == sent
