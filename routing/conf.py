"""The facade's settings, read from Django's once and given to those who ask in their own terms. Imports only core."""

from functools import cache

from django.conf import settings
from django.core.signals import setting_changed

from routing.core.clients import REAUTHORISING, parse_clients
from routing.core.hosts import parse_authority
from routing.core.policy import Policy


@cache
def policy() -> Policy:
    """What the deployment decides about requests.

    Raises HostInvalid or ClientsInvalid for settings that can't be read.
    """
    clients = settings.FACADE_REAUTHORISING_CLIENTS
    return Policy(
        control_hosts=frozenset(parse_authority(name)[0] for name in settings.FACADE_CONTROL_HOSTS),
        reauthorising_clients=parse_clients(clients) if clients else REAUTHORISING,
    )


def _forget(**_: object) -> None:
    policy.cache_clear()


setting_changed.connect(_forget)
