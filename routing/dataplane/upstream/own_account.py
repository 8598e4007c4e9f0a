"""The operator's own account at a registry, as an Authorization for one repository.

The password goes to the registry's address, which its sealed text names, and to the realm that a probe found there; a
challenge that names another realm is not followed. What comes back is a token for pulling one repository, which is kept
for less than a minute, in this process alone. Whoever calls this has decided that an account may be used at all.
"""

import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from routing.core.table.routing_table import Auth, RegistryEntry
from routing.dataplane.upstream.client_pool import with_auth_details
from routing.registries.auth.accounts import PullAccount, open_account
from routing.registries.auth.scopes import repository_scope
from routing.registries.auth.tokens import fetch_token, read_token
from routing.registries.client import RegistryClient
from routing.registries.exceptions import BadResponse, RegistryUnreachable

# No realm's token is good for less than a minute (Docker's token specification).
_TOKEN_SECONDS = 50.0
_MAX_TOKENS, _MAX_TOKEN_LENGTH = 1024, 16 * 1024


class AccountRefused(Exception):
    """The account can't be used: it is not here, can't be read, or its registry doesn't take it."""


def refuse_quoted(location: str, authorization: str) -> None:
    """Raise BadResponse where a Location that is handed on holds what was sent along by the account."""
    secret = authorization.partition(" ")[2]
    if secret and (secret in location or secret in unquote(location)):
        host = urlsplit(location).hostname or ""
        raise BadResponse(host, "the registry redirects to an address that holds this facade's own credentials")


class _Token(NamedTuple):
    """`until` is in monotonic time."""

    value: str
    until: float


class OwnAccounts:
    """Of one process. Tokens are kept by the account's sealed text: with another one they are no more."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], _Token] = {}

    async def authorization(
        self, client: RegistryClient, registry: RegistryEntry, repository: str, is_own: Callable[[str], bool]
    ) -> str:
        """The field's value; "" where the registry asks for nothing. `repository` is its name there.

        `is_own` says whether a URL leads to this facade, which then isn't asked. Raises AccountRefused, RegistryError.
        """
        account = open_account(registry.account, registry.origin)
        if account is None:
            raise AccountRefused
        asked = await with_auth_details(client, registry, repository)
        if asked.auth == Auth.NONE:
            return ""
        if asked.auth == Auth.BASIC:
            return account.basic
        if asked.auth != Auth.BEARER or not asked.realm or is_own(asked.realm):
            raise BadResponse("", f"{registry.name} could not be asked where its tokens come from")
        key = (registry.account, repository)
        token = self._tokens.get(key)
        if token is None or token.until < time.monotonic():
            token = await self._fetched(client, asked, account, repository)
            if len(self._tokens) >= _MAX_TOKENS:
                self._tokens.clear()
            if len(token.value) <= _MAX_TOKEN_LENGTH:
                self._tokens[key] = token
        return f"Bearer {token.value}"

    def forget(self, registry: RegistryEntry, repository: str) -> None:
        """Forget a token that was refused."""
        self._tokens.pop((registry.account, repository), None)

    def forget_all(self) -> None:
        """For tests."""
        self._tokens.clear()

    @staticmethod
    async def _fetched(client: RegistryClient, asked: RegistryEntry, account: PullAccount, repository: str) -> _Token:
        until = time.monotonic() + _TOKEN_SECONDS
        answer = await fetch_token(
            client,
            asked.realm,
            service=asked.service,
            scopes=(repository_scope(repository),),
            authorization=account.basic,
        )
        if answer.status == 429 or answer.status >= 500:
            raise RegistryUnreachable("", f"the token realm of {asked.name} answered with status {answer.status}")
        if answer.status != 200:
            raise AccountRefused
        return _Token(read_token(answer), until)


own_accounts = OwnAccounts()
