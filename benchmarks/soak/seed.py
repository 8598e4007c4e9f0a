"""Fill a fresh database with the two tenants. Run under Django, in a process of its own; prints ids and API tokens.

python -m benchmarks.soak.seed '{"own": "http://…", "shared": "http://…", "port": 1234}'
"""

import json
import os
import sys
from typing import Any

import django

from benchmarks.servers import HOST, TARGET

HOSTILE_HOST = "docker.hostile.example.net"
PASSWORD = "correct horse battery staple"
SILENT_NAMES = 24
CLAIMS = 8


def main(origins: dict[str, Any]) -> dict[str, Any]:
    """Make them; gives ids and API tokens."""
    django.setup()
    from routing.models import Registry

    shared = Registry.objects.create(name="shared", **_bearer(origins["shared"]))
    return {"innocent": _innocent(origins, shared), "hostile": _hostile(origins["port"], shared)}


def _innocent(origins: dict[str, Any], shared: Any) -> dict[str, Any]:
    from routing.models import Hostname, Mapping, Registry

    tenant, token = _tenant("acme", "anna")
    hostname = Hostname.objects.create(tenant=tenant, name=HOST)
    own = Registry.objects.create(tenant=tenant, name="own", **_bearer(origins["own"]))
    far = Registry.objects.create(tenant=tenant, name="far", origin=TARGET, **_known("none"))
    Mapping.objects.create(hostname=hostname, prefix="acme0", registry=far, upstream_prefix="acme0")
    moved = Mapping.objects.create(hostname=hostname, prefix="moved", registry=far, upstream_prefix="here")
    Mapping.objects.create(hostname=hostname, prefix="own", registry=own, upstream_prefix="team")
    Mapping.objects.create(hostname=hostname, prefix="shared", registry=shared, upstream_prefix="team")
    return {"token": token, "moved": moved.pk, "registry": own.pk}


def _hostile(port: int, shared: Any) -> dict[str, Any]:
    from benchmarks.soak.hostile import ANSWERING, BEHAVIOURS, HANGING
    from routing.models import Hostname, Mapping, Registry
    from routing.services.base.actor import Actor
    from routing.services.hostnames.claims import claim_hostname

    tenant, token = _tenant("hostile", "eve")
    hostname = Hostname.objects.create(tenant=tenant, name=HOSTILE_HOST, proof_token="x" * 32)

    def registry(name: str, origin: str) -> Any:
        return Registry.objects.create(tenant=tenant, name=name, **_bearer(origin))

    answering = registry("answering", f"http://{ANSWERING}:{port}")
    hanging = [registry(f"hanging {address}", f"http://{address}:{port}") for address in HANGING]
    silent = [registry(f"silent {n}", f"http://silent{n}.hostile.example.net:{port}") for n in range(SILENT_NAMES)]
    leads = [(name, answering, name) for name in BEHAVIOURS]
    leads += [(f"hanging{n}", row, "hang") for n, row in enumerate(hanging)]
    leads += [(f"silent{n}", row, "x") for n, row in enumerate(silent)]
    leads.append(("shared", shared, "hostile"))
    rows = [Mapping(hostname=hostname, prefix=prefix, registry=to, upstream_prefix=up) for prefix, to, up in leads]
    Mapping.objects.bulk_create(rows)
    claims = [
        claim_hostname(Actor.program("soak"), tenant_id=tenant.pk, name=f"claim{n}.hostile.example.net")
        for n in range(CLAIMS)
    ]
    return {
        "token": token,
        "hostname": hostname.pk,
        "registries": [row.pk for row in (*hanging, *silent)],
        "claims": [claim.pk for claim in claims],
        "mapping": Mapping.objects.get(hostname=hostname, prefix="hang").pk,
        "origins": [row.origin for row in (*hanging, *silent)],
    }


def _tenant(slug: str, person: str) -> tuple[Any, str]:
    from django.contrib.auth import get_user_model

    from routing.models import Membership, Tenant
    from routing.services.base.actor import Actor
    from routing.services.people.api_tokens import create_api_token

    tenant = Tenant.objects.create(slug=slug, name=slug)
    email = f"{person}@{slug}.example.org"
    user = get_user_model().objects.create_user(username=person, email=email, password=PASSWORD)
    Membership.objects.create(tenant=tenant, user=user, role="owner")
    made = create_api_token(Actor.program("soak"), user=user, name="soak", tenant_id=tenant.pk)
    return tenant, made.secret


def _known(auth: str) -> dict[str, Any]:
    from django.utils import timezone

    return {"auth": auth, "probed_at": timezone.now()}


def _bearer(origin: str) -> dict[str, Any]:
    return {"origin": origin, "realm": f"{origin}/token", "service": "soak", **_known("bearer")}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
    print(json.dumps(main(json.loads(sys.argv[1]))))
