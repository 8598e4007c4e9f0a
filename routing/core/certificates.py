"""Which names may have a certificate here, as far as the table says: those that the facade answers for."""

from typing import NamedTuple

from routing.core.grammar.hosts import InvalidHost, is_ip_address, is_loopback, parse_authority
from routing.core.table.routing_table import Table


class CertificateSubject(NamedTuple):
    """A name that may have one. `tenant` is the key of whose it is, "" for a control host.

    `hostname` is what the table has: the name itself, or the wildcard that it falls under.
    """

    name: str
    tenant: str
    hostname: str

    @property
    def is_below_wildcard(self) -> bool:
        """Whether anybody could think of another such name, without a change of the table."""
        return self.hostname != self.name


def certificate_subject(table: Table, name: str) -> CertificateSubject | None:
    """What the table says of a name, in lower case, A-label form and without a port; None: it gets no certificate.

    Control hosts get one, and hostnames that are enabled and not suspended. That a hostname is in the table says that
    it was verified or vouched for. Of addresses and loopback names no authority says whose they are.
    Of the names that a plain container answers without having been told of them none gets one: there is no end of them.
    """
    try:
        host, _ = parse_authority(name)
    except InvalidHost:
        return None
    if host != name or is_ip_address(host) or is_loopback(host):
        return None
    if host in table.policy.control_hosts:
        return CertificateSubject(host, "", host)
    hostname, entry = table.match_own_host(host)
    if entry is None or not entry.enabled or entry.refusal:
        return None
    tenant = table.tenants.get(entry.tenant)
    if tenant is None or tenant.refusal:
        return None
    return CertificateSubject(host, entry.tenant, hostname)
