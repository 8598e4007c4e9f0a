"""What a tenant may write for people: what is kept, what is refused, and how the table holds it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing.core.grammar.front_door import (
    MAX_REPOSITORIES,
    FrontDoor,
    InvalidFrontDoor,
    ListedRepository,
    ink_on,
    parse_front_door,
    unified_lines,
)
from routing.core.table.front_door import NO_FRONT_DOOR, pack_front_door, parse_packed_front_door

GOOD = {"title": "", "text": "", "link": "", "leads_on": False, "colour": "", "repositories": ""}


def parsed(**parts: object) -> FrontDoor:
    return parse_front_door(**(GOOD | parts))  # type: ignore[arg-type]


def test_everything_that_can_be_written() -> None:
    front = parsed(
        title=" Images of Acme ",
        text="What we run.\r\n\r\nAsk us:  \r\nby mail.\n",
        link="https://acme.example:8443/docs?a=1#b",
        leads_on=True,
        colour="#0B5394",
        repositories="acme/app https://acme.example/app The app itself\n\n  acme/worker  Does the work\nacme/bare\n",
    )

    assert front == FrontDoor(
        "Images of Acme",
        "What we run.\n\nAsk us:\nby mail.",
        "https://acme.example:8443/docs?a=1#b",
        True,
        "#0b5394",
        (
            ListedRepository("acme/app", "https://acme.example/app", "The app itself"),
            ListedRepository("acme/worker", "", "Does the work"),
            ListedRepository("acme/bare"),
        ),
    )
    assert front.paragraphs == [["What we run."], ["Ask us:", "by mail."]]
    assert front.listed("acme/worker") == ListedRepository("acme/worker", "", "Does the work")
    assert front.listed("acme") is None


def test_nothing_is_a_front_door_too() -> None:
    assert parsed() == NO_FRONT_DOOR
    assert parsed().paragraphs == []


@pytest.mark.parametrize(
    ("field", "parts"),
    [
        ("title", {"title": "a" * 81}),
        ("title", {"title": "two\nlines"}),
        ("title", {"title": "moc.emca‮"}),
        ("text", {"text": "a" * 1001}),
        ("text", {"text": "bell\x07"}),
        ("text", {"text": "​hidden"}),
        *(
            ("link", {"link": link})
            for link in (
                *(
                    "http://acme.example",
                    "javascript:alert(1)",
                    "//acme.example",
                    "acme.example",
                    "https://",
                    "https:///x",
                ),
                *(
                    "https://user@acme.example",
                    "https://user:pass@acme.example/",
                    "https://acme.example:0",
                    "https://a_b/",
                ),
                *(
                    "https://acme.example/a b",
                    'https://acme.example/"x',
                    "https://acme.example/<x>",
                    "https://bücher.example",
                ),
                *(
                    "https://acme.example\\@evil.example",
                    "https://acme.example/\r\nSet-Cookie: a=b",
                    "https://acme.example/\x00",
                ),
                "https://acme.example/" + "a" * 300,
            )
        ),
        ("leads_on", {"leads_on": True}),
        *(("colour", {"colour": colour}) for colour in ("red", "#fff", "#12345g", "#1234567", "#123456;}", "123456")),
        *(
            ("repositories", {"repositories": lines})
            for lines in (
                *("Acme/App", "docker.acme.com:5000/app", "acme/app:1.0", "acme//app", "acme/app acme\x07", "a" * 256),
                *(
                    "acme/app http://acme.example",
                    "acme/app javascript://x",
                    "acme/app\nacme/app again",
                    "acme/app " + "a" * 121,
                ),
                "\n".join(f"acme/{number}" for number in range(MAX_REPOSITORIES + 1)),
                "acme/app\n" + " " * 8000,
            )
        ),
    ],
)
def test_what_can_not_be_shown_is_refused(field: str, parts: dict[str, object]) -> None:
    with pytest.raises(InvalidFrontDoor) as refusal:
        parsed(**parts)

    assert refusal.value.field == field
    assert str(refusal.value).endswith(".")


def test_a_list_says_which_line_is_wrong() -> None:
    with pytest.raises(InvalidFrontDoor, match="Line 3: Begin with a repository's name"):
        parsed(repositories="acme/app\n\nAcme/Tool")


@given(st.builds(FrontDoor, *(st.text() for _ in range(3)), st.booleans(), st.text(), st.just(())))
@example(FrontDoor(repositories=(ListedRepository("acme/app", "", "“words”"),)))
def test_the_table_gives_back_what_it_was_given(front: FrontDoor) -> None:
    packed = pack_front_door(front)

    assert parse_packed_front_door(packed) == front
    assert bool(packed) == (front != NO_FRONT_DOOR)


@pytest.mark.parametrize("packed", ["", "of another release", "[]", "{}", "7", json.dumps(["", "", "", False, "", 7])])
def test_what_this_release_does_not_know_is_none(packed: str) -> None:
    assert parse_packed_front_door(packed) == NO_FRONT_DOOR


def test_lines_end_in_one_way() -> None:
    assert unified_lines("\r\n a \r\nb\t\rc\x0bd\n\n") == " a\nb\nc\nd"


@given(st.integers(0, 0xFFFFFF))
@example(0x767676)
@example(0x777777)
def test_text_on_any_colour_reads_well(number: int) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    colour = f"#{number:06x}"
    light, dark = sorted((luminance(colour), luminance(ink_on(colour))), reverse=True)

    assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
