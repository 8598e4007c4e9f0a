"""A program that gives a facade's database one of everything, so that each of its pages can be looked at.

    python -m tests.e2e.seed_pages

It prints JSON: `paths` and `forms`, by page and subject as in `tests.permissions.table_of_pages`; `sessions`, the
cookie of each person by what they are there for; and `rendered`, pages to which no request leads while all is well.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from typing import Any

from tests.e2e.facade import PASSWORD

_HOUR = 3600


@dataclass(frozen=True)
class Seeded:
    """What the program has made."""

    paths: dict[str, str]
    forms: dict[str, dict[str, Any]]
    sessions: dict[str, str]
    rendered: dict[str, str]


def key_of(page: str, subject: str) -> str:
    """Of `paths`."""
    return f"{page} {subject}"


def _seed() -> Seeded:
    from tests.permissions.matrix_runner import lines_of
    from tests.permissions.pages import FORMS, path_of
    from tests.permissions.table_of_pages import PAGES
    from tests.permissions.world import make_world

    world = make_world()
    _add_hostnames()
    _add_history(world)
    _add_pulls(world)
    people = _people()
    world.subjects["own key"] = people["with keys"].authenticator_set.get(type="webauthn")
    paths = {
        key_of(line.deed.split()[1], line.subject): path_of(line.deed.split()[1], line.subject, world)
        for line in lines_of(PAGES)
    }
    paths |= _more_paths(world, people["with a password"])
    forms = {key_of(*which): make(world) for which, make in FORMS.items()}
    sessions = {role: cookies["sessionid"].value for role, cookies in world.cookies.items() if cookies}
    sessions |= {name: _session(person, fresh=True) for name, person in people.items()}
    sessions |= {f"{name}, a while ago": _session(person, fresh=False) for name, person in people.items()}
    return Seeded(paths, forms, sessions, _rendered())


def _more_paths(world: Any, person: Any) -> dict[str, str]:
    """Of what the table has no line for: it is the person's own, or of a provider that is there."""
    from allauth.account.forms import EmailAwarePasswordResetTokenGenerator
    from allauth.account.models import EmailConfirmationHMAC
    from allauth.account.utils import user_pk_to_url_str
    from django.urls import reverse

    from routing.services.hostnames.self_tests import share_path
    from tests.permissions.pages import path_of

    reset = {"uidb36": user_pk_to_url_str(person), "key": EmailAwarePasswordResetTokenGenerator().make_token(person)}
    confirmation = EmailConfirmationHMAC(person.emailaddress_set.get(verified=False)).key
    own = ("mfa_edit_webauthn", "mfa_remove_webauthn")
    return {
        **{key_of(page, "own key"): path_of(page, "own key", world) for page in own},
        **{
            key_of(page, "sso"): reverse(page, kwargs={"provider_id": "sso"})
            for page in ("openid_connect_login", "openid_connect_callback")
        },
        key_of("account_reset_password_from_key", "good"): reverse("account_reset_password_from_key", kwargs=reset),
        key_of("shared_report", "good"): share_path(world["shared self-test"]),
        key_of("account_confirm_email", "good"): reverse("account_confirm_email", args=[confirmation]),
    }


def _add_hostnames() -> None:
    """Names that a browser finds at this machine by itself (RFC 6761 §6.3)."""
    from routing.services.hostnames.hostnames import suspend_hostnames
    from routing.services.mappings.mappings import add_mapping
    from tests.permissions.world import SET_UP

    def mapping(hostname: str) -> Any:
        return add_mapping(SET_UP, "", hostname=hostname, prefix="app", target="quay.io/app", tenant="globex").mapping

    mapping("docker.localhost")
    held_back = mapping("suspended.localhost").hostname
    suspend_hostnames(SET_UP, "a complaint", hostname_ids=[held_back.pk], suspended=True)
    add_mapping(
        SET_UP,
        "",
        hostname="a-rather-long-name-of-a-hostname.of-an-organisation.acme.test",
        prefix="a-team/with-long/names",
        target="ghcr.io/an-organisation/with-long/names-of-its-own",
        tenant="globex",
    )


def _add_history(world: Any) -> None:
    from django.utils import timezone

    from routing.models import Watch
    from routing.services.mappings.mappings import repoint
    from tests.permissions.world import SET_UP

    for target in ("quay.io/sesame", "127.0.0.1:9/sesame"):
        repoint(SET_UP, "a new contract", hostname=world["hostname"].name, prefix="app", target=target)
    digests = [f"sha256:{letter * 64}" for letter in "ab"]
    drift = [
        ["moved", "docker.sesame.example/app/web", "1.0", *digests],
        ["appeared", "app/web", "2.0", digests[0], ""],
    ]
    facts = {"drift": drift, "counts": {"moved": 1, "appeared": 1}, "since": timezone.now(), "compared": 20}
    Watch.objects.filter(pk=world["watch"].pk).update(state=Watch.State.DRIFT, **facts)


def _add_pulls(world: Any) -> None:
    from tests.services.pulls.counts import ago, asked, asked_in_vain, counted

    tenant, host = world["tenant"], world["hostname"].name
    for days in range(30):
        counted(tenant, host, "app/web", 900 + 37 * days, at=ago(days=days), mapping="app", refused=60 * (days % 3))
    counted(tenant, host, f"app/{'with-a-rather-long-name-' * 6}x", 12, mapping="app", client=("podman", "5", ""))
    asked(tenant, host, "app/web", "2026.11.1", 4321)
    asked_in_vain(tenant, host, "ap/web", 17)
    asked_in_vain(None, "dockr.acme.test", "", 3)


def _people() -> dict[str, Any]:
    from allauth.account.models import EmailAddress
    from allauth.mfa.models import Authenticator
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
    from allauth.socialaccount.models import SocialAccount
    from django.conf import settings
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    keys = users.create_superuser("kim", "kim@example.com", PASSWORD)
    TOTP.activate(keys, generate_totp_secret())
    RecoveryCodes.activate(keys)
    Authenticator.objects.create(user=keys, type=Authenticator.Type.WEBAUTHN, data=_security_key())
    password = users.create_superuser("pat", "pat@example.com", PASSWORD)
    for address, verified, primary in (("pat@example.com", True, True), ("pat@home.example", False, False)):
        EmailAddress.objects.create(user=password, email=address, verified=verified, primary=primary)
    provider = users.create_superuser("olga", "olga@example.com")
    SocialAccount.objects.create(user=provider, provider=f"sso:{settings.FACADE_OIDC_ISSUER}", uid="olga")
    return {"with keys": keys, "with a password": password, "with a provider": provider}


def _security_key() -> dict[str, Any]:
    from tests.accounts.software_authenticator import SoftwareAuthenticator

    made = SoftwareAuthenticator("localhost", "http://localhost")
    options = {"publicKey": {"user": {"id": "a2lt"}, "challenge": "AAAA"}}
    return {"name": "The blue key", "passwordless": True, "credential": made.register(options)}


def _session(person: Any, *, fresh: bool) -> str:
    """The cookie of a browser in which they signed in: a moment ago, or longer ago than changes of an account allow."""
    from django.test import Client

    client = Client()
    client.force_login(person)
    session = client.session
    # On a busy machine looking at everything takes longer than a confirmation counts.
    at = time.time() + (_HOUR if fresh else -_HOUR)
    session["account_authentication_methods"] = [
        {"method": method, "at": at, "reauthenticated": True} for method in ("password", "mfa", "socialaccount")
    ]
    session["account_authentication_methods_user"] = str(person.pk)
    session.save()
    return str(client.cookies["sessionid"].value)


def _rendered() -> dict[str, str]:
    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest
    from django.template import loader

    from routing.accounts.error_pages import server_error
    from routing.database.failures import Failure
    from routing.unavailable.answers import refuse

    request = HttpRequest()
    request.path = request.path_info = "/admin/"
    request.method = "GET"
    request.META |= {"SERVER_NAME": "localhost", "SERVER_PORT": "80", "HTTP_HOST": "localhost"}
    request.user = AnonymousUser()
    templates: dict[str, dict[str, Any]] = {
        "429.html": {},
        "routing/accounts/left.html": {},
        "routing/accounts/no_mail.html": {},
        "socialaccount/connect_first.html": {"email": "pat@example.com", "provider_name": "Acme login"},
    }
    return {
        "500": server_error(request).content.decode(),
        "503": refuse(request, Failure.GONE).content.decode(),
        **{name: loader.get_template(name).render(context, request) for name, context in templates.items()},
    }


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facade_site.settings")
    django.setup()
    from django.db import transaction

    with transaction.atomic():
        seeded = _seed()
    print(json.dumps(asdict(seeded)))


if __name__ == "__main__":
    main()
