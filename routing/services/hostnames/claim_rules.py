"""Which names a tenant may claim at all.

The proof says whose a name is; these are names that nobody should get by a proof, whatever the DNS says.
"""

from routing.conf import platform_domains, policy
from routing.core.grammar.hosts import MAX_HOST_LENGTH, ends_in_number, is_ip_address, is_loopback, is_wildcard
from routing.services.base.codes import Code
from routing.services.base.errors import ServiceError
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.proof import proof_name
from routing.services.hostnames.public_suffixes import is_public_suffix, registrable_domain


def claimable_name(text: str) -> str:
    """What a tenant typed, as it is stored. Raises ServiceError for a name that can't be claimed."""
    name = parse_hostname(text)
    reason = _objection(name)
    if reason:
        raise ServiceError.for_field("hostname", reason, Code.HOSTNAME_NOT_ALLOWED)
    return name


def refuse_control_host(name: str) -> None:
    """Refuse a name at which people sign in. Loopback ones are for trying things out. Raises ServiceError."""
    if name in policy().control_hosts and not is_loopback(name):
        raise ServiceError.for_field(
            "hostname",
            f"{name} is a control host of this platform, where people sign in: give another name",
            Code.HOSTNAME_NOT_ALLOWED,
        )


def _objection(name: str) -> str:
    base = name.removeprefix("*.")
    if is_ip_address(base) or ends_in_number(base):
        return f"{name} is an IP address: only names can be claimed"
    if "." not in base:
        return f"{name} has a single label: give the full name, such as docker.acme.com"
    if is_public_suffix(base):
        what = f"everybody's names below {base}" if is_wildcard(name) else "a public suffix, below which anybody can be"
        return f"{name} is {what}: give a name below it that is yours"
    if any(base == domain or base.endswith(f".{domain}") for domain in _own_domains()):
        return f"{name} lies in this platform's own domain: ask the platform's operators for a name there"
    if len(proof_name(name)) > MAX_HOST_LENGTH:
        return f"{name} is too long for a DNS record that could verify it"
    return ""


def _own_domains() -> list[str]:
    names = [host for host in policy().control_hosts if not is_ip_address(host) and not ends_in_number(host)]
    return [*names, *(platform_domains() or (registrable_domain(name) or name for name in names))]
