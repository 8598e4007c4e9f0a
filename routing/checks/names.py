"""A system check of names: what is both the admin's and a tenant's."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError

from routing.conf import policy
from routing.core.grammar.hosts import is_loopback
from routing.models import Hostname


@register(Tags.database)
def check_names_in_database(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """routing.W031, by `check --database default` and before each migration."""
    return _names_of_two() if databases else []


@register(Tags.security, deploy=True)
def check_names(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """routing.W031, by `check --deploy`: a control host that is a hostname too."""
    return [] if databases else _names_of_two()


def _names_of_two() -> list[CheckMessage]:
    # On loopback names `make run` tries everything out under one name.
    asked = sorted(name for name in policy().control_hosts if not is_loopback(name))
    try:
        both = asked and list(Hostname.objects.filter(name__in=asked).values_list("name", flat=True))
    except DatabaseError:
        # Before the first migration there is no hostname; of a database that is gone others tell.
        return []
    hint = "Give the admin a name of its own in FACADE_CONTROL_HOSTS, best in another domain, or take the hostname out."
    return [
        Warning(
            f"{name} is a control host and a hostname that people pull from: what registries send there comes from the "
            "address at which people sign in.",
            hint=hint,
            id="routing.W031",
        )
        for name in both or []
    ]
