"""Raw requests for hypothesis: well-formed ones, and every kind that servers are known to read in different ways."""

from __future__ import annotations

from hypothesis import strategies as st

DIGEST = "sha256:" + "5" * 64
PLAIN = (
    b"GET /v2/acme/app/manifests/1.0 HTTP/1.1\r\n"
    b"Host: docker.acme.com\r\nUser-Agent: containerd/2.1.3\r\nAccept: */*\r\n\r\n"
)

methods = st.sampled_from(
    ["GET", "GET", "GET", "GET", "HEAD", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get", "GE", "PRI"]
)
versions = st.sampled_from(
    [
        *["HTTP/1.1"] * 12,
        "HTTP/1.0",
        "HTTP/1.0",
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/2.0",
        "http/1.1",
        "HTTP/1.1 ",
        "",
        "FTP/1.1",
    ]
)
names = st.sampled_from(
    [
        *["acme/app", "acme", "acme/team/app", "renamed/app", "open/app", "split/app", "split"],
        *["basic/app", "off/app", "nobody/app", "app", "Acme/app", "acme//app", "acme/../app"],
        *["acme/%61pp", "acme/manifests/app", ""],
    ]
)
tails = st.sampled_from(
    [
        *["manifests/1.0", "manifests/1.0", f"manifests/{DIGEST}", f"blobs/{DIGEST}"],
        *["blobs/sha256:12", "manifests/-x", "tags/list", f"referrers/{DIGEST}", "blobs/uploads/"],
        *["manifests/a/b", "manifests/", "manifests/1.0#top"],
    ]
)
queries = st.sampled_from(
    [
        "",
        "",
        "",
        "?",
        "?ns=docker.acme.com",
        "?a=1&b=%20",
        "?x?y",
        "?a#b",
        "?a b",
        "?\x7f",
        "?\xe9",
        "??",
        '?"<>\\^`{|}',
    ]
)
targets = st.one_of(
    st.builds("/v2/{}/{}{}".format, names, tails, queries),
    st.builds("/v2/acme/app/manifests/1.0{}".format, queries),
    st.sampled_from(
        ["/v2/", "/v2", "/v2/?x", "/v2//", "/", "*", "", "/livez", "/v1/_ping", "v2/", "//v2/", "/token?scope="]
    ),
    st.sampled_from(
        [
            *["http://docker.acme.com/v2/acme/app/manifests/1.0"],
            *["https://evil.example/v2/acme/app/manifests/1.0?q", "http://docker.acme.com", "http://"],
            *["docker.acme.com:443", "/v2/acme/app/manifests/\x01"],
        ]
    ),
)
hosts = st.sampled_from(
    [
        *["docker.acme.com"] * 8,
        *["whole.acme.com", "a.pull.acme.com", "*.pull.acme.com"],
        *["docker.acme.com:8000", "DOCKER.acme.com", "docker.acme.com.", "docker.acme.com:"],
        *["docker.acme.com:0", "docker.acme.com:x", "[::1]", "[::1]:80", "[0:0:0:0:0:0:0:1]"],
        *["localhost", "control.acme.com", "off.acme.com", "gone.acme.com", "nobody.example", "", " "],
        *["a b", "docker.acme.com ", "evil.example@docker.acme.com", "docker.acme.com/x"],
        *["d\xf6cker.acme.com"],
    ]
)
agents = st.sampled_from(
    [
        *["containerd/2.1.3", "docker/28.0.1 go/go1.23 git-commit/x kernel/6.1 os/linux"],
        *["containers/5.34", "", " ", "\x01", "docker/1 (caf\xe9)", "docker/1\ttab", "Docker-Client"],
        *["crane/v0.21", "docker/1 "],
    ]
)
field_names = st.sampled_from(
    [
        *["Accept", "Accept-Encoding", "X-Request-Id", "X-Forwarded-For", "X-Forwarded-Proto"],
        *["X-Forwarded-Host", "X-forwarded-HOST", "X_Forwarded_Host", "Forwarded", "Via", "Cookie"],
        *["Cache-Control", "Keep-Alive", "TE", "Range", "If-None-Match", "Traceparent", "Pragma"],
        *["Proxy-Connection", "User_Agent", "Hostess", "A", "a", "", "X Y", "X\x00"],
    ]
)
field_values = st.sampled_from(
    [
        "*/*",
        "gzip",
        "1",
        "",
        " ",
        "docker.acme.com",
        "whole.acme.com",
        "a, b",
        "for=192.0.2.9;proto=https;host=docker.acme.com",
        'host="whole.acme.com:1", for=198.51.100.7',
        "host=",
        "x" * 300,
        "\x80\xff",
        "\x7f",
        "\x00",
        "a\x0bb",
    ]
)
special_fields = st.sampled_from(
    [
        *["Connection: keep-alive", "Connection: close", "connection: Close", "Connection: keep-alive, close"],
        *["Connection: upgrade\r\nUpgrade: websocket", "Connection: Upgrade\r\nUpgrade: h2c", "Upgrade: h2c"],
        *["Connection:close", "Connection:  close", "Connection: close ", "Proxy-Connection: close", "Connection: foo"],
        *["Content-Length: 0", "Content-Length: 3", "Content-Length: 3\r\nContent-Length: 3", "Content-Length: +3"],
        *["Content-Length: 3\r\nContent-Length: 4", "Content-Length: -1", "Content-Length: 1x", "Content-Length:"],
        *["Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Transfer-Encoding: gzip, chunked"],
        *[
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "Transfer-Encoding : chunked",
            "TrAnSfEr-EnCoDiNg: Chunked",
        ],
        *["Transfer-Encoding:\tchunked", "Transfer-Encoding: xchunked", "Transfer_Encoding: chunked", "Trailer: X"],
        *["Expect: 100-continue", "expect: 100-CONTINUE", "Expect: 200-ok"],
        *["Authorization: Basic YTpi", "authorization: Bearer x", "Authorization:", "AUTHORIZATION: Basic YTpi"],
        *["Host: whole.acme.com", "host: docker.acme.com", "HOST: docker.acme.com", "Host : docker.acme.com"],
        *[
            "X-Folded: a\r\n b",
            "X-Folded:\r\n\tb",
            " Folded: first",
            "no-colon",
            ": no-name",
            "X-Bare: a\nX-B: b",
            "X-CR: a\rb",
        ],
        *[
            "User-Agent: docker/1",
            "user-agent: crane",
            "USER-AGENT: docker/1",
            "Content-Type: text/plain; charset=utf-8",
        ],
    ]
)
bodies = st.sampled_from(
    [
        *["", "", "", "", "abc", "abcd", "0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"],
        *["3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n", "g\r\n", "\r\n", "ffffffffffffffffff\r\n", "-1\r\n"],
        *["3\nabc\n0\n\n", "0x3\r\nabc\r\n0\r\n\r\n", "GET / HTTP/1.1\r\n", "\x00"],
    ]
)
fields = st.one_of(st.builds("{}: {}".format, field_names, field_values), special_fields)


@st.composite
def request(draw: st.DrawFn) -> bytes:
    """One request, or what is meant to look like one."""
    lines = [f"{draw(methods)} {draw(targets)} {draw(versions)}"]
    others = draw(st.lists(fields, max_size=3))
    if draw(st.integers(0, 2)):
        others.insert(draw(st.integers(0, len(others))), f"User-Agent: {draw(agents)}")
    if draw(st.integers(0, 9)):
        first = draw(st.integers(0, 5))
        host = draw(st.sampled_from(["Host: {}", "Host: {}", "host: {}", "Host:{}", "Host: \t{}", "HOST: {}"]))
        others.insert(0 if first else draw(st.integers(0, len(others))), host.format(draw(hosts)))
    lines.extend(others)
    end = "\n" if draw(st.integers(0, 19)) == 0 else "\r\n"
    text = end.join(lines) + end + end + draw(bodies)
    return text.encode("latin-1")


@st.composite
def near_plain(draw: st.DrawFn) -> bytes:
    """A plain request with one small thing changed: a byte put in, taken out or replaced, or a field added."""
    raw = bytearray(PLAIN)
    place = draw(st.integers(0, len(raw) - 1))
    change = draw(st.sampled_from(["none", "insert", "delete", "replace", "field"]))
    byte = draw(st.sampled_from(b"\x00\t\n\r !#%&-./0:;=?@ACHTX[\\]_a~\x7f\x80\xff"))
    if change == "insert":
        raw.insert(place, byte)
    elif change == "delete":
        del raw[place]
    elif change == "replace":
        raw[place] = byte
    elif change == "field":
        at = draw(st.sampled_from([41, len(raw) - 2]))
        raw[at:at] = draw(fields).encode("latin-1") + b"\r\n"
    return bytes(raw)


@st.composite
def reads(draw: st.DrawFn) -> list[bytes]:
    """What a connection brings, read by read: up to three requests, pipelined or not, cut anywhere."""
    requests = draw(st.lists(st.one_of(st.just(PLAIN), near_plain(), request()), min_size=1, max_size=3))
    if draw(st.booleans()):
        return requests
    stream = b"".join(requests)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=3)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
