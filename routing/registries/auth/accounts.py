"""An operator's account at a registry, with which the facade fetches by itself: how it is kept.

Kept is one text, encrypted and authenticated under the server's key (Fernet: AES-128-CBC with HMAC-SHA256). It opens
for the address that it was given for and for no other: whatever else happens to a row, no secret follows it elsewhere.
"""

import base64
import json
from typing import NamedTuple

from cryptography.fernet import InvalidToken

from routing.crypto import PULL_ACCOUNTS, keys_for

MAX_USER_LENGTH, MAX_PASSWORD_LENGTH = 255, 4096


class InvalidAccount(ValueError):
    """What no registry can be sent as Basic credentials (RFC 7617 §2). The message says why, and repeats nothing."""


class PullAccount(NamedTuple):
    """A user name, and the password or token that goes with it."""

    user: str
    password: str

    @property
    def basic(self) -> str:
        """Both, as the Authorization header has them."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"

    def __repr__(self) -> str:
        """Without the password: what is printed ends in logs."""
        return f"PullAccount(user={self.user!r})"


def check_account(account: PullAccount) -> None:
    """Pass what can be sent. Raises InvalidAccount."""
    user, password = account
    if not user or not password:
        raise InvalidAccount("give a user name, and a password or token")
    if len(user) > MAX_USER_LENGTH:
        raise InvalidAccount(f"a user name has {MAX_USER_LENGTH} characters at most")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise InvalidAccount(f"a password or token has {MAX_PASSWORD_LENGTH:,} characters at most")
    if ":" in user:
        raise InvalidAccount("a user name has no colon")
    if not (user.isprintable() and password.isprintable()):
        raise InvalidAccount("a user name, password or token has no control characters or line breaks")


def seal_account(account: PullAccount, origin: str) -> str:
    """The text that is kept, good for this address (`scheme://host[:port]`) alone."""
    facts = {"origin": origin, "user": account.user, "password": account.password}
    return keys_for(PULL_ACCOUNTS).encrypt(json.dumps(facts).encode()).decode()


def open_account(sealed: str, origin: str) -> PullAccount | None:
    """The account again; None where there is none, no key of this server opens it, or it is for another address."""
    if not sealed:
        return None
    try:
        facts = json.loads(keys_for(PULL_ACCOUNTS).decrypt(sealed.encode()))
        return PullAccount(facts["user"], facts["password"]) if facts["origin"] == origin else None
    except (InvalidToken, ValueError, KeyError, TypeError):
        return None
