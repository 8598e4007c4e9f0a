"""System checks of what must not be forgotten where others can reach the facade: `manage.py check --deploy`.

What can't work at all is an error, and told by every `check`; what is dangerous is a warning, and told with `--deploy`.
Nothing is said of an instance on loopback names only.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from routing.accounts.mail import sends_mail
from routing.core.grammar.hosts import is_loopback
from routing.core.grammar.proxies import parse_proxy
from routing.services.base.errors import ServiceError
from routing.services.people.provider_grants import parse_provider_roles

MIN_SECRET_KEY_LENGTH = 50
# Nothing counts the attempts at /metrics: the token itself must be beyond guessing.
MIN_METRICS_TOKEN_LENGTH = 20
# More addresses than any deployment has proxies: such a network is somebody else's, or everybody's.
_MAX_PROXIES_IPV4 = 2**16
_MIN_PREFIX_IPV6 = 48
_CONSOLE = "django.core.mail.backends.console.EmailBackend"


@register(Tags.security)
def check_provider(**_: Any) -> list[CheckMessage]:
    """routing.E020: OpenID Connect half configured. routing.E021: roles that can't be read."""
    found: list[CheckMessage] = []
    parts = {"FACADE_OIDC_ISSUER": settings.FACADE_OIDC_ISSUER, "FACADE_OIDC_CLIENT_ID": settings.FACADE_OIDC_CLIENT_ID}
    missing = sorted(name for name, value in parts.items() if not value)
    if len(missing) == 1 or (missing and (settings.FACADE_OIDC_ROLES or settings.FACADE_OIDC_CLIENT_SECRET)):
        text = f"OpenID Connect is configured by half: {' and '.join(missing)} missing."
        found.append(Error(text, hint="Set it, or none of FACADE_OIDC_…", id="routing.E020"))
    try:
        parse_provider_roles(settings.FACADE_OIDC_ROLES)
    except ServiceError as error:
        hint = "Such as acme-admins=acme:owner,sre=*:platform"
        found.append(Error(f"FACADE_OIDC_ROLES: {error}", hint=hint, id="routing.E021"))
    return found


@register(Tags.security, deploy=True)
def check_deployment(**_: Any) -> list[CheckMessage]:
    """routing.W020 to W030: what is dangerous where others can reach the facade."""
    return [
        Warning(text, hint=hint, id=f"routing.{number}") for number, (wrong, text, hint) in _WARNINGS.items() if wrong()
    ]


def is_public() -> bool:
    """Whether there is a control host beside loopback names."""
    return any(not is_loopback(host) for host in settings.FACADE_CONTROL_HOSTS)


def _trusts_many() -> bool:
    named = [parse_proxy(text) for text in settings.FACADE_TRUSTED_PROXIES]
    return any(
        network.num_addresses > _MAX_PROXIES_IPV4 if network.version == 4 else network.prefixlen < _MIN_PREFIX_IPV6
        for networks in named
        for network in networks or ()
    )


def _short_key() -> bool:
    return any(len(key) < MIN_SECRET_KEY_LENGTH for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def _insecure_issuer() -> bool:
    issuer = urlsplit(settings.FACADE_OIDC_ISSUER)
    return issuer.scheme == "http" and not is_loopback(issuer.netloc)


_WARNINGS: dict[str, tuple[Callable[[], bool], str, str]] = {
    "W020": (
        _short_key,
        f"SECRET_KEY has fewer than {MIN_SECRET_KEY_LENGTH} characters; it signs sessions and encrypts second factors.",
        "Leave it out to have one made and kept, or take: openssl rand -base64 48",
    ),
    "W021": (
        _trusts_many,
        "FACADE_TRUSTED_PROXIES trusts a whole network: whoever is in it chooses the realm to which clients bring "
        "their credentials, and the address by which their attempts to sign in are counted.",
        "List the proxies' own addresses.",
    ),
    "W022": (
        lambda: bool(is_public() and not settings.FACADE_TLS),
        "FACADE_TLS is false: passwords and sessions travel in the clear.",
        "Put TLS in front, and list that proxy in FACADE_TRUSTED_PROXIES.",
    ),
    "W023": (
        lambda: bool(is_public() and settings.FACADE_ALLOW_INSECURE_REGISTRIES),
        "FACADE_ALLOW_INSECURE_REGISTRIES is set: to http:// registries, content and tokens travel in the clear.",
        "Switch it off.",
    ),
    "W024": (
        lambda: bool(is_public() and settings.FACADE_ALLOW_PRIVATE_REGISTRIES),
        "FACADE_ALLOW_PRIVATE_REGISTRIES is set: every tenant that may add registries can look into your network.",
        "Switch it off, unless all tenants may see all of it.",
    ),
    "W025": (
        lambda: not is_public() and bool(settings.FACADE_TRUSTED_PROXIES),
        "There are trusted proxies, but FACADE_CONTROL_HOSTS names this machine only: nobody can sign in through them.",
        "Add the name under which people reach the admin.",
    ),
    "W026": (
        lambda: is_public() and not sends_mail(),
        "EMAIL_URL is not set: whoever invites must hand on the link, and nobody can reset a forgotten password.",
        "Such as smtp+tls://user:password@mail.example.com:587",
    ),
    "W027": (
        lambda: bool(is_public() and settings.EMAIL_BACKEND == _CONSOLE),
        "EMAIL_URL prints mails to the log, and with them links that let whoever reads it in.",
        "Name a mail server.",
    ),
    "W028": (
        lambda: is_public() and not settings.FACADE_ABUSE_CONTACT,
        "FACADE_ABUSE_CONTACT is not set: the page /abuse tells nobody where to report abuse.",
        "Give an e-mail address that is read.",
    ),
    "W029": (
        _insecure_issuer,
        "FACADE_OIDC_ISSUER is http://: whoever is on the way can sign in as anybody.",
        "Use the provider's https:// address.",
    ),
    "W030": (
        lambda: 0 < len(settings.FACADE_METRICS_TOKEN) < MIN_METRICS_TOKEN_LENGTH,
        f"FACADE_METRICS_TOKEN has fewer than {MIN_METRICS_TOKEN_LENGTH} characters: it can be guessed.",
        "Such as: openssl rand -hex 20",
    ),
}
