"""What a mapping would do to those who pull, before it is saved: asked of `decide()`, with the table that would be."""

from typing import NamedTuple

from routing.conf import policy
from routing.core.client_support import ClientSupport, Findings, client_support
from routing.core.table.mapping_entry import mapping_key
from routing.core.table.routing_table import Auth, RegistryEntry
from routing.models import Hostname, Mapping, Tenant
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.hostnames.names import parse_hostname
from routing.services.mappings.candidate_table import NEW, with_hostname, with_mapping
from routing.services.mappings.mappings import parse_prefix
from routing.services.mappings.rules import check_may_lead
from routing.services.people.tenants import DEFAULT_SLUG
from routing.services.registries.targets import check_target, find_registry, parse_target
from routing.table.load import load_table

_OPTIONS = ("enabled", "private", "allow_push", "delivery")


class Wanted(NamedTuple):
    """A mapping as it was typed. `tenant` is the slug of who gets a hostname that is not there yet; "": the default."""

    hostname: str
    prefix: str
    target: str
    enabled: bool = True
    private: bool = False
    allow_push: bool = False
    delivery: str = Mapping.Delivery.AUTO
    tenant: str = ""


class Prospect(NamedTuple):
    """What would be: what each client meets for some image below the mapping, and the repository that is asked for.

    `registry` is what people call it. `is_known`: a probe has found out what it asks for; before that one can't say how
    clients fare. `image` and `upstream` are the names of that image here and there.
    """

    registry: str
    is_known: bool
    image: str
    upstream: str
    client_support: list[ClientSupport]


def prospect_of(actor: Actor, wanted: Wanted) -> Prospect:
    """Look at it. Nothing is asked, written or added. Raises ServiceError for what could not be saved."""
    name, prefix, target = parse_hostname(wanted.hostname), parse_prefix(wanted.prefix), parse_target(wanted.target)
    hostname = Hostname.objects.viewable_by(actor).select_related("tenant").filter(name=name).first()
    if hostname is None and not actor.is_operator:
        # Whether somebody else has it is not told.
        raise ServiceError.for_field("hostname", "this is not a hostname of yours: claim and verify it first")
    tenant = hostname.tenant if hostname else Tenant.objects.filter(slug=wanted.tenant or DEFAULT_SLUG).first()
    check_target(tenant, target)
    registry = find_registry(tenant, target)
    entry = RegistryEntry(target.origin, target.authority) if registry is None else registry.table_entry()
    check_may_lead(actor, tenant, registry, entry, target.upstream_prefix)
    known = None if hostname is None else hostname.mappings.filter(prefix=prefix).first()
    is_there = known is not None and (known.registry, known.upstream_prefix) == (registry, target.upstream_prefix)
    row = known if known and is_there else Mapping(prefix=prefix, upstream_prefix=target.upstream_prefix)
    for option in _OPTIONS:
        setattr(row, option, getattr(wanted, option))
    mapping = row.table_entry()._replace(registry=NEW if registry is None else registry.table_key)
    table = with_hostname(load_table(policy(), name), name)
    table = with_mapping(table, mapping_key(name, prefix), mapping, entry)
    host = hostname.sample_name if hostname else name.replace("*", "any", 1)
    image = prefix if row.pk and row.is_repository else "/".join(filter(None, (prefix, "image")))
    match = table.match_repository(table.match_host(host)[0], image)
    is_known = registry is not None and registry.auth != Auth.UNKNOWN
    doubt = "" if is_known else "no probe has reached this registry yet"
    findings = Findings(doubt, row.inline_blobs)
    found = client_support(table, host, image, "latest", findings)
    upstream = f"{entry.name}/{match.upstream_name}" if match else ""
    return Prospect(registry.name if registry else entry.name, is_known, f"{host}/{image}", upstream, found)
