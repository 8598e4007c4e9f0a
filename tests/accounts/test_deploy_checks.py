"""`manage.py check --deploy`: clean as shipped, and what it says of settings that somebody will regret."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from pytest_django import Settings

# One check asks for hostnames: tests/test_checks.py.
pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parent.parent.parent
# As an operator would have it: a name, TLS by a proxy, mail, an address for abuse.
PUBLIC: dict[str, Any] = {
    "FACADE_CONTROL_HOSTS": ["facade.acme.example"],
    "FACADE_TRUSTED_PROXIES": ["10.0.0.1"],
    "FACADE_TLS": True,
    "FACADE_ABUSE_CONTACT": "abuse@acme.example",
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
}
# Every warning with what brings it up in such a deployment.
REGRETTED: list[tuple[str, dict[str, Any]]] = [
    ("routing.W020", {"SECRET_KEY": "short"}),
    ("routing.W020", {"SECRET_KEY_FALLBACKS": ["short"]}),
    ("routing.W021", {"FACADE_TRUSTED_PROXIES": ["0.0.0.0/0"]}),
    ("routing.W021", {"FACADE_TRUSTED_PROXIES": ["10.0.0.0/8"]}),
    ("routing.W021", {"FACADE_TRUSTED_PROXIES": ["10.0.0.1", "::/0"]}),
    ("routing.W022", {"FACADE_TLS": False}),
    ("routing.W023", {"FACADE_ALLOW_INSECURE_REGISTRIES": True}),
    ("routing.W024", {"FACADE_ALLOW_PRIVATE_REGISTRIES": True}),
    ("routing.W025", {"FACADE_CONTROL_HOSTS": ["localhost", "127.0.0.1", "[::1]"]}),
    ("routing.W026", {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}),
    ("routing.W027", {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}),
    ("routing.W028", {"FACADE_ABUSE_CONTACT": ""}),
    ("routing.W029", {"FACADE_OIDC_ISSUER": "http://login.acme.example", "FACADE_OIDC_CLIENT_ID": "facade"}),
    ("routing.W030", {"FACADE_METRICS_TOKEN": "prometheus"}),
    ("routing.E020", {"FACADE_OIDC_ISSUER": "https://login.acme.example"}),
    ("routing.E020", {"FACADE_OIDC_CLIENT_ID": "facade"}),
    ("routing.E020", {"FACADE_OIDC_ROLES": ["a=acme:owner"]}),
    ("routing.E021", {"FACADE_OIDC_ROLES": ["acme:owner"]}),
]


def deployed(settings: Settings, changes: dict[str, Any], tags: list[str] | None = None) -> list[str]:
    """The ids of what the checks find in a deployment; all checks, or those with one of the tags."""
    for name, value in (PUBLIC | changes).items():
        setattr(settings, name, value)
    found = run_checks(tags=tags, include_deployment_checks=True)
    return sorted({str(message.id) for message in found if not message.is_silenced()})


def test_a_deployment_as_it_should_be_is_clean(settings: Settings) -> None:
    assert deployed(settings, {}) == []


@pytest.mark.parametrize(("check", "changes"), REGRETTED, ids=[f"{check}-{sorted(row)}" for check, row in REGRETTED])
def test_what_is_regretted_is_told(settings: Settings, check: str, changes: dict[str, Any]) -> None:
    # Not all of Django's: they take a third of a second, and are the same for every row.
    assert check in deployed(settings, changes, [Tags.security])


def test_every_check_is_shown_to_speak() -> None:
    source = (ROOT / "routing" / "checks/deploy.py").read_text()

    assert {check for check, _ in REGRETTED} == {
        f"routing.{number}"
        for number in [*(f"E{n:03}" for n in range(1, 100)), *(f"W{n:03}" for n in range(1, 100))]
        if f'"{number}"' in source or f'"routing.{number}"' in source
    }


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {
            "FACADE_CONTROL_HOSTS": "facade.acme.example",
            "FACADE_TRUSTED_PROXIES": "10.0.0.1",
            "EMAIL_URL": "smtp+tls://facade:secret@mail.acme.example:587",
            "FACADE_ABUSE_CONTACT": "abuse@acme.example",
            "FACADE_OIDC_ISSUER": "https://login.acme.example",
            "FACADE_OIDC_CLIENT_ID": "facade",
            "FACADE_OIDC_ROLES": "acme-admins=acme:owner,sre=*:platform",
            "FACADE_MFA_REQUIRED_FOR": "platform,owner",
            "FACADE_METRICS_TOKEN": "3f1c5a9e7b2d4f6081a3",
        },
    ],
    ids=["as shipped", "as deployed"],
)
def test_the_settings_themselves_are_clean(tmp_path: Path, environment: dict[str, str]) -> None:
    known = {"PATH", "HOME", "LANG"}
    environment = {name: value for name, value in os.environ.items() if name in known} | environment
    environment["FACADE_STATE_DIR"] = str(tmp_path)
    argv = [sys.executable, str(ROOT / "manage.py"), "check", "--deploy", "--fail-level", "WARNING"]

    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr
