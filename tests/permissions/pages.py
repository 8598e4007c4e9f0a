"""Every page that the project serves, and what is sent to it for the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from routing.models import Mapping, Role, Tenant
from tests.permissions.world import World

#: The nouns of the admin, as addresses name them.
NOUNS = (
    *("mapping", "changeset", "hostname", "registry", "tenant", "membership", "invitation", "hostnameclaim"),
    "subscription",
)
#: What a page's name doesn't tell of its address.
_ARGUMENTS: dict[str, Callable[[World, str], dict[str, object]]] = {
    "admin:app_list": lambda world, subject: {"app_label": "routing"},
    "admin:view_on_site": lambda world, subject: {"content_type_id": 1, "object_id": world["mapping"].pk},
    "admin:auth_user_password_change": lambda world, subject: {"id": world[subject].pk},
    "account_confirm_email": lambda world, subject: {"key": "forged"},
    "account_reset_password_from_key": lambda world, subject: {"uidb36": "1", "key": "forged"},
    "api_nothing": lambda world, subject: {"path": "nothing"},
    "api_token_revoke": lambda world, subject: {"token_id": world[subject].pk},
    "admin:routing_hostname_check": lambda world, subject: {"hostname_id": world[subject].pk},
    "admin:routing_hostname_doctor": lambda world, subject: {"hostname_id": world[subject].pk},
    "admin:routing_hostname_hand_over": lambda world, subject: {"row_id": world[subject].pk},
    "admin:routing_hostname_self_tests": lambda world, subject: {"hostname_id": world[subject].pk},
    "shared_report": lambda world, subject: {"self_test_id": 1, "token": "forged"},
    **{
        f"admin:routing_{noun}_notes": lambda world, subject: {"pk": world[subject].pk}
        for noun in ("mapping", "hostname", "registry", "tenant")
    },
    "admin:routing_mapping_verify": lambda world, subject: {"row_id": world[subject].pk},
    "admin:routing_mapping_report": lambda world, subject: {
        "row_id": world["mapping"].pk,
        "report_id": world[subject].pk,
    },
    "admin:routing_mapping_account": lambda world, subject: {"row_id": world[subject].pk},
    "admin:routing_mapping_probe": lambda world, subject: {"row_id": world[subject].pk},
    "admin:routing_mapping_roll_back": lambda world, subject: {
        "row_id": world[subject].pk,
        "entry": world[subject].history.last().history_id,
    },
    "admin:routing_registry_account": lambda world, subject: {"row_id": world[subject].pk},
    "admin:routing_registry_health": lambda world, subject: {"row_id": world[subject].pk},
    "admin:routing_registry_probe": lambda world, subject: {"row_id": world[subject].pk},
    "admin:routing_tenant_policy": lambda world, subject: {"tenant_id": world[subject].pk},
    "admin:routing_subscription_deeds": lambda world, subject: {"row_id": world[subject].pk},
    "admin:routing_tenant_export": lambda world, subject: {"tenant_id": world[subject].pk},
    "admin:auth_user_export": lambda world, subject: {"user_id": world[subject].pk},
    "admin:routing_hostname_vouch": lambda world, subject: {"row_id": world[subject].pk},
    "admin:routing_hostnameclaim_check": lambda world, subject: {"claim_id": world[subject].pk},
    "admin:routing_hostnameclaim_vouch": lambda world, subject: {"row_id": world[subject].pk},
    "invitation_link": lambda world, subject: {"token": world["invitation token"]},
    "mfa_remove_webauthn": lambda world, subject: {"pk": world[subject].pk},
    "mfa_edit_webauthn": lambda world, subject: {"pk": world[subject].pk},
    "openid_connect_login": lambda world, subject: {"provider_id": "none"},
    "openid_connect_callback": lambda world, subject: {"provider_id": "none"},
}
_QUERIES = {"admin:autocomplete": "?app_label=routing&model_name=mapping&field_name=hostname&term=docker"}
#: Addresses without a name, below the route that the resolver has for them.
_UNNAMED: dict[str, Callable[[World, str], str]] = {
    "admin/(?P<url>.*)$": lambda world, subject: "/admin/nothing",
    **{
        f"admin/routing/{noun}/<path:object_id>/": (
            lambda world, subject, noun=noun: f"/admin/routing/{noun}/{world[subject].pk}/"  # type: ignore[misc]
        )
        for noun in NOUNS
    },
    "admin/auth/user/<path:object_id>/": lambda world, subject: f"/admin/auth/user/{world[subject].pk}/",
    **{
        f"accounts/social/{page}/": (lambda world, subject, page=page: f"/accounts/social/{page}/")  # type: ignore[misc]
        for page in ("login/cancelled", "login/error", "signup", "connections")
    },
}


def _registry(owner: Any, **facts: Any) -> dict[str, Any]:
    return {
        "name": "another name",
        "origin": "https://registry.new.example",
        "reason": "r",
        "tenant": owner.pk if owner else "",
        **facts,
    }


#: What a form is sent: always input that would be good, if the role were.
FORMS: dict[tuple[str, str], Callable[[World], dict[str, Any]]] = {
    ("admin:routing_mapping_add", "."): lambda world: {
        "hostname": world["hostname"].name,
        "prefix": "new",
        "target": "quay.io/new",
        "delivery": Mapping.Delivery.AUTO,
    },
    ("admin:routing_mapping_verify", "mapping"): lambda world: {"target": "quay.io/new", "add": "", "blobs": "sample"},
    ("admin:routing_mapping_report", "verification"): lambda world: {"deed": "stop"},
    ("admin:routing_mapping_change", "mapping"): lambda world: {
        "target": "quay.io/new",
        "reason": "why not",
        "enabled": "on",
        "delivery": Mapping.Delivery.AUTO,
    },
    **{
        (f"admin:routing_{noun}_notes", subject): lambda world: {"text": "noted"}
        for noun, subject in (
            *(("mapping", "mapping"), ("hostname", "hostname"), ("tenant", "tenant")),
            *(("registry", "registry"), ("registry", "shared registry")),
        )
    },
    ("admin:routing_mapping_account", "mapping"): lambda world: {"user": "robot", "password": "p", "reason": "r"},
    ("admin:routing_mapping_delete", "mapping"): lambda world: {"reason": "r"},
    **{
        ("admin:routing_mapping_changelist", action): (
            lambda world, action=action: {  # type: ignore[misc]
                "action": action,
                "_selected_action": [world["mapping"].pk],
                "confirmed": "yes",
                "label": "team",
                "reason": "r",
            }
        )
        for action in ("switch_off", "remove_all", "delete_selected", "add_label")
    },
    ("admin:routing_mapping_changelist", "repoint_all"): lambda world: {
        "action": "repoint_all",
        "_selected_action": [world["mapping"].pk],
        "confirmed": "yes",
        "target": "quay.io/new",
        "reason": "r",
    },
    ("admin:routing_mapping_import", "."): lambda world: {
        "confirmed": "yes",
        "csv": f"hostname,prefix,target\n{world['hostname'].name},imported,quay.io/new\n",
        "reason": "r",
    },
    **{
        (f"admin:routing_{noun}_columns", "."): lambda world: {"columns": ["created", "number"]}
        for noun in ("mapping", "hostname", "registry", "tenant")
    },
    **{
        (f"admin:routing_{noun}_filters", "."): lambda world: {"deed": "save", "name": "new", "shown": "q=docker"}
        for noun in ("mapping", "hostname", "registry")
    },
    ("admin:routing_mapping_roll_back", "moved mapping"): lambda world: {"reason": "r"},
    ("admin:routing_changeset_change", "change set"): lambda world: {
        "deed": "apply",
        "checksum": world["change set"].checksum,
    },
    ("admin:routing_changeset_change", "moving change set"): lambda world: {"deed": "verify"},
    ("admin:routing_changeset_change", "change set in steps"): lambda world: {"deed": "stop"},
    ("admin:routing_changeset_change", "applied change set"): lambda world: {"deed": "undo", "message": "m"},
    ("admin:routing_hostname_add", "."): lambda world: {
        "name": "more.sesame.example",
        "tenant": world["tenant"].pk,
        "enabled": "on",
    },
    ("admin:routing_hostname_change", "hostname"): lambda world: {"reason": "off with it"},
    ("admin:routing_hostname_delete", "idle hostname"): lambda world: {"reason": "r"},
    ("admin:routing_registry_add", "."): lambda world: _registry(world["tenant"]),
    ("admin:routing_registry_add", "a shared one"): lambda world: _registry(None),
    ("admin:routing_registry_change", "registry"): lambda world: _registry(world["tenant"]),
    ("admin:routing_registry_change", "shared registry"): lambda world: _registry(None),
    ("admin:routing_registry_account", "registry"): lambda world: {"user": "robot", "password": "secret"},
    ("admin:routing_registry_account", "shared registry"): lambda world: {"user": "robot", "password": "secret"},
    ("admin:routing_registry_delete", "idle registry"): lambda world: {"reason": "r"},
    ("admin:routing_registry_delete", "shared registry"): lambda world: {"reason": "r"},
    **{
        (f"admin:routing_{noun}_changelist", action): (
            lambda world, noun=noun, action=action: {  # type: ignore[misc]
                "action": action,
                "_selected_action": [
                    world["suspended tenant" if (noun, action) == ("tenant", "unsuspend") else noun].pk
                ],
                "confirmed": "yes",
                "reason": "r",
            }
        )
        for noun, action in (("hostname", "suspend"), ("tenant", "suspend"), ("tenant", "unsuspend"))
    },
    ("admin:routing_hostnameclaim_add", "."): lambda world: {
        "name": "more.sesame.example",
        "tenant": world["tenant"].pk,
    },
    ("admin:routing_invitation_add", "."): lambda world: {
        "email": "more@example.com",
        "role": Role.OWNER,
        "tenant": world["tenant"].pk,
    },
    ("admin:routing_subscription_add", "."): lambda world: {
        "tenant": world["tenant"].pk,
        "address": "https://hooks.sesame.example/more",
        "kinds": ["proof"],
    },
    ("admin:routing_subscription_change", "subscription"): lambda world: {"kinds": ["registry"], "enabled": "on"},
    ("admin:routing_subscription_deeds", "subscription"): lambda world: {"deed": "try"},
    ("admin:routing_membership_add", "."): lambda world: {
        "account": "oscar",
        "role": Role.OWNER,
        "tenant": world["tenant"].pk,
    },
    ("admin:routing_membership_change", "member"): lambda world: {"role": Role.OWNER},
    ("admin:routing_membership_delete", "member"): lambda world: {"reason": "r"},
    ("admin:routing_tenant_add", "."): lambda world: {"name": "New", "slug": "new"},
    ("admin:routing_tenant_change", "tenant"): lambda world: {
        "name": "New",
        "slug": "new",
        "max_mappings": "9",
        "suspension_message": "x",
    },
    ("admin:routing_tenant_policy", "tenant"): lambda world: {
        "deed": "change",
        "registries": "ghcr.io",
        "version": Tenant.objects.get(pk=world["tenant"].pk).version,
    },
    ("admin:routing_tenant_delete", "idle tenant"): lambda world: {"reason": "r"},
    ("admin:routing_tenant_delete", "tenant"): lambda world: {"reason": "r", "confirm": world["tenant"].slug},
    ("admin:routing_hostname_hand_over", "idle hostname"): lambda world: {"tenant": world["elsewhere"].pk},
    ("admin:auth_user_add", "."): lambda world: {
        "username": "somebody",
        "usable_password": "true",
        "password1": "a long password of somebody",
        "password2": "a long password of somebody",
    },
    ("admin:auth_user_password_change", "account"): lambda world: {
        "usable_password": "true",
        "password1": "a long password of somebody",
        "password2": "a long password of somebody",
    },
    ("admin:auth_user_change", "account"): lambda world: {
        "username": "renamed",
        "is_superuser": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    },
    ("admin:auth_user_delete", "account"): lambda world: {"post": "yes"},
    ("api_tokens", "."): lambda world: {"name": "new", "days": "9"},
    ("mfa_edit_webauthn", "security key"): lambda world: {"name": "mine"},
}


def known_pages() -> set[str]:
    """Every URL of the project, by its name where it has one, else by its route."""
    return set(_walk(get_resolver().url_patterns, "", ""))


def _walk(patterns: list[Any], route: str, namespace: str) -> Iterator[str]:
    for pattern in patterns:
        here = f"{route}{pattern.pattern}".replace("^", "")
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, here, inner)
        elif isinstance(pattern, URLPattern):
            name = f"{namespace}{pattern.name}" if pattern.name else here
            # The routes of the API have lines of their own.
            if not name.startswith("api:") or name in ("api:openapi-json", "api:api-root"):
                yield name


def path_of(page: str, subject: str, world: World) -> str:
    """The address of a page about a subject."""
    if page in _UNNAMED:
        return _UNNAMED[page](world, subject)
    if page in _ARGUMENTS:
        return reverse(page, kwargs=_ARGUMENTS[page](world, subject))
    if re.fullmatch(r"admin:\w+_\w+_(history|delete|change)", page):
        return reverse(page, args=[world[subject].pk])
    return reverse(page) + _QUERIES.get(page, "")


def form_of(page: str, subject: str, world: World) -> dict[str, Any]:
    """What is sent to a page about a subject; nothing where the table only wants to know what a bare POST does."""
    return FORMS[page, subject](world) if (page, subject) in FORMS else {}
