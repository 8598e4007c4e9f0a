"""A program that fills a database as people would, and one that says what is in it: the same before and after a move.

    python -m tests.moving.inhabitants settle > facts.json
    python -m tests.moving.inhabitants look < facts.json

Both are processes of their own, by the environment's DATABASE_URL and SECRET_KEY, so that the database may be any, and
the release that fills it another one.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

PASSWORD = "correct horse battery staple"
_PAST = ("history_id", "id", "history_type", "actor", "history_change_reason", "of_tenant")
LETTER = {
    "to": ["dora@example.com"],
    "subject": "Come in",
    "body": "b",
    "from_email": "f@example.com",
    "alternatives": [],
}


def settle() -> dict[str, Any]:
    """Two tenants with their people, past and secrets. Gives what only they know, and what `look` says."""
    from allauth.account.models import EmailAddress
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
    from django.contrib.auth import get_user_model

    from routing.accounts.mail import LETTER as KIND
    from routing.crypto import LETTERS, keys_for
    from routing.jobs.queue import enqueue
    from routing.services.base.actor import Actor
    from routing.services.hostnames.claims import claim_hostname
    from routing.services.mappings.mappings import add_mapping, remove_mapping, repoint
    from routing.services.people.api_tokens import create_api_token
    from routing.services.people.members import add_member, invite
    from routing.services.people.tenants import suspend_tenants

    olga = Actor("olga", is_operator=True)
    users = get_user_model().objects
    users.create_superuser("olga", "olga@example.com", PASSWORD)
    alice = users.create_user("alice", "älice@example.com", PASSWORD)
    EmailAddress.objects.create(user=alice, email="alice@example.com", verified=True, primary=True)
    made = add_mapping(
        olga, "moved in", hostname="docker.acme.com", prefix="acme", target="ghcr.io/acme", tenant="acme"
    )
    acme = made.mapping.hostname.tenant
    add_member(olga, tenant_id=acme.pk, user=alice, role="owner")
    repoint(
        Actor.person(alice), "cheaper · günstiger", hostname="docker.acme.com", prefix="acme", target="quay.io/acme"
    )
    add_mapping(
        Actor.person(alice), "", hostname="docker.acme.com", prefix="acme/push", target="quay.io/push", allow_push=True
    )
    gone = add_mapping(olga, "", hostname="docker.acme.com", prefix="gone", target="quay.io/gone").mapping
    remove_mapping(olga, "no more", hostname="docker.acme.com", prefix="gone")
    globex = add_mapping(olga, "", hostname="*.globex.com", prefix="", target="docker.io/globex", tenant="globex")
    suspend_tenants(olga, "unpaid", tenant_ids=[globex.mapping.hostname.tenant_id], suspended=True)
    claim_hostname(Actor.person(alice), tenant_id=acme.pk, name="images.acme.com")
    invite(Actor.person(alice), tenant_id=acme.pk, email="dora@example.com", role="viewer")
    token = create_api_token(Actor.person(alice), user=alice, name="deploy").secret
    TOTP.activate(alice, generate_totp_secret())
    RecoveryCodes.activate(alice)
    enqueue(KIND, "invitation", "", {"sealed": keys_for(LETTERS).encrypt(json.dumps(LETTER).encode()).decode()})
    facts = {"token": token, "removed_mapping": gone.pk}
    return {**facts, "seen": look(facts)}


def look(facts: dict[str, Any]) -> dict[str, Any]:
    """The rows as people know them, their past, and whether all ways in are open. Plain JSON."""
    from django.contrib.auth import get_user_model

    from routing.models import Hostname, HostnameClaim, Invitation, Mapping, Membership, Registry, Tenant
    from routing.services.base.actor import Actor
    from routing.services.base.history_check import check_history

    chain = check_history(Actor.command_line())
    nouns = (Tenant, Registry, Hostname, Mapping, Membership)
    seen = {
        "mappings": [
            [str(row), row.enabled, row.allow_push, row.created_at.isoformat()]
            for row in Mapping.objects.order_by("hostname__name", "prefix").select_related("hostname", "registry")
        ],
        "tenants": [[row.slug, row.suspended] for row in Tenant.objects.order_by("slug")],
        "claims": list(HostnameClaim.objects.order_by("name").values_list("name", "token")),
        "invitations": list(Invitation.objects.order_by("email").values_list("email", "token_hash")),
        "members": [str(row) for row in Membership.objects.order_by("pk")],
        "past": [
            [noun.__name__, past.history_date.isoformat(), *(getattr(past, name) for name in _PAST)]
            for noun in nouns
            for past in noun.history.order_by("history_id")
        ],
        "chain": [chain.entries, chain.strays, chain.head, *chain.findings],
        "passwords": [
            [user.username, user.check_password(PASSWORD)] for user in get_user_model().objects.order_by("pk")
        ],
        **_secrets(facts),
    }
    plain: dict[str, Any] = json.loads(json.dumps(seen))
    return plain


def _secrets(facts: dict[str, Any]) -> dict[str, Any]:
    from allauth.mfa.models import Authenticator
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    from routing.accounts.secrets import decrypt
    from routing.crypto import LETTERS, keys_for
    from routing.models import Job
    from routing.services.people.api_tokens import actor_of_token

    letters = [job.arguments["sealed"].encode() for job in Job.objects.filter(kind="letter")]
    codes = Authenticator.objects.get(type="recovery_codes")
    return {
        "totp": decrypt(Authenticator.objects.get(type="totp").data["secret"]),
        "codes": RecoveryCodes(codes).get_unused_codes(),
        "letters": [json.loads(keys_for(LETTERS).decrypt(sealed)) for sealed in letters],
        "token": actor_of_token(facts["token"])[0].label,
    }


def main() -> None:
    """Do what the argument says."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
    django.setup()
    made = settle() if sys.argv[1] == "settle" else look(json.load(sys.stdin))
    print(json.dumps(made, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
