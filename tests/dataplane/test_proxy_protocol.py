"""The headers of the PROXY protocol, to the byte."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.dataplane.request.proxy_protocol import (
    MAX_BYTES_1,
    MAX_BYTES_2,
    SIGNATURE_2,
    Endpoint,
    InvalidProxyHeader,
    ProxyHeader,
    begins_header,
    may_begin_header,
    parse_proxy_header,
)

REQUEST = b"GET /v2/ HTTP/1.1\r\nHost: docker.acme.com\r\n\r\n"
TCP4 = b"PROXY TCP4 192.0.2.60 203.0.113.1 56324 443\r\n"
CLIENT, THERE = Endpoint("192.0.2.60", 56324), Endpoint("203.0.113.1", 443)
TCP4_BODY = ipaddress.ip_address(CLIENT.address).packed + ipaddress.ip_address(THERE.address).packed
TCP4_BODY += struct.pack("!HH", CLIENT.port, THERE.port)


def version_2(body: bytes = TCP4_BODY, command: int = 0x21, family: int = 0x11, length: int | None = None) -> bytes:
    return SIGNATURE_2 + struct.pack("!BBH", command, family, len(body) if length is None else length) + body


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def by_tls(client: int) -> bytes:
    """PP2_TYPE_SSL: what the client came by, whether its certificate is good, and the version in words."""
    return tlv(0x20, struct.pack("!BI", client, 0) + tlv(0x21, b"TLSv1.3"))


@pytest.mark.parametrize(
    ("data", "client", "there"),
    [
        (TCP4, CLIENT, THERE),
        (
            b"PROXY TCP6 2001:db8::7 2001:DB8:0::1 0 65535\r\n",
            Endpoint("2001:db8::7", 0),
            Endpoint("2001:db8::1", 65535),
        ),
        (b"PROXY TCP6 ::ffff:192.0.2.60 ::1 1 2\r\n", Endpoint("192.0.2.60", 1), Endpoint("::1", 2)),
        (b"PROXY UNKNOWN\r\n", None, None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None, None),
        (version_2(), CLIENT, THERE),
        (
            version_2(bytes(15) + b"\x01" + bytes(15) + b"\x02" + struct.pack("!HH", 1, 2), family=0x21),
            Endpoint("::1", 1),
            Endpoint("::2", 2),
        ),
        (version_2(b"", command=0x20, family=0), None, None),
        (version_2(TCP4_BODY, command=0x20), None, None),
        # No TCP: UDP, sockets of Unix, and what nobody has thought of.
        *((version_2(bytes(216), family=family), None, None) for family in (0x00, 0x12, 0x22, 0x31, 0x32, 0x44)),
        (version_2(TCP4_BODY + tlv(0x02, b"docker.acme.com") + tlv(0xEA, b"")), CLIENT, THERE),
    ],
)
def test_who_the_client_is(data: bytes, client: Endpoint | None, there: Endpoint | None) -> None:
    assert parse_proxy_header(data + REQUEST) == ProxyHeader(len(data), client, there, None)


@pytest.mark.parametrize(
    ("extensions", "said"),
    [
        (b"", None),
        (by_tls(0x01), True),
        (by_tls(0x07), True),
        (by_tls(0x00), False),
        (tlv(0x01, b"h2") + by_tls(0x01) + tlv(0x05, b"id"), True),
    ],
)
def test_whether_the_client_came_by_tls(extensions: bytes, said: bool | None) -> None:
    header = parse_proxy_header(version_2(TCP4_BODY + extensions))

    assert header is not None
    assert header.by_tls is said


MALFORMED = [
    b"PROXY TCP4 192.0.2.60 203.0.113.1 56324\r\n",
    b"PROXY TCP4 192.0.2.60 203.0.113.1 56324 443 1\r\n",
    b"PROXY TCP4  192.0.2.60 203.0.113.1 56324 443\r\n",
    b"PROXY TCP5 192.0.2.60 203.0.113.1 56324 443\r\n",
    b"PROXY tcp4 192.0.2.60 203.0.113.1 56324 443\r\n",
    b"PROXY TCP4 192.0.2.060 203.0.113.1 56324 443\r\n",
    b"PROXY TCP4 2001:db8::7 203.0.113.1 56324 443\r\n",
    b"PROXY TCP6 192.0.2.60 203.0.113.1 56324 443\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    b"PROXY TCP4 evil.example 203.0.113.1 56324 443\r\n",
    b"PROXY TCP4 192.0.2.\xb2 203.0.113.1 56324 443\r\n",
    b"PROXY TCP4 192.0.2.60 203.0.113.1 65536 443\r\n",
    b"PROXY TCP4 192.0.2.60 203.0.113.1 056324 443\r\n",
    b"PROXY TCP4 192.0.2.60 203.0.113.1 +1 443\r\n",
    b"PROXY TCP4 192.0.2.60 203.0.113.1 -1 443\r\n",
    b"PROXY \r\n",
    b"PROXY / HTTP/1.1\r\n",
    b"PROXY TCP4 192.0.2.60 203.0.113.1 56324 443\n" + b"x" * MAX_BYTES_1,
    b"PROXY UNKNOWN" + b" " * MAX_BYTES_1 + b"\r\n",
    version_2(command=0x11),
    version_2(command=0x22),
    version_2(TCP4_BODY[:-1]),
    version_2(TCP4_BODY, family=0x21),
    version_2(TCP4_BODY + b"\x01\x00"),
    version_2(TCP4_BODY + b"\x01\x00\x02a"),
    version_2(TCP4_BODY + tlv(0x20, b"")),
    version_2(b"", length=MAX_BYTES_2 - 15),
]


@pytest.mark.parametrize("data", MALFORMED, ids=repr)
def test_what_is_no_header_is_told(data: bytes) -> None:
    with pytest.raises(InvalidProxyHeader, match=r"."):
        parse_proxy_header(data)


@pytest.mark.parametrize("data", [TCP4, version_2(), version_2(TCP4_BODY + by_tls(1))])
def test_a_part_of_one_waits_for_the_rest(data: bytes) -> None:
    for end in range(len(data)):
        assert may_begin_header(data[:end])
        assert parse_proxy_header(data[:end]) is None


def test_the_longest_of_either_version_are_taken() -> None:
    longest_1 = b"PROXY UNKNOWN".ljust(MAX_BYTES_1 - 2) + b"\r\n"
    longest_2 = version_2(TCP4_BODY + tlv(0xE0, bytes(MAX_BYTES_2 - 16 - 12 - 3)))

    for data in (longest_1, longest_2):
        header = parse_proxy_header(data + REQUEST)
        assert header is not None
        assert header.length_bytes == len(data)
    with pytest.raises(InvalidProxyHeader):
        parse_proxy_header(longest_1[:-2] + b" \r\n")


@pytest.mark.parametrize(
    ("data", "may", "certainly"),
    [
        (b"", True, False),
        (b"P", True, False),
        (b"PROXY", True, False),
        (b"PROXY ", True, True),
        (b"PROXY TCP4", True, True),
        (b"PROPFIND / HTTP/1.1\r\n", False, False),
        (b"POST / HTTP/1.1\r\n", False, False),
        (b"\r\n", True, False),
        (SIGNATURE_2, True, True),
        (b"\r\n\r\nGET / HTTP/1.1\r\n", False, False),
        (REQUEST, False, False),
        (b"\x16\x03\x01", False, False),
    ],
)
def test_no_request_begins_as_one(data: bytes, may: bool, certainly: bool) -> None:
    assert may_begin_header(data) is may
    assert begins_header(data) is certainly


ports = st.integers(0, 65535)


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), ports, ports, st.binary(max_size=40))
def test_both_versions_say_the_same_of_ipv4(
    source: ipaddress.IPv4Address, there: ipaddress.IPv4Address, from_port: int, to_port: int, rest: bytes
) -> None:
    line = f"PROXY TCP4 {source} {there} {from_port} {to_port}\r\n".encode()
    packed = version_2(source.packed + there.packed + struct.pack("!HH", from_port, to_port))
    expected = (Endpoint(str(source), from_port), Endpoint(str(there), to_port))

    for data in (line, packed):
        header = parse_proxy_header(data + rest)
        assert header is not None
        assert (header.client, header.destination, header.length_bytes) == (*expected, len(data))


@given(st.ip_addresses(v=6), st.ip_addresses(v=6), ports, ports)
def test_both_versions_say_the_same_of_ipv6(
    source: ipaddress.IPv6Address, there: ipaddress.IPv6Address, from_port: int, to_port: int
) -> None:
    line = f"PROXY TCP6 {source} {there.exploded} {from_port} {to_port}\r\n".encode()
    packed = version_2(source.packed + there.packed + struct.pack("!HH", from_port, to_port), family=0x21)
    first, second = parse_proxy_header(line), parse_proxy_header(packed)

    assert first is not None
    assert second is not None
    assert first.client == second.client
    assert first.destination == second.destination


@given(st.sampled_from([b"PROXY ", SIGNATURE_2, SIGNATURE_2 + b"\x21\x11"]), st.binary(max_size=300))
def test_nothing_breaks_it(start: bytes, rest: bytes) -> None:
    try:
        header = parse_proxy_header(start + rest)
    except InvalidProxyHeader:
        return
    assert header is None or 0 < header.length_bytes <= len(start + rest)
