"""First contact with a server: does it take a connection, and which certificate does it present (RFC 5280, RFC 6125)?

For the doctor, which has to read the very certificate that a client refuses. Nothing is sent by these connections, and
the guard is asked before each.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from routing.core.grammar.printable import printable
from routing.registries.exceptions import ForbiddenAddress
from routing.registries.guard import GuardPolicy
from routing.registries.http.tls import fresh_context

_MAX_NAMES = 20


class Presented(NamedTuple):
    """A certificate. `problem` is what clients have against it, in OpenSSL's words; empty for nothing.

    `verify_code` is OpenSSL's number of it (X509_V_ERR_…), 0 for none.
    """

    names: tuple[str, ...]
    issuer: str
    not_before: datetime
    not_after: datetime
    problem: str = ""
    verify_code: int = 0

    def seconds_left(self, now: datetime) -> float:
        """How long it is still valid; negative where it was."""
        return (self.not_after - now).total_seconds()


class NoContact(Exception):
    """No connection, or no TLS on it, came about; the message says why."""


async def try_connection(policy: GuardPolicy, address: str, port: int, seconds: float) -> None:
    """Connect to an address, and leave. Raises `NoContact`, and `ForbiddenAddress` where the guard refuses it."""
    _check(policy, address)
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(address, port)
        writer.transport.abort()
    except TimeoutError:
        raise NoContact(f"no answer in {seconds:g} seconds") from None
    except OSError as error:
        # asyncio's own words name the address once more.
        raise NoContact((os.strerror(error.errno) if error.errno else type(error).__name__).lower()) from None


async def presented_certificate(policy: GuardPolicy, address: str, port: int, name: str, seconds: float) -> Presented:
    """The certificate that a server at an address has for a name, and what the machine's authorities say of it.

    Raises `NoContact`, and `ForbiddenAddress` for an address that the guard refuses.
    """
    _check(policy, address)
    async with _tls_within(seconds):
        return await _look(address, port, name)


async def shake_hands(policy: GuardPolicy, address: str, port: int, name: str, seconds: float) -> None:
    """Have a server at an address find a certificate for a name, whichever that is, and leave.

    Raises as `presented_certificate`.
    """
    _check(policy, address)
    async with _tls_within(seconds):
        await _peer_certificate(address, port, name, unverified_context())


def unverified_context() -> ssl.SSLContext:
    """A client's context that takes any certificate: for asking on, without secrets, where a certificate is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def _tls_within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise NoContact(f"TLS was not there after {seconds:g} seconds") from None
    except ssl.SSLError as error:
        reason = printable(error.reason or "").replace("_", " ").lower()
        raise NoContact(f"no TLS came about: {reason or 'it does not speak TLS'}") from None
    except (OSError, EOFError):
        raise NoContact("the connection was closed before TLS came about") from None


def _check(policy: GuardPolicy, address: str) -> None:
    if refusal := policy.refusal(address):
        raise ForbiddenAddress(address, f"{address} is {refusal}")


async def _look(address: str, port: int, name: str) -> Presented:
    try:
        return _read(await _peer_certificate(address, port, name, fresh_context()))
    except ssl.SSLCertVerificationError as error:
        problem, code = printable(error.verify_message), error.verify_code
    encoded = await _peer_certificate(address, port, name, unverified_context())
    return _read(encoded)._replace(problem=problem, verify_code=code)


async def _peer_certificate(address: str, port: int, name: str, context: ssl.SSLContext) -> bytes:
    _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        encoded = tls.getpeercert(binary_form=True)
        if not encoded:
            raise NoContact("it presents no certificate")
        return encoded
    finally:
        writer.transport.abort()


def _read(encoded: bytes) -> Presented:
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        names = _names(certificate)
        issuer = certificate.issuer.rfc4514_string()
        return Presented(
            tuple(printable(name) for name in names[:_MAX_NAMES]),
            printable(issuer),
            certificate.not_valid_before_utc.astimezone(UTC),
            certificate.not_valid_after_utc.astimezone(UTC),
        )
    except ValueError:
        raise NoContact("its certificate can't be read") from None


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return []
    assert isinstance(found, x509.SubjectAlternativeName)
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *addresses]
