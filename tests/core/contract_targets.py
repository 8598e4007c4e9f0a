"""The rows of R1 to R6: what a request is about. See contract.py for the table that they are judged by."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from routing.core.decide import Request
from routing.core.decisions import PageKind
from routing.core.grammar.echo import ECHO_PATH
from tests.core.contract import (
    BUILDKIT,
    CONTAINERD,
    CRANE,
    DIGEST,
    DOCKER,
    DOCKERD,
    PODMAN,
    REGCTL,
    Challenged,
    Checked,
    Django,
    Echoes,
    Outcome,
    PingOk,
    RedirectsTo,
    Refused,
    Relayed,
    Resolved,
    Row,
    Shows,
    Tokens,
)

GHCR = "https://ghcr.io/v2"
QUAY = "https://quay.io/v2"
HUB = "https://registry-1.docker.io/v2"
MCR = "https://mcr.microsoft.com/v2"
MANIFEST = "/v2/acme/web/manifests/1.0"
FOUND = RedirectsTo(f"{GHCR}/acme/web/manifests/1.0")
BAD_NAME = Refused(400, "NAME_INVALID")
NO_ENDPOINT = Refused(404, "UNSUPPORTED")
NO_PAGE = Shows(PageKind.NOT_FOUND, 404, "Acme")
READ_ONLY = "GET, HEAD"
# The four things that are read, by the end of their path.
CONTENT = ("manifests/1.0", f"manifests/{DIGEST}", f"blobs/{DIGEST}")
LISTS = ("tags/list", f"referrers/{DIGEST}")
BLOB = f"blobs/{DIGEST}"


def row(
    lines: str,
    path: str,
    outcome: Outcome,
    *,
    method: str = "GET",
    host: str = "docker.acme.com",
    query: str = "",
    agent: str = DOCKER,
    token: bool = False,
    clients: tuple[str, ...] = (),
    http_1_0: bool = False,
    catch_all: str = "",
) -> Row:
    request = Request(method, host, path, query, agent, token, http_1_0)
    return Row(tuple(lines.split()), request, outcome, clients, catch_all)


def host_rows() -> Iterator[Row]:
    for host in (
        "docker.acme.com",
        "DOCKER.Acme.COM",
        "docker.acme.com.",
        "docker.acme.com:8443",
        "docker.acme.com.:1",
    ):
        yield row("R1.1 R1.4", MANIFEST, FOUND, host=host)
    for host in ("[2001:db8::1]", "[2001:DB8:0:0:0:0:0:1]", "[2001:0db8::1]:8000"):
        yield row("R1.2", MANIFEST, FOUND, host=host)
    yield row("R1.3", MANIFEST, FOUND, host="xn--bcher-kva.example")
    for host in (
        *("", ".", "docker_acme.com", "-docker.acme.com", "docker-.acme.com", "docker..acme.com", ".acme.com"),
        *("docker.acme.com..", "docker.acme.com:", "docker.acme.com:0", "docker.acme.com:65536", "docker.acme.com:x"),
        *("b\xfccher.example", "docker.acme.com/", "user@docker.acme.com", "docker.acme.com,docker.acme.com", " "),
        *("2001:db8::1", "[2001:db8::1", "[::g]", "[1:2:3:4:5:6:7:8:9]", "[fe80::1%eth0]", "[127.0.0.1]"),
        *(f"{'a' * 64}.acme.com", ".".join(["a" * 49] * 6), "docker.acme.com\x00", "docker.acme.com:\xb3"),
    ):
        yield row("R1.3", MANIFEST, Refused(400, "NAME_INVALID", "Host header"), host=host)
    for path in ("/livez", "/admin/", "/v2/", MANIFEST, "/"):
        yield row("R1.5", path, Django(), host="admin.facade.example")
    yield row("R1.5", "/livez", Django(), host="ADMIN.facade.example.:8000")
    yield row("R1.6", MANIFEST, FOUND, host="both.acme.com")
    yield row("R1.6", "/v2/", RedirectsTo(f"{GHCR}/"), host="both.acme.com")
    yield row("R1.6", "/v2", RedirectsTo(f"{GHCR}/"), host="both.acme.com")
    yield row("R1.6", "/token", Tokens(), host="both.acme.com")
    yield row("R1.6", "/v1/search", NO_ENDPOINT, host="both.acme.com")
    for path in ("/livez", "/admin/", "/", "/v2x", "/tokens"):
        yield row("R1.6", path, Django(), host="both.acme.com")
    for host in (
        "elsewhere.example",
        "acme.com",
        "a.docker.acme.com",
        "127.0.0.1:8000",
        "[::1]",
        "docker.acme.com.evil",
    ):
        yield row("R1.7", MANIFEST, Refused(404, "NAME_UNKNOWN", "not a hostname"), host=host)
    yield row("R1.7", MANIFEST, Refused(404, "NAME_UNKNOWN", "switched off"), host="off.acme.com")
    for path in ("/admin/", "/admin/login/", "/livez", "/readyz", "/static/admin/css/base.css", "/v2x", "/V2/"):
        yield row("R1.8 R17.2", path, NO_PAGE)
        yield row("R1.8 R17.1", path, NO_ENDPOINT, method="POST")
    for path in (MANIFEST, "/v2/", "/token", "/v2/nothing/manifests/1"):
        yield row("R1.9", path, Refused(403, "DENIED", "Globex has left"), host="docker.globex.com")
        yield row("R1.9", path, Refused(403, "DENIED", "has lapsed"), host="stopped.acme.com", token=True)


def echo_rows() -> Iterator[Row]:
    path = f"{ECHO_PATH}1.0.{'0' * 32}.{'s' * 43}"
    served = ("docker.acme.com", "a.pull.acme.com", "both.acme.com")
    others = ("off.acme.com", "stopped.acme.com", "docker.globex.com", "elsewhere.example", "admin.facade.example")
    for host in (*served, *others, "127.0.0.1:8000", "", "docker_acme.com"):
        for method in ("GET", "HEAD"):
            yield row("R18.1", path, Echoes(), host=host, method=method)
    yield row("R18.1", f"{ECHO_PATH}x", Echoes(), query="a b")
    yield row("R18.1", path, NO_ENDPOINT, method="POST")
    yield row("R18.1 R17.2", ECHO_PATH.removesuffix("/"), NO_PAGE)


def health_rows() -> Iterator[Row]:
    for path, readiness in (("/livez", False), ("/readyz", True)):
        for method in ("GET", "HEAD"):
            for host in ("10.0.0.7:8000", "127.0.0.1", "192.0.2.8.", "[::1]:8000", "[2001:DB8::2]"):
                for agent in ("kube-probe/1.34", "ELB-HealthChecker/2.0", DOCKER):
                    yield row("R1.12", path, Checked(readiness), method=method, host=host, agent=agent)
            yield row("R1.12", path, Checked(readiness), method=method, host="", http_1_0=True)
            yield row("R1.12 R1.3", path, Refused(400, "NAME_INVALID", "Host header"), method=method, host="")
        yield row("R1.12", path, Checked(readiness), host="10.0.0.7", query="verbose")
        # An address that is somebody's hostname is treated as one.
        yield row("R1.12 R1.8", path, NO_PAGE, host="[2001:db8::1]")
        yield row("R1.12 R17.3", path, Shows(PageKind.NOT_SERVED, 404, says="switched off"), host="192.0.2.7")
        for host in ("elsewhere.example", "localhost.example", "1.2.3", "1.2.3.4.example"):
            yield row("R1.12 R17.3", path, Shows(PageKind.NOT_SERVED, 404, says="not a hostname"), host=host)
        for host in ("[fe80::1%eth0]", "10.0.0.7:x", "_"):
            yield row("R1.12 R1.3", path, Refused(400, "NAME_INVALID", "Host header"), host=host, http_1_0=True)
        for method in ("POST", "OPTIONS"):
            refused = Refused(404, "NAME_UNKNOWN", "not a hostname")
            yield row("R1.12 R1.7", path, refused, method=method, host="10.0.0.7")
    for path in ("/", "/admin/", "/metrics", "/livez/", "/LIVEZ", "/%6civez", "/v2/", "/token", "/static/x", MANIFEST):
        is_clients = path in ("/v2/", "/token", MANIFEST)
        refused = Refused(404, "NAME_UNKNOWN", "not a hostname")
        shown = Shows(PageKind.NOT_SERVED, 404, says="not a hostname")
        yield row("R1.12 R1.7", path, refused if is_clients else shown, host="10.0.0.7")
        yield row("R1.12 R1.3", path, Refused(400, "NAME_INVALID", "Host header"), host="", http_1_0=True)


def wildcard_rows() -> Iterator[Row]:
    for host in ("a.pull.acme.com", "A.Pull.ACME.com.:8443", "xn--bcher-kva.pull.acme.com"):
        yield row("R1.10", MANIFEST, FOUND, host=host)
        yield row("R1.10 R12.1", MANIFEST, Challenged("repository:acme/web:pull"), host=host, agent=PODMAN)
        yield row("R1.10", "/v2/", RedirectsTo(f"{GHCR}/"), host=host)
        yield row("R1.10", "/token", Tokens(), host=host)
        yield row("R1.10 R5.2", "/v2/other/manifests/1", Refused(404, "NAME_UNKNOWN", "not mapped"), host=host)
    for host in ("pull.acme.com", "b.a.pull.acme.com", "apull.acme.com"):
        yield row("R1.10 R1.7", MANIFEST, Refused(404, "NAME_UNKNOWN", "not a hostname"), host=host)
    yield row("R1.10 R1.7", MANIFEST, Refused(404, "NAME_UNKNOWN", "switched off"), host="a.off.acme.com")
    for host in ("*.pull.acme.com", ".pull.acme.com", "*.off.acme.com"):
        yield row("R1.10 R1.3", MANIFEST, Refused(400, "NAME_INVALID", "Host header"), host=host)
    yield row("R1.11", MANIFEST, RedirectsTo(f"{QUAY}/acme/web/manifests/1.0"), host="own.pull.acme.com")
    yield row("R1.11", MANIFEST, Refused(404, "NAME_UNKNOWN", "switched off"), host="off.pull.acme.com")
    yield row("R1.11", MANIFEST, Refused(403, "DENIED", "has lapsed"), host="stopped.pull.acme.com")
    for path in ("/v2/", MANIFEST, "/token", "/admin/"):
        yield row("R1.11", path, Django(), host="admin.pull.acme.com")


def catch_all_rows() -> Iterator[Row]:
    by = partial(row, catch_all="split.acme.com")
    for host in ("elsewhere.example", "Elsewhere.Example.:8443", "a.docker.acme.com", "10.0.0.7:8000", "[::1]:8000"):
        yield by("R1.13", MANIFEST, FOUND, host=host)
        yield by("R1.13", MANIFEST, Challenged("repository:acme/web:pull"), host=host, agent=PODMAN)
        yield by("R1.13", "/v2/other/manifests/1", Refused(404, "NAME_UNKNOWN", "not mapped"), host=host)
        yield by("R1.13", "/token", Tokens(), host=host)
        yield by("R1.13 R1.8", "/admin/", NO_PAGE, host=host)
        for path, readiness in (("/livez", False), ("/readyz", True)):
            for method in ("GET", "HEAD"):
                yield by("R1.14", path, Checked(readiness), method=method, host=host)
            yield by("R1.14 R17.1", path, NO_ENDPOINT, method="POST", host=host)
    for path in ("/livez", "/readyz"):
        # On a hostname of its own, and on a control host, all is as ever.
        yield by("R1.14 R1.8", path, NO_PAGE, host="split.acme.com")
        yield by("R1.14 R1.8", path, NO_PAGE, host="a.pull.acme.com")
        yield by("R1.14 R1.5", path, Django(), host="127.0.0.53")
    # What is known goes before it, also where it is switched off or suspended.
    yield by("R1.13", "/v2/acme/web/tags/list", Challenged("repository:acme/web:pull"), agent=PODMAN)
    yield by("R1.13", MANIFEST, Refused(404, "NAME_UNKNOWN", "switched off"), host="off.acme.com")
    yield by("R1.13", MANIFEST, Refused(404, "NAME_UNKNOWN", "switched off"), host="a.off.acme.com")
    yield by("R1.13", MANIFEST, RedirectsTo(f"{QUAY}/acme/web/manifests/1.0"), host="own.pull.acme.com")
    # A control host answers people, but for this machine's own, whose clients have no other name.
    for path in (MANIFEST, "/v2/", "/token", "/admin/"):
        yield by("R1.13 R1.5", path, Django(), host="admin.facade.example")
    yield by("R1.13", MANIFEST, FOUND, host="127.0.0.53:8000")
    yield by("R1.13", "/admin/", Django(), host="127.0.0.53:8000")
    # A host that is none is none here too.
    yield by("R1.13 R1.3", MANIFEST, Refused(400, "NAME_INVALID", "Host header"), host="")
    yield by("R1.13 R1.12", "/livez", Checked(False), host="", http_1_0=True)
    # Itself switched off, suspended or not there.
    off = partial(row, catch_all="off.acme.com")
    yield off("R1.13", MANIFEST, Refused(404, "NAME_UNKNOWN", "switched off"), host="elsewhere.example")
    yield off("R1.14", "/livez", Checked(False), host="elsewhere.example")
    stopped = partial(row, catch_all="stopped.acme.com")
    yield stopped("R1.13", MANIFEST, Refused(403, "DENIED", "has lapsed"), host="elsewhere.example")
    gone = partial(row, catch_all="gone.acme.com")
    yield gone("R1.13 R1.7", MANIFEST, Refused(404, "NAME_UNKNOWN", "not a hostname"), host="elsewhere.example")
    shown = Shows(PageKind.NOT_SERVED, 404, says="not a hostname")
    yield gone("R1.14 R17.3", "/livez", shown, host="elsewhere.example")


def target_rows() -> Iterator[Row]:
    for path in (
        *("/v2/acme//web/manifests/1.0", "//v2/acme/web/manifests/1.0", "/v2/acme/web/manifests//1.0"),
        *("/v2/../v2/acme/web/manifests/1.0", "/v2/acme/./web/manifests/1.0", "/v2/acme/..", "/v2/."),
        *("/v2/acme/web%2fmanifests/1.0", "/v2/acme/web/manifests/%31.0", "/v2/%2e%2e/acme", "/v2/acme%00/tags/list"),
        *("/v2/acme\\web/manifests/1.0", "/\\evil.example/v2/", "/v2/acme/web/manifests/1.0\\@evil.example"),
        *(
            "/v2/acme/web/manifests/1.0\r\nX: y",
            "/v2/acme/web/manifests/1.0\n",
            "/v2/a\tb/tags/list",
            "/v2/a b/tags/list",
        ),
        *("/v2/acme\x00/tags/list", "/v2/acme\x7f/tags/list", "/v2/b\xfccher/tags/list", "/v2/acme\x85/tags/list"),
    ):
        yield row("R2.1", path, BAD_NAME)
    for query in (
        "n=5",
        "a=1&a=2",
        "last=x%2Fy",
        "%00",
        "ns=docker.io",
        "//evil.example/",
        "a?b",
        "@evil.example",
        "%",
    ):
        yield row("R2.2", MANIFEST, RedirectsTo(f"{GHCR}/acme/web/manifests/1.0?{query}"), query=query)
    for colon in ("%3A", "%3a"):
        for kind in ("manifests", "blobs", "referrers"):
            plain = RedirectsTo(f"{GHCR}/acme/web/{kind}/{DIGEST}")
            yield row("R2.4", f"/v2/acme/web/{kind}/{DIGEST.replace(':', colon)}", plain)
        asked = Challenged("repository:acme/web:pull")
        yield row("R2.4", f"/v2/acme/web/manifests/{DIGEST.replace(':', colon)}", asked, agent=PODMAN)
        relayed = Relayed(f"{GHCR}/acme/web/manifests/{DIGEST}")
        yield row("R2.4", f"/v2/acme/web/manifests/{DIGEST.replace(':', colon)}", relayed, agent=PODMAN, token=True)
        wrong = Refused(400, "DIGEST_INVALID")
        yield row("R2.4 R4.3", f"/v2/acme/web/blobs/sha256{colon}{'a' * 63}", wrong)
    escaped = Refused(400, "NAME_INVALID", "only a digest's colon may be %3A")
    hexes = "0123456789abcdef" * 4
    for path in (
        *(f"/v2/acme/web/blobs/sha256%253A{hexes}", f"/v2/acme%2Fweb/blobs/sha256%3A{hexes}"),
        *(f"/v2/acme/web/blobs/sha256%3A{hexes}%3A", f"/v2/acme/web/blobs%2Fsha256%3A{hexes}"),
        *(f"/v2/acme/web/blobs/%73ha256%3A{hexes}", f"/v2/acme/web/blobs/sha256%3A{hexes}/", "/v2/%3A/tags/list"),
        *("/v2/acme/web/blobs/uploads/a%3Ab", f"/v2/acme/web/blobs/sha256%3A{hexes[:-1]}%30"),
    ):
        yield row("R2.4 R2.1", path, escaped)
    for query in ("a\r\nb", "a\nb", "a b", "\x00", "\x7f", "\xc3\xa9", "\t"):
        yield row("R2.3", MANIFEST, BAD_NAME, query=query)


def endpoint_rows() -> Iterator[Row]:
    for path in ("/v2", "/v2/"):
        yield row("R3.1", path, PingOk(), host="open.acme.com")
    for method in ("GET", "HEAD", "POST"):
        yield row("R3.2", "/token", Tokens(), method=method)
    for method in ("PUT", "DELETE", "OPTIONS"):
        yield row("R3.2", "/token", Refused(405, "UNSUPPORTED", "GET or POST", "GET, POST"), method=method)
    for tail in (*CONTENT, *LISTS):
        yield row("R3.3", f"/v2/acme/web/{tail}", RedirectsTo(f"{GHCR}/acme/web/{tail}"))
        yield row("R3.3", f"/v2/tags/blobs/manifests/{tail}", RedirectsTo(f"{GHCR}/tags/blobs/manifests/{tail}"))
    yield row(
        "R3.3", "/v2/manifests/list/manifests/manifests", RedirectsTo(f"{GHCR}/manifests/list/manifests/manifests")
    )
    yield row("R3.3", "/v2/tags/list/tags/list", RedirectsTo(f"{GHCR}/tags/list/tags/list"))
    yield row("R3.3", "/v2/tags/blobs/uploads/manifests/1", RedirectsTo(f"{GHCR}/tags/blobs/uploads/manifests/1"))
    for path in ("/v2/push/web/blobs/uploads", "/v2/push/web/blobs/uploads/"):
        yield row("R3.4 R6.2", path, RedirectsTo(f"{GHCR}/push/web/blobs/uploads/"), method="POST")
    for path in (
        *("/v2/_catalog", "/v1/_ping", "/v1/search", "/v2/acme", "/v2/acme/web", "/v2/acme/web/", "/v2/acme/web/tags"),
        *("/v2/acme/web/tags/", "/v2/acme/web/tags/lists", "/v2/acme/web/unknown/x", "/v2/acme/web/manifest/1.0"),
        *("/v2/acme/web/manifests", "/v2/acme/web/blobs", "/v2/acme/web/blobs/uploads/a/b", "*"),
        *("/v2/acme/web/blobs/uploads/a,b", "/v2/token", "/v2/uploads/x"),
    ):
        yield row("R3.5", path, NO_ENDPOINT)


def page_rows() -> Iterator[Row]:
    for method in ("GET", "HEAD"):
        yield row("R17.1 R17.2", "/", Shows(PageKind.FRONT, 200, "Acme"), method=method)
        front = Shows(PageKind.FRONT, 200, "Acme")
        yield row("R17.1 R17.2", "/", front, method=method, host="a.pull.acme.com", token=True)
        # As of `GET http://docker.acme.com`, which is the same (RFC 9112 §3.2.1).
        yield row("R17.2", "", front, method=method)
        yield row("R17.2", "/abuse", Shows(PageKind.ABUSE, 200, "Acme"), method=method, query="from=mail")
        yield row("R17.2", "/favicon.ico", Shows(PageKind.ICON, 200, "Acme"), method=method)
        yield row("R17.2", "/robots.txt", Shows(PageKind.ROBOTS, 200, "Acme"), method=method)
        for path in ("/acme/web", "/v3/", "/token/", "/index.html", "/abuse/", "/.well-known/security.txt"):
            yield row("R17.2", path, NO_PAGE, method=method)
        yield from front_door_rows(method)
        yield from badge_rows(method)
    for host, status, says in (
        ("docker.globex.com", 403, "Globex has left"),
        ("stopped.acme.com", 403, "has lapsed"),
        ("off.acme.com", 404, "switched off"),
        ("a.off.acme.com", 404, "switched off"),
        ("elsewhere.example", 404, "not a hostname"),
    ):
        for path in ("/", "/acme/web", "/livez"):
            yield row("R17.3", path, Shows(PageKind.NOT_SERVED, status, says=says), host=host)
        yield row("R17.3", "/abuse", Shows(PageKind.ABUSE, 200), host=host)
        yield row("R17.3", "/favicon.ico", Shows(PageKind.ICON, 200), host=host)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        yield row("R17.1", "/", NO_ENDPOINT, method=method)
        yield row("R17.1 R1.9", "/", Refused(403, "DENIED", "has lapsed"), method=method, host="stopped.acme.com")
    for path in ("/a b", "/a%20b", "//", "/../"):
        yield row("R2.1 R17.1", path, BAD_NAME)


def badge_rows(method: str) -> Iterator[Row]:
    for path in (
        *("/-/badges/pulls/acme/app.svg", "/-/badges/pulls/acme/app.json", "/-/badges/pulls-30d/acme/tool.svg"),
        *("/-/badges/version/acme/app.svg", "/-/badges/self-test.svg", "/-/badges/self-test.json"),
    ):
        shown = Shows(PageKind.BADGE, 200, "Acme", path)
        yield row("R17.7", path, shown, method=method, host="badges.acme.com", query="style=flat")
        of_the_test = shown if "self-test" in path else NO_PAGE
        yield row("R17.7 R17.8", path, of_the_test, method=method, host="tested.acme.com")
        for host in ("front.acme.com", "docker.acme.com"):
            yield row("R17.8", path, NO_PAGE, method=method, host=host)
    for path in (
        *("/-/badges/pulls/acme/web.svg", "/-/badges/pulls/acme.svg", "/-/badges/pulls/acme/app", "/-/badges/"),
        *("/-/badges/pulls.svg", "/-/badges/pulls/.svg", "/-/badges/pulls/acme/app/.svg", "/-/badges/self-test/a.svg"),
        *("/-/badges/pulls/acme/app.png", "/-/badges/others/acme/app.svg", "/-/badges/pulls/acme/app:1.0.svg"),
    ):
        yield row("R17.8", path, NO_PAGE, method=method, host="badges.acme.com")


def front_door_rows(method: str) -> Iterator[Row]:
    by = partial(row, method=method, host="front.acme.com")
    yield by("R17.5", "/", Shows(PageKind.FRONT, 200, "Acme", "Images of Acme"))
    for path in ("/acme/app", "/acme/app:1.0", f"/acme/app@{DIGEST}", f"/acme/app:1.0@{DIGEST}"):
        yield by("R17.5", path, Shows(PageKind.REPOSITORY, 200, "Acme", "acme/app"))
    for path in ("/acme", "/acme/app/", "/acme/apple", "/acme/web", "/:1.0", "/@"):
        yield by("R17.2 R17.5", path, NO_PAGE)
    yield by("R17.2 R17.5", "/abuse", Shows(PageKind.ABUSE, 200, "Acme"))
    yield by("R17.5", "/v2/", PingOk())
    yield by("R17.2 R17.5", "/", Shows(PageKind.FRONT, 200, "Acme"), host="odd.acme.com")
    led = partial(row, method=method, host="led.acme.com")
    on = partial(Shows, PageKind.LEADS_ON, 307, "Acme")
    for query in ("", "next=https://evil.example", "//evil.example"):
        yield led("R17.6", "/", on("https://acme.example/docs"), query=query)
        yield led("R17.6", "/acme/app:1.0", on("https://acme.example/app"), query=query)
    yield led("R17.5 R17.6", "/acme/tool", Shows(PageKind.REPOSITORY, 200, "Acme", "acme/tool"))
    yield led("R17.2 R17.6", "/evil.example", NO_PAGE)
    yield led("R17.2 R17.6", "/favicon.ico", Shows(PageKind.ICON, 200, "Acme"))
    yield led("R17.6", "/v2/acme/app/manifests/1.0", Refused(404, "NAME_UNKNOWN"))


def name_rows() -> Iterator[Row]:
    for name in (
        *("Acme/web", "acme/-web", "acme/web-", "acme/a..b", "acme/a___b", "acme/_web", "acme/web.", "acme/a_.b"),
        *("acme/web@1", "acme/web:1", "acme/~web", "acme/" + "a" * 251, "acme/web,x", "acme/w+b", 'acme/"web"'),
    ):
        yield row("R4.1", f"/v2/{name}/manifests/1.0", BAD_NAME)
    for path in (
        "/v2/manifests/1.0",
        "/v2/tags/list",
        f"/v2/blobs/{DIGEST}",
        "/v2/blobs/uploads/",
        "/v2/blobs/uploads/x",
    ):
        yield row("R4.1", path, BAD_NAME)
    for name in ("acme/web", "acme/a.b_c__d---e", "acme/0", "acme/" + "a" * 250, "acme/a/b/c/d/e/f"):
        yield row("R4.1", f"/v2/{name}/manifests/1.0", RedirectsTo(f"{GHCR}/{name}/manifests/1.0"))
    for tag in ("", "-x", ".x", "a" * 129, "a~b", "a+b", "a@b", "a,b", "latest!"):
        yield row("R4.2", f"/v2/acme/web/manifests/{tag}", Refused(400, "TAG_INVALID"))
    for tag in ("latest", "_", "1.0-rc_1", "A" * 128, "list"):
        yield row("R4.2", f"/v2/acme/web/manifests/{tag}", RedirectsTo(f"{GHCR}/acme/web/manifests/{tag}"))
    for digest in (
        *("sha256:", f"sha256:{'a' * 63}", f"sha256:{'a' * 65}", f"sha256:{'A' * 64}", f"sha256:{'g' * 64}"),
        *(f"sha512:{'a' * 64}", f"Sha256:{'a' * 64}", f":{'a' * 64}", f"sha256:{'a' * 64}:b", f"sha256+:{'a' * 64}"),
    ):
        for kind in ("manifests", "blobs", "referrers"):
            yield row("R4.3", f"/v2/acme/web/{kind}/{digest}", Refused(400, "DIGEST_INVALID"))
    for path in ("/v2/acme/web/blobs/latest", "/v2/acme/web/referrers/latest", "/v2/acme/web/blobs/"):
        yield row("R4.3", path, Refused(400, "DIGEST_INVALID"))
    for digest in (
        DIGEST,
        f"sha512:{'0f' * 64}",
        "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
        "x:A=_-",
    ):
        yield row("R4.3", f"/v2/acme/web/manifests/{digest}", RedirectsTo(f"{GHCR}/acme/web/manifests/{digest}"))
    upstream = "a" * 200
    fits = "b" * 54
    yield row("R4.4", f"/v2/long/{fits}/manifests/1", Challenged(f"repository:long/{fits}:pull"))
    yield row("R4.4", f"/v2/long/{fits}b/manifests/1", BAD_NAME)
    yield row("R4.4", f"/v2/long/{fits}/manifests/1", Relayed(f"{GHCR}/{upstream}/{fits}/manifests/1"), token=True)


def mapping_rows() -> Iterator[Row]:
    yield row("R5.1", "/v2/acme/app/manifests/1", RedirectsTo(f"{QUAY}/acme/app/manifests/1"))
    yield row("R5.1", "/v2/acme/app/worker/manifests/1", RedirectsTo(f"{QUAY}/acme/app/worker/manifests/1"))
    yield row("R5.1", "/v2/acme/apple/manifests/1", RedirectsTo(f"{GHCR}/acme/apple/manifests/1"))
    yield row("R5.1", "/v2/acme/manifests/1", RedirectsTo(f"{GHCR}/acme/manifests/1"))
    yield row("R5.1", "/v2/acme/sub/app/manifests/1", RedirectsTo(f"{GHCR}/acme/sub/app/manifests/1"))
    yield row(
        "R5.1",
        "/v2/grafana/grafana/manifests/1",
        RedirectsTo(f"{HUB}/grafana/grafana/manifests/1"),
        host="hub.acme.com",
    )
    for name in ("other/app", "acmes/app", "acm", "app"):
        unknown = Refused(404, "NAME_UNKNOWN", f"docker.acme.com/{name} is not mapped")
        for agent, token in ((DOCKER, False), (PODMAN, False), (PODMAN, True)):
            yield row("R5.2", f"/v2/{name}/manifests/1", unknown, agent=agent, token=token)
        yield row("R5.2", f"/v2/{name}/blobs/uploads/", unknown, method="POST")
    yield row("R5.2", "/v2/acme/app/manifests/1", Refused(404, "NAME_UNKNOWN", "not mapped"), host="open.acme.com")
    for path, token in (("/v2/acme/off/manifests/1", False), (f"/v2/acme/off/deep/{BLOB}", True)):
        yield row("R5.3", path, Refused(403, "DENIED", "docker.acme.com/acme/off is switched off"), token=token)
    yield row("R5.4", "/v2/net/sdk/manifests/9.0", RedirectsTo(f"{MCR}/dotnet/sdk/manifests/9.0"))
    yield row("R5.4", "/v2/net/manifests/9.0", RedirectsTo(f"{MCR}/dotnet/manifests/9.0"))
    yield row("R5.4", "/v2/tools/x/y/manifests/1", Relayed(f"{GHCR}/acme-tools/public/x/y/manifests/1"), token=True)
    yield row("R5.4", "/v2/root/acme/web/manifests/1", Relayed(f"{GHCR}/acme/web/manifests/1"), token=True)
    yield row("R5.5", "/v2/root/manifests/1", Refused(404, "NAME_UNKNOWN", "docker.acme.com/root is a namespace"))
    hub: dict[str, Any] = {"host": "hub.acme.com", "token": True}
    yield row("R5.6", "/v2/alpine/manifests/3", Relayed(f"{HUB}/library/alpine/manifests/3"), **hub)
    yield row("R5.6", f"/v2/alpine/{BLOB}", Resolved(f"{HUB}/library/alpine/{BLOB}"), **hub)
    yield row(
        "R5.6", "/v2/library/alpine/manifests/3", RedirectsTo(f"{HUB}/library/alpine/manifests/3"), host="hub.acme.com"
    )
    yield row("R5.6 R12.1", "/v2/alpine/manifests/3", Challenged("repository:alpine:pull"), host="hub.acme.com")


def write_rows() -> Iterator[Row]:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for agent in (DOCKER, PODMAN):
            refused = Refused(405, "UNSUPPORTED", "push to ghcr.io/acme/web", READ_ONLY)
            yield row("R6.1", MANIFEST, refused, method=method, agent=agent)
        for tail in ("manifests/1.0", f"blobs/{DIGEST}", "blobs/uploads/", "blobs/uploads/0a-1_b.c~d="):
            to = RedirectsTo(f"{GHCR}/push/web/{tail}?digest=x")
            yield row("R6.2", f"/v2/push/web/{tail}", to, method=method, query="digest=x")
            refused = Refused(405, "UNSUPPORTED", "push to ghcr.io/push/web", READ_ONLY)
            yield row("R6.3", f"/v2/push/web/{tail}", refused, method=method, agent=PODMAN, token=True)
    yield from _redirected_writes()
    renamed = Refused(405, "UNSUPPORTED", "push to ghcr.io/acme-tools/public/x", READ_ONLY)
    yield row("R6.1", "/v2/tools/x/blobs/uploads/", renamed, method="POST")
    basic = Refused(405, "UNSUPPORTED", "push to basic.example:5000/basic", READ_ONLY)
    yield row("R6.1", "/v2/basic/manifests/1", basic, method="PUT")
    for method in ("GET", "HEAD"):
        yield row(
            "R6.4", "/v2/push/web/blobs/uploads/x", RedirectsTo(f"{GHCR}/push/web/blobs/uploads/x"), method=method
        )
        refused = Refused(405, "UNSUPPORTED", "push to ghcr.io/acme/web", READ_ONLY)
        yield row("R6.4", "/v2/acme/web/blobs/uploads/x", refused, method=method)
    for method in ("OPTIONS", "TRACE", "PROPFIND", "X"):
        yield row("R6.5", MANIFEST, Refused(405, "UNSUPPORTED", "", READ_ONLY), method=method)
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        yield row("R6.5", "/v2/", Refused(405, "UNSUPPORTED", "", READ_ONLY), method=method)


def _redirected_writes() -> Iterator[Row]:
    """Whose push gets through a redirect, by what the registry asks for."""
    everybody = (DOCKER, DOCKERD, CONTAINERD, BUILDKIT, CRANE, REGCTL, PODMAN, "skopeo/1.20.0", "oras/1.3.0", "", "x/1")
    able = {
        "push-open": (f"{MCR}/push-open", (DOCKER, DOCKERD, CONTAINERD, BUILDKIT)),
        "push": (f"{GHCR}/push", (DOCKER, CONTAINERD)),
        "push-secret": (f"{GHCR}/push-secret", (DOCKER, CONTAINERD)),
        "push-new": ("https://new.example/v2/push-new", (DOCKER, CONTAINERD)),
        "push-basic": ("https://basic.example:5000/v2/push-basic", (CONTAINERD,)),
    }
    tail = "web/blobs/uploads/"
    for name, (url, who) in able.items():
        refused = Refused(
            405, "UNSUPPORTED", f"push to {url.removeprefix('https://').replace('/v2/', '/')}/web", READ_ONLY
        )
        for agent in everybody:
            allowed = agent in who
            outcome = RedirectsTo(f"{url}/{tail}") if allowed else refused
            line = "R6.2" if allowed else "R6.3"
            yield row(line, f"/v2/{name}/{tail}", outcome, method="POST", agent=agent)
            # docker's token shows that its ping ended here: it would have none at the registry.
            stays = agent != DOCKER or name == "push-open"
            line = line if stays else "R6.3"
            yield row(line, f"/v2/{name}/{tail}", outcome if stays else refused, method="POST", agent=agent, token=True)


TARGET_ROWS: tuple[Row, ...] = (
    *host_rows(),
    *health_rows(),
    *echo_rows(),
    *wildcard_rows(),
    *catch_all_rows(),
    *target_rows(),
    *endpoint_rows(),
    *page_rows(),
    *name_rows(),
    *mapping_rows(),
    *write_rows(),
)
