"""Certificates by the name that a client asks for, as ACME clients lay them out in a folder.

Each name's files are looked for when it is first asked for, and looked at again every few seconds while it is: a
renewed certificate is taken up by the next handshake, and one that can't be read leaves the one before in use. A
certificate is only ever shown under a name that stands in it.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

logger = logging.getLogger(__name__)

# How many names a worker keeps ready. One takes some 50 KiB; of more, those asked for longest ago are read anew.
_MOST_NAMES = 1000
# For so long no look at the disk is taken again for a name.
_LOOK_SECONDS = 5.0
# What the workers speak: registry clients of today all take it, and none needs more than HTTP/1.1.
_ALPN = ["http/1.1"]

#: What identifies a version of a pair of files: for each, its time of change in nanoseconds, size and inode.
Stamp = tuple[tuple[int, int, int], ...]


class CannotRead(Exception):
    """A certificate that is there can't be used; the message says why."""


class _Kept(NamedTuple):
    """What is known of a name. No context: there was no usable certificate at the last look.

    `unusable` are the files of which the log has told why they aren't used.
    """

    context: ssl.SSLContext | None
    stamp: Stamp
    looked_at: float
    unusable: frozenset[Stamp] = frozenset()


class CertificateFolder:
    """The certificates below `folder`. For one event loop; `clock` gives seconds."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def context_for(self, name: str) -> ssl.SSLContext | None:
        """What ends TLS for a normalised hostname; None where there is no certificate for it. Never raises."""
        kept = self._kept.get(name)
        if kept is None or self._clock() - kept.looked_at >= _LOOK_SECONDS:
            kept = self._kept[name] = self._look(name, kept)
            while len(self._kept) > _MOST_NAMES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return kept.context

    def _look(self, name: str, before: _Kept | None) -> _Kept:
        """What the folder holds for a name now. `before` stays in use where what is new can't be read."""
        now = self._clock()
        told = before.unusable if before is not None else frozenset()
        unusable: frozenset[Stamp] = frozenset()
        for certificate, key in candidates(self.folder, name):
            stamp = _stamp_of(certificate, key)
            if stamp is None:
                continue
            if before is not None and before.stamp == stamp:
                return before._replace(looked_at=now, unusable=unusable)
            try:
                return _Kept(_read(certificate, key, name), stamp, now, unusable)
            except CannotRead as problem:
                # Tried again at each look, for who may read it can change without the files; told once.
                unusable |= {stamp}
                if stamp not in told:
                    logger.warning("the certificate in %s isn't used for %s: %s", certificate, name, problem)
        if before is not None and unusable:
            return before._replace(looked_at=now, unusable=unusable)
        return _Kept(None, (), now, unusable)


def candidates(folder: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """Where ACME clients keep a name's certificate and key: its own first, then that of the wildcard above it.

    lego: NAME.crt and NAME.key, a wildcard as _.PARENT. Caddy: NAME/NAME.crt and NAME/NAME.key, wildcard_.PARENT.
    certbot's live folder: NAME/fullchain.pem and NAME/privkey.pem, a wildcard's under its parent. cert-manager's
    secrets, each mounted under its name: NAME/tls.crt and NAME/tls.key.
    """
    parent = name.partition(".")[2]
    for stem in (name, f"_.{parent}", f"wildcard_.{parent}", parent) if parent else (name,):
        yield folder / f"{stem}.crt", folder / f"{stem}.key"
        inside = folder / stem
        yield inside / "fullchain.pem", inside / "privkey.pem"
        yield inside / "tls.crt", inside / "tls.key"
        yield inside / f"{stem}.crt", inside / f"{stem}.key"


def new_context() -> ssl.SSLContext:
    """A server's context as all of them are: TLS 1.2 at least (RFC 8996), HTTP/1.1, no renegotiation."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(_ALPN)
    # A client goes on with the last one it got: the second of two, which is usual, costs each handshake for nothing.
    context.num_tickets = 1
    return context


def _stamp_of(*paths: Path) -> Stamp | None:
    """What the files are now; None where one isn't there, or can't be looked at."""
    try:
        found = [path.stat() for path in paths]
    except OSError:
        return None
    return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)


def _read(certificate: Path, key: Path, name: str) -> ssl.SSLContext:
    """A context with this certificate. Raises CannotRead."""
    context = new_context()
    try:
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        # Without a password here, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        # Of OpenSSL's own errors most say nothing; OSError is what they are, too.
        raise CannotRead(str(error) or "certificate and key can't be read, or don't belong together") from error
    if not _stands_for(leaf, name):
        raise CannotRead("it is for other names")
    return context


def _stands_for(leaf: x509.Certificate, name: str) -> bool:
    """Whether a certificate is for a name: it, or the wildcard right above it, is among its alternative names."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    wanted = {name, f"*.{name.partition('.')[2]}"}
    return any(found.lower() in wanted for found in names.get_values_for_type(x509.DNSName))
