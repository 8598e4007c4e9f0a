"""Fill a fresh database with hostnames and mappings, for measuring. Run under Django, in a process of its own."""

import os
import sys

import django
from django.utils import timezone


def main(hostnames: int, mappings_each: int, origin: str, asks_for: str) -> None:
    """So many hostnames, each with so many mappings onto one registry; all but a hostname's first rename.

    Refuses a database that isn't empty.
    """
    django.setup()
    from routing.models import Hostname, Mapping, Registry, Tenant

    if Mapping.objects.exists():
        raise SystemExit("this database holds mappings already")
    tenant = Tenant.objects.create(slug="bench", name="bench")
    realm = "" if asks_for == "none" else f"{origin}/token"
    # As if a probe had found them so just now: what stands for a registry here would be found to be otherwise.
    known = {"tenant": tenant, "probed_at": timezone.now()}
    registry = Registry.objects.create(name="r", origin=origin, auth=asks_for, realm=realm, **known)
    Registry.objects.create(name="s", origin="https://other.example.com", auth="none", **known)
    names = [Hostname(tenant=tenant, name=f"docker{number}.example.com") for number in range(hostnames)]
    Hostname.objects.bulk_create(names, batch_size=500)
    Mapping.objects.bulk_create(
        (
            Mapping(
                hostname=name,
                prefix=f"acme{number}",
                registry=registry,
                upstream_prefix=f"organisation{name.pk}-{number}" if number else "acme0",
            )
            for name in Hostname.objects.filter(tenant=tenant).iterator()
            for number in range(mappings_each)
        ),
        batch_size=500,
    )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
