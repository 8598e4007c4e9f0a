"""Names that people read: normalised, of one script, and of one line that reads the way it is written."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.grammar.display_names import InvalidName, normalise_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Acme", "Acme"),
        ("  Acme   Ltd ", "Acme Ltd"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}cme", "Acme"),
        ("Cafe\N{COMBINING ACUTE ACCENT}", "Caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("Acme\N{NO-BREAK SPACE}Ltd", "Acme Ltd"),
        ("O'Neill & Söhne, Nr. 5 (EU) - 50 %", "O'Neill & Söhne, Nr. 5 (EU) - 50 %"),
        ("Яндекс 24", "Яндекс 24"),
        ("株式会社アクメ Tokyo", "株式会社アクメ Tokyo"),
        ("佐々木ラーメン", "佐々木ラーメン"),
        ("한국 Acme", "한국 Acme"),
        ("الشركة", "الشركة"),
        ("Hawai\N{MODIFIER LETTER TURNED COMMA}i", "Hawai\N{MODIFIER LETTER TURNED COMMA}i"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert normalise_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "Acme\nLtd",
        "Acme\r\nBcc: everybody@example.com",
        "Acme\N{LINE SEPARATOR}Ltd",
        "Acme\N{NEXT LINE}Ltd",
        "Acme\x00",
        "Acme\x1b[31m",
        "Acme\N{RIGHT-TO-LEFT OVERRIDE}emca",
        "Acme\N{LEFT-TO-RIGHT ISOLATE}",
        "Ac\N{ZERO WIDTH SPACE}me",
        "Ac\N{SOFT HYPHEN}me",
        "Ac\N{ZERO WIDTH JOINER}me",
        "Acme\ud800",
        "Acme\ue000",
        "\N{CYRILLIC SMALL LETTER A}cme",
        "Acm\N{GREEK SMALL LETTER EPSILON}",
        "\N{CHEROKEE LETTER A}cme",
        "한국カナ",
        "Z" + "\N{COMBINING ACUTE ACCENT}" * 9,
    ],
)
def test_what_could_pass_for_another_name(text: str) -> None:
    with pytest.raises(InvalidName) as refusal:
        normalise_name(text)
    assert text not in str(refusal.value)


@given(st.text())
def test_a_name_stays_as_it_is(text: str) -> None:
    try:
        name = normalise_name(text)
    except InvalidName:
        return

    assert normalise_name(name) == name
    assert unicodedata.is_normalized("NFKC", name)
    assert name == name.strip()
    assert all(letter.isprintable() for letter in name)
