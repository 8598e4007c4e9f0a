"""Grammar of the PROXY protocol, versions 1 and 2: what a proxy that passes bytes on sends before a client's first one.

Source: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
"""

import ipaddress
import re
import struct
from typing import NamedTuple

SIGNATURE_1 = b"PROXY "
SIGNATURE_2 = b"\r\n\r\n\x00\r\nQUIT\n"
#: Of version 1, with its line's end; §2.1.
MAX_BYTES_1 = 107
#: Of version 2, which may be followed by 64 KiB of what nobody here reads. Known proxies add some hundred bytes.
MAX_BYTES_2 = 4096

_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")
_MAX_PORT = 65535
_LOCAL, _PROXY = 0x20, 0x21
#: Family and transport → the form of the addresses; §2.2.
_FORMS = {0x11: "!4s4sHH", 0x21: "!16s16sHH"}
_TLV = struct.Struct("!BH")
_TLV_TLS, _CLIENT_TLS = 0x20, 0x01


class InvalidProxyHeader(ValueError):
    """What begins as a header and is none. The message says what is wrong."""


class Endpoint(NamedTuple):
    """An address and a port."""

    address: str
    port: int


class ProxyHeader(NamedTuple):
    """What a proxy says. Without `client` the connection is its own, such as for a health check.

    `destination`: where the client connected to. `by_tls`: whether by TLS; None where the header doesn't say.
    `length_bytes` is the header's own.
    """

    length_bytes: int
    client: Endpoint | None = None
    destination: Endpoint | None = None
    by_tls: bool | None = None


def may_begin_header(data: bytes) -> bool:
    """Whether these first bytes of a connection begin a header, as far as they go."""
    return any(data[: len(start)] == start[: len(data)] for start in (SIGNATURE_1, SIGNATURE_2))


def begins_header(data: bytes) -> bool:
    """Whether they certainly do: no request begins so."""
    return data.startswith((SIGNATURE_1, SIGNATURE_2))


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header with which the bytes begin; None where more of it is to come. Raises InvalidProxyHeader."""
    if data.startswith(SIGNATURE_1):
        return _parse_1(data)
    return _parse_2(data) if data.startswith(SIGNATURE_2) else None


def _parse_1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, MAX_BYTES_1)
    if end < 0:
        if len(data) >= MAX_BYTES_1:
            raise InvalidProxyHeader(f"its line has more than {MAX_BYTES_1} bytes")
        return None
    _, family, *words = data[:end].split(b" ")
    if family == b"UNKNOWN":
        return ProxyHeader(end + 2)
    if len(words) != 4 or family not in (b"TCP4", b"TCP6"):
        raise InvalidProxyHeader("its line is malformed")
    version = ipaddress.IPv4Address if family == b"TCP4" else ipaddress.IPv6Address
    try:
        source, destination = (_address(version(word.decode("ascii"))) for word in words[:2])
        from_port, to_port = map(_port, words[2:])
    except ValueError as error:
        raise InvalidProxyHeader("an address or a port is malformed") from error
    return ProxyHeader(end + 2, Endpoint(source, from_port), Endpoint(destination, to_port))


def _port(word: bytes) -> int:
    if not _PORT.fullmatch(word) or int(word) > _MAX_PORT:
        raise ValueError
    return int(word)


def _address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            raise ValueError
        return str(address.ipv4_mapped or address)
    return str(address)


def _parse_2(data: bytes) -> ProxyHeader | None:
    start = len(SIGNATURE_2) + 4
    if len(data) < start:
        return None
    command, family, length = struct.unpack_from("!BBH", data, len(SIGNATURE_2))
    end = start + length
    if end > MAX_BYTES_2:
        raise InvalidProxyHeader(f"it has more than {MAX_BYTES_2} bytes")
    if command not in (_LOCAL, _PROXY):
        raise InvalidProxyHeader("its version or command is unknown")
    if len(data) < end:
        return None
    form = _FORMS.get(family)
    if command == _LOCAL or form is None:
        # Of another kind of address nothing is known here but that the proxy is there.
        return ProxyHeader(end)
    if length < struct.calcsize(form):
        raise InvalidProxyHeader("its addresses are cut off")
    source, destination, from_port, to_port = struct.unpack_from(form, data, start)
    client, there = (_address(ipaddress.ip_address(packed)) for packed in (source, destination))
    by_tls = _by_tls(data[start + struct.calcsize(form) : end])
    return ProxyHeader(end, Endpoint(client, from_port), Endpoint(there, to_port), by_tls)


def _by_tls(extensions: bytes) -> bool | None:
    """What the extension for TLS says (§2.2.6). The others are skipped, and have to be whole."""
    by_tls, position = None, 0
    while position < len(extensions):
        if position + _TLV.size > len(extensions):
            raise InvalidProxyHeader("an extension is cut off")
        kind, length = _TLV.unpack_from(extensions, position)
        value = extensions[position + _TLV.size : position + _TLV.size + length]
        if len(value) < length or (kind == _TLV_TLS and not value):
            raise InvalidProxyHeader("an extension is cut off")
        if kind == _TLV_TLS:
            by_tls = bool(value[0] & _CLIENT_TLS)
        position += _TLV.size + length
    return by_tls
