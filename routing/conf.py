"""The facade's settings, read from Django's and given to those who ask in their own terms."""

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.signals import setting_changed

from routing.core.grammar.hosts import is_ip_address, is_loopback, normalise_hostname, parse_authority
from routing.core.grammar.listeners import Listener, parse_listener
from routing.core.grammar.public_addresses import PublicAddresses, parse_public_addresses
from routing.core.grammar.user_agents import Clients, parse_clients
from routing.core.table.policy import Policy
from routing.dns.name_servers import NameServer, parse_name_server
from routing.registries.client import ClientLimits
from routing.registries.guard import GuardPolicy

#: The hostname whose mappings hold for every name that leads to a plain container which was told no name: decision 55.
CATCH_ALL = "localhost"
# On PostgreSQL, what writers notify and workers listen to.
NOTIFY_CHANNEL = "routing_changed"


@cache
def policy() -> Policy:
    """What the deployment decides about requests.

    Raises InvalidHost or InvalidClientList for settings that can't be read.
    """
    return Policy(
        control_hosts=frozenset(parse_authority(name)[0] for name in settings.FACADE_CONTROL_HOSTS),
        clients=Clients(parse_clients(settings.FACADE_CLIENTS)),
        catch_all=CATCH_ALL if settings.REGISTRY_HOST and not settings.FACADE_HOSTNAME else "",
    )


def guard_policy() -> GuardPolicy:
    """Which registries this deployment lets itself talk to."""
    return GuardPolicy(
        allow_insecure=settings.FACADE_ALLOW_INSECURE_REGISTRIES,
        allow_private=settings.FACADE_ALLOW_PRIVATE_REGISTRIES,
    )


def client_limits() -> ClientLimits:
    """Deadlines and sizes for talking to registries."""
    return ClientLimits(
        connect_seconds=settings.FACADE_CONNECT_SECONDS,
        total_seconds=settings.FACADE_RELAY_SECONDS,
        max_connections=settings.FACADE_MAX_RELAYS,
        max_connections_per_origin=settings.FACADE_MAX_RELAYS_PER_REGISTRY,
    )


def name_servers() -> list[NameServer]:
    """The name servers that are asked for proofs; none means the system's. Raises ValueError for an unreadable one."""
    return [parse_name_server(text) for text in settings.FACADE_DNS_SERVERS]


def platform_domains() -> list[str]:
    """The domains that the deployment names as its own. Raises InvalidHost."""
    return [normalise_hostname(name) for name in settings.FACADE_PLATFORM_DOMAINS]


@cache
def public_addresses() -> PublicAddresses:
    """Where hostnames have to lead: as the setting says, else the first control host that others can reach by name.

    Raises ValueError for an address that can't be read.
    """
    if settings.FACADE_ADDRESSES:
        return parse_public_addresses(settings.FACADE_ADDRESSES)
    return parse_public_addresses([name for name in [public_control_host()] if name])


def public_control_host() -> str:
    """The first control host that others can reach by name; "" for none."""
    hosts = (parse_authority(host)[0] for host in settings.FACADE_CONTROL_HOSTS)
    return next((host for host in hosts if not is_loopback(host) and not is_ip_address(host) and "." in host), "")


def gate_listener() -> Listener:
    """Where the gate listens, if anywhere. Raises ValueError."""
    return parse_listener(settings.FACADE_GATE_BIND)


def addresses_of_certificates() -> PublicAddresses:
    """Where a name has to lead before it gets a certificate: all empty where no setting says so. Raises ValueError.

    The gate finds out then: see dataplane/gate/own_addresses.py.
    """
    return parse_public_addresses(settings.FACADE_ADDRESSES)


def snapshot_path() -> Path:
    """The file that holds the routing table for workers that start without the database."""
    return Path(settings.STATE_DIR) / "routing-table.snapshot"


def freeze_path() -> Path:
    """The file that freezes the table of this machine's workers, while it is there."""
    return Path(settings.STATE_DIR) / "freeze.json"


def alarm_path() -> Path:
    """The file that says, while it is there, that workers of this machine wait for a change to be confirmed."""
    return Path(settings.STATE_DIR) / "table-alarm.json"


def reports_folder() -> Path:
    """Where each process that follows the table says how its table compares with the rows."""
    return Path(settings.STATE_DIR) / "tables"


def load_lock_path() -> Path:
    """Whoever of this machine loads the whole table again holds this file's lock."""
    return Path(settings.STATE_DIR) / "table-load.lock"


def database_identity() -> str:
    """Which database this is, without saying so: a snapshot of another one must not be served."""
    database = settings.DATABASES["default"]
    parts = [str(database.get(name, "")) for name in ("ENGINE", "HOST", "PORT", "NAME")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _forget(**_: object) -> None:
    policy.cache_clear()
    public_addresses.cache_clear()


setting_changed.connect(_forget)
