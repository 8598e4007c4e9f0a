"""Credentials on their way through: sealed tokens for Basic registries, and what may be passed on to whom.

Nothing is kept on the server. A registry's own token is handed out with a mark of that registry before it, and is never
sent to another one: after a repoint the same repository is somewhere else. A sealed token holds the caller's own Basic
credentials, encrypted and authenticated under the server's key (Fernet: AES-128-CBC with HMAC-SHA256), good for one
hostname, one registry and a few minutes.
"""

import base64
import hashlib
import hmac
import zlib
from functools import lru_cache

from cryptography.fernet import InvalidToken

from routing.core.table.routing_table import Auth, RegistryEntry, Strategy
from routing.crypto import SEALED_TOKENS, keys_for

SEALED_SECONDS = 300
_BOUND_BYTES = hashlib.sha256().digest_size
# Told apart from any registry's own token, so that it is never sent to a registry that couldn't read it.
_SEALED_PREFIX = "rfs1."
# What /token answers for a registry that asks for none: clients want one all the same.
OPEN_TOKEN = "rfo1.no-token-needed"  # noqa: S105 (it is good for nothing)
_OWN_PREFIXES = (_SEALED_PREFIX, "rfo1.")
# Before a registry's own token, and behind it the registry's mark and a dot.
_BOUND_PREFIX = "rfb1."
_MARK_LENGTH = 16


class NotAccepted(Exception):
    """The caller's Authorization can't be used for this registry: it has to ask /token anew."""


def seal(basic: str, host: str, registry: RegistryEntry) -> str:
    """A token that holds Basic credentials (`dXNlcjpwYXNz`), for this hostname and registry only.

    It has to fit into a header line of 8,000 bytes, which is what servers and proxies take, and Amazon ECR's passwords
    have more than 4,000 characters by now. So it holds the credentials themselves and not their base64, packed: those
    passwords are base64 again. (That a length tells how well a secret packs is of use only to those who can add to what
    is packed beside it; here that is the one whose secret it is.)
    """
    payload = _bound_to(host, registry) + zlib.compress(base64.b64decode(basic), 9)
    return _SEALED_PREFIX + keys_for(SEALED_TOKENS).encrypt(payload).decode()


def _bound_to(host: str, registry: RegistryEntry) -> bytes:
    return hashlib.sha256(f"{host} {registry.origin}".encode()).digest()


@lru_cache(maxsize=1024)
def _mark(origin: str) -> str:
    """What tells one registry's tokens from another's. No secret: whoever makes one up fools nobody else."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"token of {origin}".encode()).digest()).decode()[:_MARK_LENGTH]


def bind(token: str, registry: RegistryEntry) -> str:
    """A registry's own token as it is handed out: good for this registry, and sent to no other."""
    return f"{_BOUND_PREFIX}{_mark(registry.origin)}.{token}"


def bare(token: str) -> str:
    """A token as its registry gave it out."""
    return token[len(_BOUND_PREFIX) + _MARK_LENGTH + 1 :] if token.startswith(_BOUND_PREFIX) else token


def _is_bound_to(token: str, registry: RegistryEntry) -> bool:
    return token.startswith(f"{_BOUND_PREFIX}{_mark(registry.origin)}.")


def is_for(authorization: str, host: str, registry: RegistryEntry) -> bool:
    """Whether a token was certainly given out for this registry: one that came from elsewhere is for none."""
    scheme, rest = split_authorization(authorization)
    if scheme != "bearer":
        return False
    if rest == OPEN_TOKEN:
        return registry.auth == Auth.NONE
    if rest.startswith(_BOUND_PREFIX):
        return _is_bound_to(rest, registry)
    try:
        return bool(unseal(rest, host, registry))
    except NotAccepted:
        return False


def is_sealed(token: str) -> bool:
    """Whether it is one of ours that holds somebody's credentials, if it is genuine."""
    return token.startswith(_SEALED_PREFIX)


def unseal(token: str, host: str, registry: RegistryEntry) -> str:
    """The Basic credentials in a sealed token. Raises NotAccepted: forged, too old, or for somewhere else."""
    if not token.startswith(_SEALED_PREFIX):
        raise NotAccepted
    try:
        payload = keys_for(SEALED_TOKENS).decrypt(token[len(_SEALED_PREFIX) :].encode(), ttl=SEALED_SECONDS)
        bound_to, packed = payload[:_BOUND_BYTES], payload[_BOUND_BYTES:]
        if not hmac.compare_digest(bound_to, _bound_to(host, registry)):
            raise NotAccepted
        return base64.b64encode(zlib.decompress(packed)).decode()
    except (InvalidToken, ValueError, zlib.error):
        raise NotAccepted from None


def split_authorization(authorization: str) -> tuple[str, str]:
    """The scheme in lower case, and the rest."""
    scheme, _, rest = authorization.strip().partition(" ")
    return scheme.lower(), rest.strip()


def upstream_authorization(authorization: str, host: str, registry: RegistryEntry, strategy: Strategy) -> str:
    """The Authorization header for the backing registry; "" for none. Raises NotAccepted.

    An open registry gets none: some answer 401 to a token that isn't theirs. Basic credentials that come straight to
    the facade are not passed to a Bearer registry: they belong at /token, which knows whose they are. A token that was
    given out for another registry is not passed on; one that bears no mark came from elsewhere, and is. Of a registry
    that no probe has reached yet, the token itself tells what /token found out, perhaps in another worker.
    """
    if strategy is Strategy.OPEN or registry.auth == Auth.NONE:
        return ""
    scheme, rest = split_authorization(authorization)
    if scheme != "bearer" or not rest:
        raise NotAccepted
    unknown = registry.auth == Auth.UNKNOWN
    if unknown and rest == OPEN_TOKEN:
        return ""
    if registry.auth == Auth.BASIC or (unknown and rest.startswith(_SEALED_PREFIX)):
        return f"Basic {unseal(rest, host, registry)}"
    if rest.startswith(_OWN_PREFIXES) or (rest.startswith(_BOUND_PREFIX) and not _is_bound_to(rest, registry)):
        raise NotAccepted
    return f"Bearer {bare(rest)}"


def basic_credentials(authorization: str) -> str:
    """The base64 part of a Basic header, where it is one that holds a user and a password; else ""."""
    scheme, rest = split_authorization(authorization)
    if scheme != "basic":
        return ""
    try:
        decoded = base64.b64decode(rest, validate=True)
    except ValueError:
        return ""
    return rest if b":" in decoded else ""
