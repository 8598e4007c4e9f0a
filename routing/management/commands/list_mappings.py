"""manage.py list_mappings [--json]"""

import json
from typing import Any

from django.core.management.base import CommandParser

from routing.management.service_command import ServiceCommand, tenant_of
from routing.models import Hostname, Mapping
from routing.services.base.errors import NotFound
from routing.services.hostnames.names import parse_hostname


class Command(ServiceCommand):
    help = "List every mapping: where it is pulled from, where it leads, and its state."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON list, for programs")
        parser.add_argument("--tenant", help="only this tenant's, by slug")
        parser.add_argument("--hostname", help="only this hostname's")

    def handle(self, **options: Any) -> None:
        mappings = Mapping.objects.select_related("hostname__tenant", "registry")
        with self.refusals():
            if options["tenant"]:
                mappings = mappings.filter(hostname__tenant=tenant_of(options["tenant"]))
            if options["hostname"]:
                mappings = mappings.filter(hostname=_hostname_of(options["hostname"]))
            rows = list(mappings)
        if options["json"]:
            self.stdout.write(json.dumps([_as_dict(mapping) for mapping in rows], indent=2))
            return
        if not rows and (options["tenant"] or options["hostname"]):
            self.stdout.write("No mappings of this tenant or hostname.")
            return
        if not rows:
            self.stdout.write("No mappings yet. Add one: manage.py add_mapping docker.acme.com acme ghcr.io/acme")
            return
        width = max(len(mapping.source) for mapping in rows)
        for mapping in rows:
            notes = [
                name
                for name, holds in (
                    ("off", not mapping.enabled),
                    ("private", mapping.private),
                    ("allows push", mapping.allow_push),
                    ("redirect only", mapping.delivery == Mapping.Delivery.REDIRECT_ONLY),
                )
                if holds
            ]
            suffix = f"  ({', '.join(notes)})" if notes else ""
            self.stdout.write(f"{mapping.source:<{width}} → {mapping.target}{suffix}")


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
