"""manage.py list_mappings [--json]"""

import json
from collections.abc import Iterator
from textwrap import indent
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Case, Max, QuerySet, Value, When
from django.db.models.functions import Length

from routing.management.service_command import ServiceCommand, tenant_of
from routing.models import Hostname, Mapping
from routing.services.base.errors import NotFound
from routing.services.hostnames.names import parse_hostname
from routing.services.mappings.listing import mappings_in_order


class Command(ServiceCommand):
    help = "List every mapping: where it is pulled from, where it leads, and its state."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON list, for programs")
        parser.add_argument("--tenant", help="only this tenant's, by slug")
        parser.add_argument("--hostname", help="only this hostname's")

    def handle(self, **options: Any) -> None:
        hostnames = Hostname.objects.all()
        with self.refusals():
            if options["tenant"]:
                hostnames = hostnames.filter(tenant=tenant_of(options["tenant"]))
            if options["hostname"]:
                hostnames = hostnames.filter(pk=_hostname_of(options["hostname"]).pk)
            if options["json"]:
                self._print_json(mappings_in_order(hostnames))
                return
            width = _width(hostnames)
            if not width:
                self._print_none(filtered=bool(options["tenant"] or options["hostname"]))
                return
            for mapping in mappings_in_order(hostnames):
                self.stdout.write(_line(mapping, width))

    def _print_json(self, mappings: Iterator[Mapping]) -> None:
        """As `json.dumps` writes a list, but one entry at a time."""
        before = "[\n"
        for mapping in mappings:
            self.stdout.write(before + indent(json.dumps(_as_dict(mapping), indent=2), "  "), ending="")
            before = ",\n"
        self.stdout.write("[]" if before == "[\n" else "\n]")

    def _print_none(self, *, filtered: bool) -> None:
        if filtered:
            self.stdout.write("No mappings of this tenant or hostname.")
        else:
            self.stdout.write("No mappings yet. Add one: manage.py add_mapping docker.acme.com acme ghcr.io/acme")


def _width(hostnames: "QuerySet[Hostname]") -> int:
    """The length of the longest `source`; 0 where there is no mapping."""
    prefix = Case(When(prefix="", then=Value(0)), default=Length("prefix") + 1)
    mappings = Mapping.objects.filter(hostname__in=hostnames.order_by()).order_by()
    return mappings.aggregate(width=Max(Length("hostname__name") + prefix))["width"] or 0


def _line(mapping: Mapping, width: int) -> str:
    facts = (
        ("off", not mapping.enabled),
        ("private", mapping.private),
        ("allows push", mapping.allow_push),
        ("redirect only", mapping.delivery == Mapping.Delivery.REDIRECT_ONLY),
    )
    notes = ", ".join(name for name, holds in facts if holds)
    return f"{mapping.source:<{width}} → {mapping.target}{f'  ({notes})' if notes else ''}"


def _hostname_of(text: str) -> Hostname:
    name = parse_hostname(text)
    hostname = Hostname.objects.filter(name=name).first()
    if hostname is None:
        raise NotFound(f"{name} is not a hostname of this facade")
    return hostname


def _as_dict(mapping: Mapping) -> dict[str, Any]:
    return {
        "tenant": mapping.hostname.tenant.slug,
        "hostname": mapping.hostname.name,
        "prefix": mapping.prefix,
        "registry": mapping.registry.origin,
        "upstream_prefix": mapping.upstream_prefix,
        "target": mapping.target,
        "enabled": mapping.enabled,
        "allow_push": mapping.allow_push,
        "private": mapping.private,
        "delivery": mapping.delivery,
    }
