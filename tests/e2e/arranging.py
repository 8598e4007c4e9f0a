"""Runs beside a facade, inside its `manage.py shell`: makes the hostnames and mappings that a test's doors need.

It calls the verbs that operators' commands call; one process for many doors, since each takes a second to start.
"""

import json
import os
from typing import Any

from routing.models import Hostname, Mapping, Registry, Tenant
from routing.services.base.actor import Actor
from routing.services.hostnames.hostnames import save_hostname
from routing.services.mappings.mappings import add_mapping
from routing.services.registries.probes import probe
from routing.services.registries.registries import save_registry

_ACTOR = Actor.program("tests")


def arrange(doors: list[dict[str, Any]], last: str) -> None:
    """Make each door, a `Plan` of `tests.e2e.doors` as a dictionary, with its hostname; then the hostname `last`."""
    for door in doors:
        # A tenant for each door, hence registries of its own: what one door says of a registry holds for no other.
        tenant = f"door-{door['hostname'].replace('.', '-')}"
        for way in door["ways"]:
            add_mapping(
                _ACTOR,
                "a door of the tests",
                hostname=door["hostname"],
                prefix=way["prefix"],
                target=f"{way['origin']}/{way['upstream']}",
                tenant=tenant,
                private=way["private"],
                delivery=Mapping.Delivery.REDIRECT_ONLY if way["shell"] else Mapping.Delivery.AUTO,
            )
        for registry in Registry.objects.filter(tenant__slug=tenant):
            registry.implicit_namespace = door["library"]
            registry.stream_blobs = door["streams"]
            save_registry(_ACTOR, "a door of the tests", registry)
            if door["probed"]:
                probe(_ACTOR, registry_id=registry.pk)
        if door["login"]:
            hostname = Hostname.objects.get(name=door["hostname"])
            hostname.login_registry = Registry.objects.get(tenant__slug=tenant, origin=door["login"])
            save_hostname(_ACTOR, "a door of the tests", hostname)
    anybody = Tenant.objects.order_by("pk")[0]
    save_hostname(_ACTOR, "the last of the doors", Hostname(name=last, tenant=anybody))


def main() -> None:
    arrange(**json.loads(os.environ["DOORS"]))
