"""The people of the laboratory, and how the two ways to log in know them."""

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """A user. ``bcrypt`` is the password's hash at cost 5, precomputed: nothing in the standard library makes one."""

    name: str
    password: str
    bcrypt: str

    @property
    def basic(self) -> str:
        """The value of an ``Authorization`` header, RFC 7617."""
        return "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()

    @property
    def pair(self) -> str:
        """``name:password``, as ctr and skopeo take it on their command lines."""
        return f"{self.name}:{self.password}"


ALICE = Account("alice", "alice-s3cret-Vq7", "$2b$05$W.0JWxvc5s8Q6gyUHbKZtODsSnIlctp0w3J9YWJQjdRdi943.NVg.")
BOB = Account("bob", "bob-s3cret-Xt2", "$2b$05$yJ7JDCNb6vrn3EO1BIxIveFBfKg.ARL9NcppeSQRnQZOloHtsOWRy")
ACCOUNTS = {account.name: account for account in (ALICE, BOB)}


def htpasswd() -> str:
    """The accounts as an Apache password file."""
    return "".join(f"{account.name}:{account.bcrypt}\n" for account in ACCOUNTS.values())


def authenticate(name: str, password: str) -> Account | None:
    """The account with this name and password, or None."""
    account = ACCOUNTS.get(name)
    return account if account is not None and account.password == password else None


def from_basic(authorization: str | None) -> Account | None:
    """The account that an ``Authorization: Basic`` header proves, or None when it proves none."""
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return None
    return authenticate(name, password)
