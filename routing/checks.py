"""System checks: settings that can't be read are told at start, by name. Imports conf."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from routing.conf import policy
from routing.core.clients import ClientsInvalid
from routing.core.hosts import HostInvalid


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """routing.E001: control hosts that are no hosts. routing.E002: an unreadable client table."""
    try:
        policy()
    except HostInvalid as error:
        return [Error(f"FACADE_CONTROL_HOSTS: {error}", hint="Write hosts without scheme.", id="routing.E001")]
    except ClientsInvalid as error:
        return [Error(f"FACADE_REAUTHORISING_CLIENTS: {error}", id="routing.E002")]
    return []
