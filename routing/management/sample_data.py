"""Three organisations as they would stand in a facade after some months, for whoever works on the pages."""

from typing import Any, NamedTuple

from django.contrib.auth import get_user_model

from routing.models import Mapping, Role, Tenant
from routing.services.base.actor import Actor
from routing.services.hostnames.claims import claim_hostname, vouch_hostname
from routing.services.hostnames.hostnames import suspend_hostnames
from routing.services.mappings.mappings import add_mapping, repoint, switch_mappings
from routing.services.people.members import add_member
from routing.services.people.tenants import add_tenant

#: Everybody's. Only where DEBUG is on: the command sees to that.
PASSWORD = "only-for-trying-out"  # noqa: S105
PLATFORM = "sam"
TENANTS = {"acme": "Acme Corporation", "globex": "Globex", "initech": "Initech"}
MEMBERS = (
    ("alice", "acme", Role.OWNER),
    ("oscar", "acme", Role.OPERATOR),
    ("vera", "acme", Role.VIEWER),
    ("gina", "globex", Role.OWNER),
    ("peter", "initech", Role.OWNER),
)
HOSTNAMES = {
    "docker.acme.com": "acme",
    "*.pull.acme.com": "acme",
    "images.globex.com": "globex",
    "old.globex.com": "globex",
    "images.initech.com": "initech",
}
CLAIM = ("charts.acme.com", "acme")
SUSPENDED = ("old.globex.com", "Moved to images.globex.com in May", "asked for by their owner")


class _Row(NamedTuple):
    hostname: str
    prefix: str
    target: str
    private: bool = False
    redirect_only: bool = False
    enabled: bool = True


MAPPINGS = (
    _Row("docker.acme.com", "acme", "ghcr.io/acme"),
    _Row("docker.acme.com", "acme/legacy", "quay.io/acme/legacy"),
    _Row("docker.acme.com", "internal", "harbor.acme.com/team", private=True),
    _Row("docker.acme.com", "tools", "docker.io/acmetools"),
    _Row("docker.acme.com", "2019", "quay.io/acme-2019", enabled=False),
    _Row("*.pull.acme.com", "alpine", "docker.io/library/alpine"),
    _Row("images.globex.com", "globex", "ghcr.io/globex"),
    _Row("images.globex.com", "charts", "quay.io/globex/charts", redirect_only=True),
    _Row("old.globex.com", "globex", "docker.io/globex"),
    _Row("images.initech.com", "tps", "ghcr.io/initech/tps"),
)
REPOINTED = ("docker.acme.com", "tools", "ghcr.io/acme-tools", "The organisation moved to GitHub, CHG-4211")


def add_sample_data(*, password: str | None = PASSWORD) -> bool:
    """Add all of it, unless there is a tenant of that name already. Gives whether anything was added.

    Without a password nobody can sign in as one of these people. Raises ServiceError.
    """
    if Tenant.objects.filter(slug__in=TENANTS).exists():
        return False
    operator = _add_people(password)
    platform = Actor.program("demonstration") if operator is None else Actor.person(operator)
    tenants = {slug: add_tenant(platform, "", slug=slug, name=name) for slug, name in TENANTS.items()}
    users = get_user_model()._default_manager
    for username, slug, role in MEMBERS:
        add_member(platform, tenant_id=tenants[slug].pk, user=users.get(username=username), role=role)
    hostnames = {
        name: vouch_hostname(platform, "a customer since March", tenant_id=tenants[slug].pk, name=name)
        for name, slug in HOSTNAMES.items()
    }
    claim_hostname(Actor.person(users.get(username="alice")), tenant_id=tenants[CLAIM[1]].pk, name=CLAIM[0])
    for row in MAPPINGS:
        _add_mapping(platform, row)
    hostname, prefix, target, reason = REPOINTED
    repoint(Actor.person(users.get(username="oscar")), reason, hostname=hostname, prefix=prefix, target=target)
    name, message, why = SUSPENDED
    suspend_hostnames(platform, why, hostname_ids=[hostnames[name].pk], suspended=True, message=message)
    return True


def _add_people(password: str | None) -> Any:
    """Everybody; with a password also the operator of the platform, who is given."""
    users = get_user_model()._default_manager
    for username, slug, _ in MEMBERS:
        if not users.filter(username=username).exists():
            users.create_user(username=username, email=f"{username}@{slug}.example", password=password)
    if password is None:
        return None
    found = users.filter(username=PLATFORM).first()
    return found or users.create_superuser(username=PLATFORM, email="sam@platform.example", password=password)


def _add_mapping(platform: Actor, row: _Row) -> None:
    delivery = Mapping.Delivery.REDIRECT_ONLY if row.redirect_only else Mapping.Delivery.AUTO
    mapping = add_mapping(
        platform,
        "",
        hostname=row.hostname,
        prefix=row.prefix,
        target=row.target,
        private=row.private,
        delivery=delivery,
    ).mapping
    if not row.enabled:
        switch_mappings(platform, "nobody has pulled it for a year", mapping_ids=[mapping.pk], enabled=False)
