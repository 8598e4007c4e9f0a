from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.registries.url import RegistryUrl, parse_registry_url, resolve_location


@pytest.mark.parametrize(
    ("url", "target", "origin"),
    [
        ("https://ghcr.io", RegistryUrl("https", "ghcr.io", 443, "/", "ghcr.io"), "https://ghcr.io"),
        ("https://GHCR.io:443/v2/", RegistryUrl("https", "ghcr.io", 443, "/v2/", "ghcr.io"), "https://ghcr.io"),
        (
            "http://my_registry:5000/v2/?n=1",
            RegistryUrl("http", "my_registry", 5000, "/v2/?n=1", "my_registry:5000"),
            "http://my_registry:5000",
        ),
        ("http://h?a=b", RegistryUrl("http", "h", 80, "/?a=b", "h"), "http://h"),
        ("https://h/p?", RegistryUrl("https", "h", 443, "/p?", "h"), "https://h"),
        ("https://h/p?a=%2f&b=\"|{}'#fragment", RegistryUrl("https", "h", 443, "/p?a=%2f&b=\"|{}'", "h"), "https://h"),
        (
            "https://[2001:DB8::1]:8443/x",
            RegistryUrl("https", "2001:db8::1", 8443, "/x", "[2001:db8::1]:8443"),
            "https://[2001:db8::1]:8443",
        ),
        ("https://192.0.2.1/", RegistryUrl("https", "192.0.2.1", 443, "/", "192.0.2.1"), "https://192.0.2.1"),
    ],
)
def test_a_url_is_taken_apart(url: str, target: RegistryUrl, origin: str) -> None:
    assert parse_registry_url(url)[:5] == target[:5]
    assert parse_registry_url(url).origin == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ghcr.io/v2/",
        "//ghcr.io/v2/",
        "/v2/",
        "ftp://ghcr.io/",
        "file:///etc/passwd",
        "unix:///run/docker.sock",
        "https://",
        "https:///v2/",
        "https://user:secret@ghcr.io/",
        "https://ghcr.io@evil.example/",
        "https://ghcr.io\\@evil.example/",
        "https://ghcr.io/\\evil",
        "https://ghcr.io/a b",
        "https://ghcr.io/a\r\nHost: evil",
        "https://ghcr.io/\x00",
        "https://ghcr.io/ü",
        "https://bücher.example/",
        "https://ghcr.io:port/",
        "https://ghcr.io:99999/",
        "https://[::1/",
        "https://[evil]/",
        "https://-bad/",
        "https://a..b/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://1.2.3.4.5/",
        "https://h/" + "a" * 20_000,
    ],
)
def test_what_is_no_plain_http_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="the address") as caught:
        parse_registry_url(url)
    assert "secret" not in str(caught.value)


@given(st.text())
def test_any_text_is_a_target_or_a_value_error(text: str) -> None:
    for url in (text, f"https://{text}", f"https://h/{text}"):
        try:
            target = parse_registry_url(url)
        except ValueError:
            continue
        assert parse_registry_url(target.origin + target.path) == target


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://cdn.example/x?sig=A%2fb&e=", "https://cdn.example/x?sig=A%2fb&e="),
        ("HTTPS://cdn.example/x?", "HTTPS://cdn.example/x?"),
        ("/storage/x?sig=1", "https://reg.example/storage/x?sig=1"),
        ("other", "https://reg.example/v2/a/blobs/other"),
        ("//cdn.example/x", "https://cdn.example/x"),
    ],
)
def test_a_location_is_followed_from_where_it_was_answered(location: str, expected: str) -> None:
    assert resolve_location("https://reg.example/v2/a/blobs/sha256:0", location) == expected


@pytest.mark.parametrize(
    "location", ["javascript:alert(1)", "file:///etc/passwd", "https://u:p@h/", "https://h/\r\nx: y"]
)
def test_a_malformed_location_is_refused(location: str) -> None:
    with pytest.raises(ValueError, match="the address"):
        resolve_location("https://reg.example/", location)
