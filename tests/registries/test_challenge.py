from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.registries.auth.challenge import Challenge, find_challenge, format_bearer, parse_challenges

TOKENS = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=12)
VALUES = st.text([chr(code) for code in range(0x20, 0x7F)], max_size=40)
PARAMS = st.dictionaries(TOKENS.map(str.lower), VALUES, min_size=0, max_size=4)
TOKEN68 = st.from_regex(r"[A-Za-z0-9._~+/-]{1,20}={0,2}", fullmatch=True)
CHALLENGES = st.one_of(
    st.builds(Challenge, TOKENS, PARAMS),
    st.builds(Challenge, TOKENS, st.just({}), TOKEN68),
)


@pytest.mark.parametrize(
    ("line", "challenges"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
            [
                Challenge(
                    "Bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ('bAsIc Realm = "Registry Realm"', [Challenge("bAsIc", {"realm": "Registry Realm"})]),
        (r'Basic realm="say \"hi\", \\ or , not"', [Challenge("Basic", {"realm": 'say "hi", \\ or , not'})]),
        (
            'Negotiate, Digest realm="a, b", qop=auth , Basic realm="c"',
            [
                Challenge("Negotiate"),
                Challenge("Digest", {"realm": "a, b", "qop": "auth"}),
                Challenge("Basic", {"realm": "c"}),
            ],
        ),
        (
            "NTLM TlRMTVNTUAAC==, Basic realm=x",
            [Challenge("NTLM", token68="TlRMTVNTUAAC=="), Challenge("Basic", {"realm": "x"})],
        ),
        (' , ,Basic realm="x", ,', [Challenge("Basic", {"realm": "x"})]),
        ('Bearer realm="1",realm="2"', [Challenge("Bearer", {"realm": "1"})]),
        ("Basic", [Challenge("Basic")]),
        ("", []),
        ("@@@", []),
        # Sloppy registries: what is whole counts.
        ("Basic realm=Registry Realm", [Challenge("Basic")]),
        ('Basic realm="x", Bearer realm="never closed', [Challenge("Basic", {"realm": "x"}), Challenge("Bearer")]),
    ],
)
def test_challenges_are_read(line: str, challenges: list[Challenge]) -> None:
    assert list(parse_challenges(line)) == challenges


def test_several_lines_are_read_in_order() -> None:
    assert [found.kind for found in parse_challenges(['Basic realm="a"', 'Bearer realm="b", Negotiate'])] == [
        "basic",
        "bearer",
        "negotiate",
    ]


def test_the_preferred_kind_is_found_wherever_it_stands() -> None:
    found = find_challenge(['BASIC realm="a"', 'BEARER realm="b"'], "bearer", "basic")
    assert found == Challenge("BEARER", {"realm": "b"})
    assert find_challenge("Negotiate", "bearer", "basic") is None


@given(st.lists(CHALLENGES, min_size=1, max_size=4))
def test_what_is_formatted_is_read_back(challenges: list[Challenge]) -> None:
    assert list(parse_challenges(", ".join(map(str, challenges)))) == challenges
    assert list(parse_challenges(list(map(str, challenges)))) == challenges


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    for line in (text, f"Bearer {text}", f'Bearer realm="{text}', f"Bearer realm={text}"):
        parse_challenges(line)


def test_a_long_hostile_line_is_read_in_no_time() -> None:
    assert parse_challenges("Bearer " + 'a="' + "\\" * 8_001) == (Challenge("Bearer"),)
    assert len(parse_challenges("a ," * 2_700)) == 2_700
    assert parse_challenges("a ," * 30_000) == ()


def test_a_bearer_challenge_is_formatted_for_docker() -> None:
    assert (
        format_bearer("https://docker.acme.com/token", "docker.acme.com", "repository:acme/app:pull", "invalid_token")
        == 'Bearer realm="https://docker.acme.com/token",service="docker.acme.com",'
        'scope="repository:acme/app:pull",error="invalid_token"'
    )
    assert format_bearer("https://h/token", 'a"b\\c') == r'Bearer realm="https://h/token",service="a\"b\\c"'


@pytest.mark.parametrize("bad", ["a\r\nX: y", "a\x00", "tab\t", "\x7f", "ü"])
def test_what_would_split_or_garble_the_header_is_refused(bad: str) -> None:
    for arguments in ((bad, "s"), ("r", bad), ("r", "s", bad), ("r", "s", "x", bad)):
        with pytest.raises(ValueError, match="printable ASCII"):
            format_bearer(*arguments)
    with pytest.raises(ValueError, match="token"):
        str(Challenge(bad, {"a": "b"}))
    with pytest.raises(ValueError, match="token"):
        str(Challenge("Bearer", {bad: "b"}))
    with pytest.raises(ValueError, match="token68"):
        str(Challenge("Negotiate", token68=bad))
