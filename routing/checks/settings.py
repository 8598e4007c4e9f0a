"""System checks: settings that can't be read are told at start, by name."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from routing.conf import name_servers, platform_domains, policy
from routing.core.grammar.hosts import InvalidHost
from routing.core.grammar.user_agents import InvalidClientList


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """routing.E001: control hosts that are no hosts. routing.E002: clients that can't be read."""
    try:
        policy()
    except InvalidHost as error:
        return [Error(f"FACADE_CONTROL_HOSTS: {error}", hint="Write hosts without scheme.", id="routing.E001")]
    except InvalidClientList as error:
        return [Error(f"FACADE_CLIENTS: {error}", id="routing.E002")]
    return []


@register()
def check_proof_settings(**_: Any) -> list[CheckMessage]:
    """routing.E010: name servers that are no addresses. routing.E011: platform domains that are no names."""
    found: list[CheckMessage] = []
    try:
        name_servers()
    except ValueError as error:
        found.append(Error(f"FACADE_DNS_SERVERS: {error}", id="routing.E010"))
    try:
        platform_domains()
    except InvalidHost as error:
        found.append(Error(f"FACADE_PLATFORM_DOMAINS: {error}", id="routing.E011"))
    return found
