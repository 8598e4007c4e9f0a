"""TLS towards registries: the system's authorities, and sessions that are resumed (RFC 8446 §2.2, RFC 5077)."""

from __future__ import annotations

import os
import ssl
import time
from functools import cache
from typing import Any

# A resumed session is as old as the look at its certificate. Registries' own limits are hours.
_MAX_SESSION_SECONDS = 600.0
# Each holds the chain of certificates that the other side sent, of up to 100 KB.
_MAX_SESSIONS = 256


class ResumingContext(ssl.SSLContext):
    """A client's context that remembers the last session with each server name and offers it the next time.

    A session was verified under this context and for this name, and is offered under no other.
    """

    _sessions: dict[str, tuple[float, ssl.SSLSession]]

    def __new__(cls, protocol: int = ssl.PROTOCOL_TLS_CLIENT, *_arguments: Any) -> ResumingContext:
        context = super().__new__(cls, protocol)
        context._sessions = {}
        return context

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Called by the event loop for each new connection."""
        name = server_hostname if isinstance(server_hostname, str) else ""
        if session is None:
            session = self._session(name)
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    def remember(self, connection: object) -> None:
        """Keep the session of a connection whose first answer has come: the ticket of TLS 1.3 follows the handshake."""
        if not isinstance(connection, ssl.SSLObject) or not isinstance(connection.server_hostname, str):
            return
        session = connection.session
        if session is None or not session.has_ticket:
            return
        if len(self._sessions) >= _MAX_SESSIONS:
            self._sessions.clear()
        # A resumed session may be told again: its first look at the certificate is what counts.
        known = self._sessions.get(connection.server_hostname)
        began = known[0] if known is not None and connection.session_reused else time.monotonic()
        self._sessions[connection.server_hostname] = (began, session)

    def _session(self, name: str) -> ssl.SSLSession | None:
        began, session = self._sessions.get(name, (0.0, None))
        if session is not None and time.monotonic() - began > _MAX_SESSION_SECONDS:
            self._sessions.pop(name, None)
            return None
        return session


@cache
def system_context() -> ResumingContext:
    """The context for registries: the system's authorities, or those that SSL_CERT_FILE or SSL_CERT_DIR names.

    Loading them takes some 20 ms, so all clients of a process share it. A changed file counts after a restart.
    """
    context = ResumingContext()
    _load_authorities(context)
    return context


def fresh_context() -> ssl.SSLContext:
    """One with the same authorities as they are now, which resumes nothing: each server shows its certificate anew."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load_authorities(context)
    return context


def _load_authorities(context: ssl.SSLContext) -> None:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        context.load_verify_locations(file or None, folder or None)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
