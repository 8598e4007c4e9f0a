"""Rows by the names that people type, and what the help says of these."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from routing.core.grammar.docker_hub import DOCKER_HUB, DOCKER_HUB_NAMES
from routing.models import Hostname, HostnameClaim, Membership, Registry, Tenant
from routing.models.labelled import labelled
from routing.services.base.actor import Actor
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.labels import readable_label
from routing.services.hostnames.names import parse_hostname
from routing.services.people.members import account_of

HOSTNAME_HELP = "the name that people pull from, such as docker.acme.com"
CLAIMED_HELP = "the name to serve, such as docker.acme.com, or '*.pull.acme.com' for all names below"
TENANT_HELP = "slug of the tenant"
ONLY_TENANT_HELP = "only this tenant's, by slug"
PREFIX_HELP = 'leading components of the repository name, such as acme or acme/app; "" for the whole hostname'
TARGET_HELP = (
    "registry[/upstream-prefix], such as ghcr.io/acme, docker.io/acme, https://registry.acme.com:5000/team; or the "
    "address of a web page about an image, such as https://hub.docker.com/r/acme/app"
)
REGISTRY_HELP = "its address or alias, such as ghcr.io, docker.io or https://registry.acme.com:5000"
ACCOUNT_HELP = "user name, or verified e-mail address"
USERNAME_HELP = "their user name, as “facade person list” shows it"


def add_claimed(parser: ArgumentParser) -> None:
    """Arguments: the name that is to be a hostname, and whose."""
    parser.add_argument("name", metavar="HOSTNAME", help=CLAIMED_HELP)
    parser.add_argument("--tenant", required=True, metavar="SLUG", help=TENANT_HELP)


def add_label_filter(parser: ArgumentParser) -> None:
    """The option by which a list is asked for rows with some labels."""
    parser.add_argument(
        "--label",
        dest="labels",
        metavar="LABEL",
        action="append",
        default=[],
        help="only those with this label, or with any value where it is a key alone; several: with all of them",
    )


def labelled_with(options: dict[str, Any]) -> Q:
    """Rows with all of the labels that were asked for. Raises ServiceError."""
    wanted = Q()
    for text in options["labels"]:
        wanted &= labelled(readable_label(text))
    return wanted


def add_set(parser: ArgumentParser) -> None:
    """The argument by which a change set is named."""
    parser.add_argument("change_set", metavar="ID", type=int, help="the change set's number")


def tenant_of(slug: str) -> Tenant:
    """The tenant of that slug. Raises NotFound."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise NotFound(f"there is no tenant {slug}")
    return tenant


def hostname_of(text: str) -> Hostname:
    """The hostname of that name. Raises NotFound, ServiceError."""
    name = parse_hostname(text)
    hostname = Hostname.objects.with_names().filter(name=name).first()
    if hostname is None:
        raise NotFound(f"there is no hostname {name}")
    return hostname


def claim_of(name: str, slug: str | None) -> HostnameClaim | None:
    """The claim of that name, where there is one. Raises ServiceError where several tenants claim it."""
    claims = HostnameClaim.objects.select_related("tenant").filter(name=name)
    found = list(claims if slug is None else claims.filter(tenant__slug=slug))
    if len(found) > 1:
        claimants = " and ".join(sorted(claim.tenant.slug for claim in found))
        raise ServiceError(f"{name} is claimed by {claimants}: say --tenant")
    return found[0] if found else None


def registries_at(text: str) -> "QuerySet[Registry]":
    """All registries that people may mean: a shared one, and tenants' own. Raises NotFound where there is none."""
    text = DOCKER_HUB if text in DOCKER_HUB_NAMES else text.rstrip("/")
    named = Q(alias=text) | Q(origin=text) | Q(origin=f"https://{text}") | Q(origin=f"http://{text}")
    found = Registry.objects.with_names().filter(named)
    if not found.exists():
        raise NotFound(f"there is no registry {text}")
    return found


def registry_of(text: str, slug: str | None) -> Registry:
    """The one registry that is meant: with a slug the tenant's own. Raises NotFound, ServiceError."""
    found = registries_at(text)
    if slug is not None:
        own = found.filter(tenant=tenant_of(slug)).first()
        if own is None:
            raise NotFound(f"{slug} has no registry {text} of its own")
        return own
    registries = list(found)
    shared = [registry for registry in registries if registry.tenant_id is None]
    if len(registries) > 1 and len(shared) != 1:
        owners = " and ".join(sorted(registry.tenant.slug for registry in registries if registry.tenant))
        raise ServiceError(f"{text} is a registry of {owners}: say --tenant")
    return shared[0] if shared else registries[0]


def user_of(username: str) -> Any:
    """The account of that user name that may sign in. Raises NotFound."""
    user = get_user_model()._default_manager.filter(username=username, is_active=True).first()
    if user is None:
        raise NotFound(f"No active user “{username}”.")
    return user


def anybody_of(username: str) -> Any:
    """The account of that user name, also of one who may not sign in any more. Raises NotFound."""
    user = get_user_model()._default_manager.filter(username=username).first()
    if user is None:
        raise NotFound(f"No user “{username}”.")
    return user


def member_of(slug: str, account: str) -> Membership:
    """Somebody's membership. Raises NotFound, ServiceError."""
    tenant, user = tenant_of(slug), account_of(Actor.command_line(), account)
    membership = Membership.objects.with_names().filter(tenant=tenant, user=user).first()
    if membership is None:
        raise NotFound(f"{user} is not a member of {slug}")
    return membership
