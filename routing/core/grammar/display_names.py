"""Names that people read: of users, tenants, API tokens. What looks like another name, or reorders its line, is none.

Unicode Technical Standard 39: normalised (NFKC), and of one script, or of those that are written together ("highly
restrictive", §5.2), so that no Cyrillic letter stands for a Latin one.
"""

import unicodedata

# Control and format characters (overrides of direction, what has no width), line and paragraph separators, halves of
# characters, private and unassigned ones.
_NEVER = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
# Letters by their Unicode names that go with any script, or with Chinese characters.
_COMMON, _CJK = frozenset({"MODIFIER", ""}), frozenset({"IDEOGRAPHIC", "KATAKANA-HIRAGANA", "VERTICAL"})
_MAX_MARKS = 4


class InvalidName(ValueError):
    """Text that is no name. The message says what is wrong with it, and doesn't hold the text."""


def normalise_name(text: str) -> str:
    """The name as it is kept: NFKC, and single blanks between words. Raises InvalidName."""
    normalised = unicodedata.normalize("NFKC", text.strip())
    if any(unicodedata.category(letter) in _NEVER for letter in normalised):
        raise InvalidName("it must have no line breaks, and no control or invisible characters")
    name = " ".join(normalised.split())
    marks = 0
    for letter in name:
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        if marks > _MAX_MARKS:
            raise InvalidName("too many marks stand on one letter")
    scripts = {_script_of(letter) for letter in name if unicodedata.category(letter).startswith("L")} - {""}
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        mixed = " and ".join(sorted(script.capitalize() for script in scripts))
        raise InvalidName(f"it mixes letters of {mixed}: letters that look alike must not stand for one another")
    return name


def _script_of(letter: str) -> str:
    """The script, by the first word of the letter's Unicode name; "" where it goes with any."""
    first = unicodedata.name(letter, "").partition(" ")[0]
    if first in _COMMON:
        return ""
    return "CJK" if first in _CJK else first
