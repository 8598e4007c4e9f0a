"""Numbers of bytes, as people write and read them."""

import pytest
from django.core.exceptions import ValidationError

from routing.admin.base.sizes import exactly, in_words, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1073741824", 2**30),
        ("1 GiB", 2**30),
        ("100GiB", 100 * 2**30),
        ("1.5 MiB", 3 * 2**19),
        ("5 mb", 5 * 2**20),
        ("2 T", 2**41),
        (" 7 bytes ", 7),
    ],
)
def test_what_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["much", "-1", "1 parsec", "1 GiB more", "9" * 18 + " TiB", "", "٣ GiB"])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_size(text)


@pytest.mark.parametrize(("size", "words"), [(0, "0 bytes"), (100 * 2**30, "100 GiB"), (11 * 2**19, "5.5 MiB")])
def test_what_is_shown(size: int, words: str) -> None:
    assert in_words(size) == words


@pytest.mark.parametrize("size", [0, 1, 2**20, 2**30 + 1, 3 * 2**40, 10**18])
def test_a_form_shows_it_without_rounding(size: int) -> None:
    assert parse_size(exactly(size)) == size
