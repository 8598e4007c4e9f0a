"""Every route of the API, and what is sent to it for the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from routing.api.api import api
from routing.models import Role
from routing.services.base.policy import checksum_of_request
from tests.permissions.matrix_runner import ABSENT, ALLOWED, DENIED, REFUSED, SIGN_IN, Seen, forget
from tests.permissions.world import World

_BY_STATUS = {
    200: ALLOWED,
    201: ALLOWED,
    204: ALLOWED,
    401: SIGN_IN,
    403: DENIED,
    404: ABSENT,
    409: REFUSED,
    422: REFUSED,
}

#: What is sent: always input that would be good, if the role were.
BODIES: dict[tuple[str, str], Callable[[World], dict[str, Any]]] = {
    ("POST /mappings", "."): lambda world: {
        "hostname": world["hostname"].name,
        "prefix": "new",
        "target": "quay.io/new",
    },
    ("POST /mappings", "all of a shared registry"): lambda world: {
        "hostname": world["hostname"].name,
        "prefix": "new",
        "target": "127.0.0.1:11",
        "whole_registry": True,
    },
    ("POST /changes", "."): lambda world: {
        "message": "m",
        "mappings": [{"mapping_id": world["mapping"].pk, "private": True}],
    },
    ("PATCH /changes/{change_set_id}", "change set"): lambda world: {"message": "another"},
    ("POST /changes/{change_set_id}/apply", "change set"): lambda world: {"checksum": world["change set"].checksum},
    ("POST /changes/{change_set_id}/approve", "change set"): lambda world: {"checksum": world["change set"].checksum},
    ("POST /changes/{change_set_id}/schedule", "change set"): lambda world: {
        "checksum": world["change set"].checksum,
        "at": (timezone.now() + timedelta(hours=1)).isoformat(),
    },
    ("POST /changes/preview-import", "."): lambda world: {"csv": "hostname,prefix\n"},
    ("POST /changes/{change_set_id}/verify", "moving change set"): lambda world: {},
    ("POST /changes/{change_set_id}/undo", "applied change set"): lambda world: {"message": "m"},
    ("POST /mappings/{mapping_id}/roll-back", "moved mapping"): lambda world: {
        "message": "m",
        "to": world["moved mapping"].history.last().history_id,
    },
    ("PUT /tenants/{tenant}/approval", "tenant"): lambda world: {"needed": True},
    ("PATCH /tenants/{tenant}/policy", "tenant"): lambda world: {"registries": ["ghcr.io"]},
    ("POST /tenants/{tenant}/policy/confirm", "tenant"): lambda world: {
        "checksum": checksum_of_request(world["tenant"])
    },
    ("PATCH /mappings", "."): lambda world: {"ids": [world["mapping"].pk], "enabled": False},
    ("PATCH /mappings/{mapping_id}", "mapping"): lambda world: {"target": "quay.io/new", "reason": "r"},
    ("POST /mappings/{mapping_id}/probe", "mapping"): lambda world: {},
    ("PUT /mappings/{mapping_id}/standby", "mapping"): lambda world: {"target": "quay.io/new", "reason": "r"},
    ("POST /mappings/{mapping_id}/fail-back", "standing mapping"): lambda world: {"reason": "r"},
    ("POST /verifications", "."): lambda world: {
        "candidates": [{"mapping_id": world["mapping"].pk, "target": "quay.io/new"}]
    },
    ("PUT /self-tests/{self_test_id}/link", "self-test"): lambda world: {},
    ("POST /hostnames", "."): lambda world: {"tenant": world["tenant"].slug, "hostname": "more.sesame.example"},
    ("POST /hostnames/{hostname_id}/notes", "hostname"): lambda world: {"text": "noted"},
    ("POST /mappings/{mapping_id}/notes", "mapping"): lambda world: {"text": "noted"},
    ("POST /registries/{registry_id}/notes", "registry"): lambda world: {"text": "noted"},
    ("POST /registries/{registry_id}/notes", "shared registry"): lambda world: {"text": "noted"},
    ("POST /tenants/{tenant}/notes", "tenant"): lambda world: {"text": "noted"},
    ("PATCH /hostnames/{hostname_id}", "hostname"): lambda world: {"enabled": False},
    ("POST /hostnames/{hostname_id}/hand-over", "idle hostname"): lambda world: {"tenant": "globex"},
    ("PUT /hostnames/{hostname_id}/suspension", "hostname"): lambda world: {"message": "malware"},
    ("POST /claims", "."): lambda world: {"tenant": world["tenant"].slug, "hostname": "more.sesame.example"},
    ("POST /registries", "."): lambda world: {
        "tenant": world["tenant"].slug,
        "name": "n",
        "origin": "https://registry.new.example",
    },
    ("POST /registries", "a shared one"): lambda world: {
        "tenant": None,
        "name": "n",
        "origin": "https://registry.new.example",
    },
    ("PUT /mappings/{mapping_id}/publication", "mapping"): lambda world: {
        "user": "robot",
        "password": "secret",
        "reason": "r",
    },
    ("PUT /registries/{registry_id}/account", "registry"): lambda world: {"user": "robot", "password": "secret"},
    ("PUT /registries/{registry_id}/account", "shared registry"): lambda world: {"user": "robot", "password": "secret"},
    ("PATCH /registries/{registry_id}", "registry"): lambda world: {"name": "another name"},
    ("PATCH /registries/{registry_id}", "shared registry"): lambda world: {"name": "another name"},
    ("POST /subscriptions", "."): lambda world: {
        "tenant": world["tenant"].slug,
        "address": "https://hooks.sesame.example/more",
        "kinds": ["proof"],
    },
    ("POST /saved-filters", "."): lambda world: {"noun": "mapping", "name": "new", "terms": {"state": "off"}},
    ("POST /saved-filters", "shared"): lambda world: {
        "noun": "mapping",
        "name": "new",
        "terms": {"state": "off"},
        "tenant": world["tenant"].slug,
    },
    ("PATCH /saved-filters/{filter_id}", "shared filter"): lambda world: {"name": "renamed"},
    ("PATCH /subscriptions/{subscription_id}", "subscription"): lambda world: {"kinds": ["registry"]},
    ("POST /configuration", "."): lambda world: {
        "document": "version: 1\ntenants:\n  - slug: new\n    name: New\n",
    },
    ("POST /tenants", "."): lambda world: {"slug": "new", "name": "New"},
    ("PATCH /tenants/{tenant}", "tenant"): lambda world: {"max_mappings": 9},
    ("PUT /tenants/{tenant}/suspension", "tenant"): lambda world: {"message": "malware"},
    ("POST /members", "."): lambda world: {"tenant": world["tenant"].slug, "account": "oscar", "role": Role.OWNER},
    ("PATCH /members/{member_id}", "member"): lambda world: {"role": Role.OWNER},
    ("POST /invitations", "."): lambda world: {
        "tenant": world["tenant"].slug,
        "email": "more@example.com",
        "role": Role.OWNER,
    },
}


_QUERIES: dict[str, Callable[[World], dict[str, str]]] = {
    "/history/as-of": lambda world: {"hostname": world["hostname"].name, "at": timezone.now().isoformat()},
    "/explain": lambda world: {"image": f"{world['hostname'].name}/app:1"},
    "/mappings/by-name": lambda world: {"hostname": world["hostname"].name, "prefix": world["mapping"].prefix},
    "/routes/envoy": lambda world: {"app": "127.0.0.1:8000", "folder": "/etc/envoy"},
    "/hostnames/by-name": lambda world: {"hostname": world["hostname"].name},
}


def known_routes() -> set[str]:
    """Every operation of the API, as `METHOD /path`."""
    return {
        f"{method} {prefix}{path}"
        for prefix, router in api._routers
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    }


def ask(world: World, role: str, route: str, subject: str, secret: str | None) -> Seen:
    """Ask the API for something, with that secret as the token."""
    method, path = route.split()
    if "{" in path:
        start, _, rest = path.partition("{")
        path = f"{start}{world[subject].pk}{rest.partition('}')[2]}"
    query = _QUERIES[path](world) if path in _QUERIES else {}
    query |= {"tenant": "globex"} if path.endswith("/hand-over") else {}
    query |= {"client": "podman"} if path.endswith("/fallback") else {}
    query |= {"purpose": "policy"} if path.endswith("/signatures") else {}
    query |= {"tool": "skopeo"} if path.endswith("/plan") else {}
    body = BODIES[route, subject](world) if (route, subject) in BODIES else None
    headers = {"host": "localhost"} | ({"authorization": f"Bearer {secret}"} if secret else {})
    send: Any = getattr(Client(headers=headers), method.lower())
    if method == "GET":
        response = send(f"/api/v1{path}", query)
    else:
        response = send(f"/api/v1{path}", body, content_type="application/json")
    typed = [world["hostname"].name, *(body or {}).values()]
    return Seen(_BY_STATUS[response.status_code], forget(response.getvalue().decode(), typed))
