"""What can go wrong between the facade and a backing registry.

Each message is one sentence for a person. It names the registry's host, and never a path's query, a header or a
token: these messages reach clients, logs and the admin.
"""

from __future__ import annotations

from routing.core.grammar.printable import printable


class RegistryError(Exception):
    """A request to a backing registry (or to its token realm) has no usable answer.

    `host` is the host that was asked, with the port where it is not the default one.
    """

    def __init__(self, host: str, message: str) -> None:
        # It may name what a registry has written: a media type, a realm, a location.
        super().__init__(printable(message))
        self.host = host


class RegistryUnreachable(RegistryError):
    """No connection, no trust in its certificate, or the connection broke."""


class RegistryTimeout(RegistryError):
    """A deadline passed: for connecting, for the whole answer, or for the next part of a streamed one."""


class ResponseTooLarge(RegistryError):
    """The body is longer than the caller takes. It was not read to its end."""


class ForbiddenAddress(RegistryError):
    """The guard refused the target: its scheme, its form, or the address that it leads to. Nothing was sent."""


class BadResponse(RegistryError):
    """What came back is not HTTP, is cut short, or is not what the protocol calls for."""


class UnsendableRequest(RegistryError):
    """The request itself is not valid HTTP, such as a header value with a line break. Nothing was sent."""
