"""How many wrong passwords are taken, from whom: guessing is stopped, and nobody is locked out by it who is known."""

from collections.abc import Mapping
from typing import Any

from allauth.core.internal import ratelimit
from django.contrib.auth import authenticate
from django.http import HttpRequest

from routing.accounts.known_devices import device_of
from routing.accounts.password_backend import PasswordBackend, account_of, burn
from routing.accounts.second_factor import has_second_factor

_APP = "routing"
_RATES = {"from_address": "10/m/ip", "at_name": "5/5m/key", "in_device": "5/5m/key"}


class TooMany(Exception):
    """No more passwords for now."""


def attempt(request: HttpRequest, name: str, credentials: Mapping[str, Any]) -> Any:
    """The user whose password it is, or None. Raises TooMany.

    `name`: by what attempts are counted, as it was typed. Only wrong ones are. A browser in which that person signed in
    before has attempts of its own. Where those at the name are used up, whoever has a second factor may still give the
    right password: that alone lets nobody in. A wrong one is answered as everybody's is, and takes as long.
    """
    person = account_of(dict(credentials))
    device = None if person is None else device_of(request, person)
    used_up = False
    if device is not None:
        counted = [_count(request, "in_device", device)]
    else:
        counted = [_count(request, "from_address")]
        at_name = ratelimit.consume(request, app=_APP, action="at_name", config=_RATES, key=name)
        used_up = at_name is None
        counted += [] if at_name is None else [at_name]
    if used_up and not (person is not None and has_second_factor(person)):
        burn(str(credentials.get("password")))
        raise TooMany
    PasswordBackend.unstash_authenticated_user()
    found = authenticate(request, **credentials) or PasswordBackend.unstash_authenticated_user()
    if found is None and used_up:
        raise TooMany
    if found is not None:
        # Not forgotten altogether: who knows one password could otherwise guess at another for ever.
        for usage in counted:
            usage.rollback()
    return found


def forgive(request: HttpRequest, name: str) -> None:
    """Forget the wrong passwords at a name, whose owner has proved to be that."""
    ratelimit.clear(request, app=_APP, action="at_name", config=_RATES, key=name)


def _count(request: HttpRequest, action: str, key: str | None = None) -> Any:
    usage = ratelimit.consume(request, app=_APP, action=action, config=_RATES, key=key)
    if usage is None:
        raise TooMany
    return usage
