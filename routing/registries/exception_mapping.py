"""Turns what can go wrong in an exchange into the errors of this package, with messages for people."""

from __future__ import annotations

from routing.registries.exceptions import BadResponse, RegistryError, RegistryTimeout, RegistryUnreachable
from routing.registries.http.connection import ConnectionLost
from routing.registries.http.pool import PoolTimeout
from routing.registries.http.reader import FramingError
from routing.registries.url import RegistryUrl

FAILURES = (FramingError, ConnectionLost, PoolTimeout, TimeoutError)


def as_registry_error(error: Exception, target: RegistryUrl, seconds: float, *, in_body: bool) -> RegistryError:
    """The error that says of `target` what `error` says.

    `seconds` is the time that the exchange had. `in_body`: the headers had come already.
    """
    host = target.authority
    match error:
        case PoolTimeout():
            whom = "it" if error.at_origin else "registries"
            return RegistryTimeout(host, f"{host} was not asked: too many requests to {whom} are under way")
        case TimeoutError():
            what = "did not send its whole answer" if in_body else "did not answer"
            return RegistryTimeout(host, f"{host} {what} within {seconds:g} s")
        case FramingError():
            return BadResponse(host, f"{host} {error}")
        case _:
            return RegistryUnreachable(host, f"{host} broke the connection off")
