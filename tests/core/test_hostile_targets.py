"""Whatever a request holds, the facade names no origin but a configured registry's, and never fails (R7.2, R7.5).

Tens of thousands of requests, made to look like good ones with something wrong in them: EXAMPLES for each test.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx2
from hypothesis import given, note, settings
from hypothesis import strategies as st

from routing.core.decide import Request, decide
from routing.core.decisions import (
    Challenge,
    Control,
    Decision,
    Former,
    LocateBlob,
    Page,
    PingOk,
    Redirect,
    RedirectToHolder,
    Refuse,
    Relay,
    Token,
)
from routing.core.table.mapping_entry import Flag, MappingEntry
from routing.core.table.routing_table import RegistryEntry, Table
from tests.core.contract import CONTROL_HOSTS, DIGEST, HOSTS, MAPPINGS, ON, REGISTRIES, TENANTS, build_table
from tests.examples import examples

# Five tests of this many: 55,000 requests.
MANY = 11_000
EXAMPLES = examples(MANY)
SETTINGS = settings(max_examples=EXAMPLES, deadline=None, database=None)
ALL_REGISTRIES = {**REGISTRIES, "v6": RegistryEntry("http://[2001:db8::5]:5000", "[2001:db8::5]:5000")}
ALL_MAPPINGS = {**MAPPINGS, "docker.acme.com/v6": MappingEntry("v6", "v6", ON | Flag.REDIRECT_ONLY | Flag.ALLOW_PUSH)}
TABLE = Table.build(
    build_table().policy, 1, TENANTS.items(), ALL_REGISTRIES.items(), HOSTS.items(), ALL_MAPPINGS.items()
)

NASTY = [
    *("%2f", "%2F", "%2e%2e", "%00", "%0d%0a", "%", "%5c", "%25", "%40", "%c0%af"),
    *("\r\n", "\n", "\r", "\x00", "\t", " ", "\x0b", "\x1f", "\x7f", "\x85", "\xa0", "\xad", "\xff", "\xc3\xa9"),
    *("\\", "//", "/../", "/./", "..", ".", "...", "@", ":", "#", "?", "&", "=", ";", ",", "|", "~", "+", "*"),
    *('"', "'", "<", ">", "(", ")", "{", "}", "[", "]", "^", "`", "$", "!"),
    *("evil.example", "@evil.example", "//evil.example", "https://evil.example", ":80@evil.example", ".evil.example"),
    *("Location: https://evil.example", "javascript:", "http:", "localhost:22", "[::1]", "[v1.x]"),
]
WORDS = [
    *("acme", "app", "web", "tools", "secret", "dotnet", "net", "basic", "new", "plain", "push", "root", "tags", "v6"),
    *("manifests", "blobs", "uploads", "list", "referrers", "v2", "v1", "token", "_catalog", "off", "long", "x" * 90),
]
MAPPED = sorted({key.split("/")[1] for key in ALL_MAPPINGS if key.startswith("docker.acme.com/")})
TAILS = [
    *("manifests/1.0", f"manifests/{DIGEST}", f"blobs/{DIGEST}", "tags/list", f"referrers/{DIGEST}") * 4,
    *("blobs/uploads/", "blobs/uploads", "blobs/uploads/0a1b", "manifests/", "blobs/", "manifests", "tags"),
]
METHODS = [*["GET"] * 30, "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "", "\n"]
AGENTS = ["docker/25.0", "containers/5", "containerd/2.0", "", "\x00", "docker/" + "9" * 300, "\xff/1"]
KNOWN_HOSTS = [*["docker.acme.com"] * len(HOSTS) * 3, *HOSTS]
QUERIES = ["", "", "", "n=5&last=x", "scope=repository:acme/app:pull", "ns=docker.io"]
OTHER_PATHS = ["/v2/", "/v2", "/token", "/", "/v2/_catalog", "/v1/search", "/admin/"]


class Choices:
    """Makes a request from bytes, one a choice: some ten times as fast as composed strategies, and it still shrinks.

    The first of every list is harmless, so that a failing example shrinks to the one thing that matters.
    """

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def number(self, below: int) -> int:
        return next(self._data, 0) % below

    def one(self, texts: list[str]) -> str:
        return texts[self.number(len(texts))]

    def some(self, texts: list[str], most: int, joined: str = "") -> str:
        return joined.join(self.one(texts) for _ in range(self.number(most) + 1))

    def path(self) -> str:
        if self.number(8) == 7:
            return self.one(OTHER_PATHS)
        return f"/v2/{self.one(MAPPED)}/{self.some(WORDS, 2, '/')}/{self.one(TAILS)}"

    def spoiled(self, text: str, nasty: list[str] = NASTY) -> str:
        """The text, or half of the time the text with something put in, or in place of something."""
        for _ in range((0, 0, 0, 0, 1, 1, 1, 2)[self.number(8)]):
            position = self.number(len(text) + 1)
            text = text[:position] + self.one(nasty) + text[position + self.number(3) :]
        return text

    def request(self, *, host: str | None = None, path: str | None = None, query: str | None = None) -> Request:
        """A request with what is given, and otherwise nothing wrong with it but perhaps its method or client."""
        return Request(
            self.one(METHODS),
            self.one(KNOWN_HOSTS) if host is None else host,
            self.path() if path is None else path,
            self.one(QUERIES) if query is None else query,
            self.one(AGENTS),
            self.number(2) == 1,
        )


def origins_of(host: str) -> set[str]:
    """The origins to which requests for a (normalised) hostname may be led: its own mappings' registries."""
    keys = {entry.registry for key, entry in ALL_MAPPINGS.items() if key.partition("/")[0] == host}
    return {ALL_REGISTRIES[key].origin for key in keys}


def served_as(host: str) -> str:
    """The hostname in the table under which a (normalised) host is served: itself, or the wildcard above it."""
    return host if host in HOSTS else "*." + host.partition(".")[2]


ORIGINS = {host: origins_of(host) for host in HOSTS}
# A path that every reader takes for the same thing; the query, if any, is of printable ASCII.
PLAIN_PATH = re.compile(r"/v2/(?:[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*/)*[a-z]*(?:/[A-Za-z0-9_.:=+~-]*)*", re.ASCII)
PRINTABLE = re.compile(r"[\x21-\x7e]*")


def check_url(url: str, request: Request) -> None:
    """The URL is at the origin of one of the hostname's own registries, for whoever reads it, and holds no surprise."""
    host = (
        request.host.lower().rpartition("]")[0] + "]" if "[" in request.host else request.host.lower().partition(":")[0]
    )
    origins = ORIGINS[served_as(host.removesuffix("."))]
    (origin,) = (origin for origin in origins if url.startswith(origin + "/v2/"))
    split, parsed, own = urlsplit(url), httpx2.URL(url), urlsplit(origin)
    assert (split.scheme, split.netloc) == (own.scheme, own.netloc)
    assert (split.username, split.password) == (None, None)
    assert (parsed.scheme, parsed.host, parsed.port) == (own.scheme, own.hostname, own.port)
    assert parsed.userinfo == b""
    assert PRINTABLE.fullmatch(url)
    path, mark, query = url[len(origin) :].partition("?")
    assert PLAIN_PATH.fullmatch(path)
    assert "/../" not in path + "/"
    assert "/./" not in path + "/"
    assert (mark + query) in ("", f"?{request.query}")


def check_former(former: Former | None, request: Request) -> None:
    if former is not None:
        there = former.decision
        check_url(there.location if isinstance(there, Redirect) else there.url, request)


def judge(request: Request) -> Decision:
    decision = decide(TABLE, request)
    if isinstance(decision, Redirect):
        check_url(decision.location, request)
    elif isinstance(decision, RedirectToHolder):
        check_url(decision.location, request)
        check_former(decision.former, request)
    elif isinstance(decision, Relay | LocateBlob):
        check_url(decision.url, request)
        check_former(decision.former, request)
    elif isinstance(decision, Refuse):
        assert 400 <= decision.status < 500
        assert decision.code
        assert decision.message
        assert PRINTABLE.fullmatch(decision.allow.replace(" ", ""))
    elif isinstance(decision, Challenge):
        assert served_as(decision.host) in HOSTS
        assert re.fullmatch(r"(?:repository:[a-z0-9._/-]+:pull)?", decision.scope)
    elif isinstance(decision, Token):
        assert served_as(decision.host) in HOSTS
    elif isinstance(decision, Control):
        assert any(name in request.host.lower() for name in CONTROL_HOSTS)
    elif isinstance(decision, Page):
        assert request.method in ("GET", "HEAD")
        assert not request.path.startswith(("/v2/", "/v1/"))
        assert request.path not in ("/v2", "/token")
    else:
        assert isinstance(decision, PingOk)
    return decision


def judged(request_from: Callable[[bytes], Request], length: int = 24) -> Counter[type[Decision]]:
    """Judge EXAMPLES requests, made from bytes; how many got which kind of decision."""
    seen: Counter[type[Decision]] = Counter()

    @SETTINGS
    @given(st.binary(min_size=length, max_size=length))
    def judge_one(data: bytes) -> None:
        request = request_from(data)
        note(str(request))
        seen[type(judge(request))] += 1

    run: Callable[[], None] = judge_one
    run()
    assert seen.total() >= EXAMPLES
    return seen


def check_share(seen: Counter[type[Decision]], share: float, *kinds: type[Decision]) -> None:
    """Each kind of decision has more than this share: the test does not look at one kind alone.

    The first examples are simple ones, so of the few that the fast profile tries nothing can be said.
    """
    if EXAMPLES == MANY:
        assert min(seen[kind] for kind in kinds) > share * EXAMPLES, seen


def test_targets_that_are_nearly_good() -> None:
    def request_from(data: bytes) -> Request:
        choices = Choices(data)
        return choices.request(path=choices.spoiled(choices.path()))

    seen = judged(request_from)

    check_share(seen, 1 / 100, Redirect, Relay, LocateBlob, Challenge, Refuse)


def test_targets_put_together_from_bits() -> None:
    bits = ["/", *NASTY, *WORDS, *TAILS, "/", "/", "/v2/"]

    def request_from(data: bytes) -> Request:
        choices = Choices(data)
        return choices.request(path=choices.one(["", "/v2/", "/v2/acme/"]) + choices.some(bits, 8))

    seen = judged(request_from)

    check_share(seen, 1 / 2, Refuse)


def test_targets_of_any_bytes() -> None:
    def request_from(data: bytes) -> Request:
        text = data[:30].decode("latin-1")
        choices = Choices(data[30:])
        cut = choices.number(30)
        return choices.request(path=choices.one(["", "/", "/v2/", "/v2/acme/"]) + text[:cut], query=text[cut:])

    seen = judged(request_from, 45)

    check_share(seen, 1 / 2, Refuse)


def test_queries_that_are_nearly_good() -> None:
    bits = ["&", "=", *NASTY, *WORDS, *TAILS]

    def request_from(data: bytes) -> Request:
        choices = Choices(data)
        return choices.request(query=choices.spoiled(choices.one(QUERIES)) + choices.some(bits, 4))

    seen = judged(request_from)

    check_share(seen, 1 / 100, Redirect)


def test_hosts_that_are_nearly_good() -> None:
    hosts = ["docker.acme.com", *HOSTS, *CONTROL_HOSTS]
    ports = ["", ":443", ":0", ":99999", ":x", ".", ".:1"]
    nasty = ["", "DOCKER", *NASTY, "\xe9", "xn--", "-", "_", "docker.acme.com", "0", "::"]

    def request_from(data: bytes) -> Request:
        choices = Choices(data)
        return choices.request(host=choices.spoiled(choices.one(hosts) + choices.one(ports), nasty))

    seen = judged(request_from)

    check_share(seen, 1 / 500, Redirect, Challenge, Refuse, Control)
