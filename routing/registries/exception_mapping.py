"""Turns what the HTTP library raises into the errors of this package, with messages for people."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore2

from routing.registries.exceptions import (
    BadResponse,
    RegistryError,
    RegistryTimeout,
    RegistryUnreachable,
    UnsendableRequest,
)
from routing.registries.url import RegistryUrl


@contextmanager
def told_as_registry_errors(target: RegistryUrl, deadline: str, *, in_body: bool = False) -> Iterator[None]:
    """Raise whatever the block raises as a `RegistryError` about `target`.

    `deadline` is the time that the block has, in words ("15 s"). `in_body`: the headers had come already.
    """
    try:
        yield
    except RegistryError:
        raise
    except Exception as error:
        told = _as_registry_error(error, target, deadline, in_body)
        if told is None:
            raise
        # `from None`: the library's errors may quote what was sent or received.
        raise told from None


def _as_registry_error(error: Exception, target: RegistryUrl, deadline: str, in_body: bool) -> RegistryError | None:
    host = target.authority
    match error:
        case httpcore2.ConnectTimeout():
            return RegistryTimeout(host, f"{host} did not finish connecting in time")
        case httpcore2.PoolTimeout():
            return RegistryTimeout(host, f"{host} was not asked: too many requests to registries are under way")
        case TimeoutError() | httpcore2.TimeoutException():
            what = "did not send its whole answer" if in_body else "did not answer"
            return RegistryTimeout(host, f"{host} {what} within {deadline}")
        case httpcore2.ConnectError() | ssl.SSLError():
            return RegistryUnreachable(host, f"{host} could not be reached: {_tls_reason(error)}")
        case httpcore2.RemoteProtocolError():
            what = "cut its answer short" if in_body else "did not answer in HTTP"
            return BadResponse(host, f"{host} {what}")
        case httpcore2.LocalProtocolError() | UnicodeEncodeError():
            return UnsendableRequest(host, f"the request to {host} is not valid HTTP and was not sent")
        case httpcore2.NetworkError() | OSError():
            return RegistryUnreachable(host, f"{host} broke the connection off")
    return None


def _tls_reason(error: Exception) -> str:
    """Why TLS failed, in words: an operator with an own certificate authority has to be told.

    The guard's backend reports connections that do not come about by itself, so what is left is the handshake.
    """
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    return "it does not speak TLS, or not as it should"
