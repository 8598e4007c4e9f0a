"""The first steps on the overview: from a registry to the first pull, each ticked by what really happened.

Of the whole platform for its operators, and of their tenants for members. What is there is asked for along with the
generation, so that it takes no query of its own; each part of it ends at the first row that it finds.
"""

from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import Exists, F, Q, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from routing.admin.base import permissions
from routing.models import AddressState, Generation, Hostname, HostnameClaim, Mapping, PullCount, Registry
from routing.models.preferences import Preferences
from routing.services.base.permissions import Permission
from routing.services.people.preferences import hide_first_steps

_ACTIONS = (
    Permission.CHANGE_MAPPINGS,
    Permission.CHANGE_HOSTNAMES,
    Permission.CHANGE_REGISTRIES,
    Permission.ADMINISTER,
)
#: By the names of the facts: what a step is, and what is said of it while it has not happened.
_WORDS = {
    "registry": ("A registry answers", "where the images are, such as ghcr.io"),
    "hostname": ("A hostname is yours", "the name that people will pull from, such as docker.acme.com"),
    "address": ("Its DNS record points here", "as the hostname's page shows it"),
    "certificate": ("It has a certificate", "ask whoever runs this facade for a certificate"),
    "mapping": ("A mapping is on", "a prefix of the hostname, and where its images are"),
    "pull": ("Somebody has pulled", "with the command that the hostname's page shows"),
}


class Step(NamedTuple):
    """One step: what it is, what is said of it, whether it happened, and the link that begins it ("" for none)."""

    words: str
    told: str
    is_done: bool
    link: str
    url: str


class FirstSteps(NamedTuple):
    """All of them, in their order."""

    steps: list[Step]

    @property
    def done(self) -> int:
        """How many happened."""
        return sum(step.is_done for step in self.steps)

    @property
    def next(self) -> Step | None:
        """The first that did not."""
        return next((step for step in self.steps if not step.is_done), None)


def generation_with_facts(request: HttpRequest) -> dict[str, Any]:
    """The newest generation as `value`, and what the steps are ticked by; one query."""
    asked = _facts(request)
    row = Generation.objects.filter(pk=1).annotate(**asked).values("value", *asked).first()
    return dict(row) if row else {"value": 0, "hides": False}


def first_steps(request: HttpRequest, facts: dict[str, Any]) -> FirstSteps | None:
    """The steps; None where all happened, or whoever looks has hidden them."""
    if facts["hides"]:
        return None
    # Who pulls has found the way, by TLS and through a mapping.
    done = {name: bool(facts.get(f"has_{name}") or facts.get("has_pull")) for name in _WORDS}
    steps = FirstSteps(_steps(request, done, facts))
    return steps if steps.next else None


def hide_first_steps_view(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """Show them to this person no more, until they say otherwise on the page of their account."""
    hide_first_steps(request.user)
    return HttpResponseRedirect(reverse(f"{site.name}:index"))


def _facts(request: HttpRequest) -> dict[str, Any]:
    hostnames = permissions.viewable(request, Hostname.objects.order_by())
    proved = hostnames.filter(
        Q(proof_token="") | Q(proof_checked_at__isnull=False), proof_missing_since=None, withdrawn_at=None
    )
    registries = permissions.viewable(request, Registry.objects.order_by())
    mappings = permissions.viewable(request, Mapping.objects.order_by())
    pulls = PullCount.objects.order_by()
    if not permissions.may(request, Permission.ADMINISTER, None):
        pulls = pulls.filter(tenant__in=permissions.tenants(request, Permission.VIEW))
    claims = permissions.viewable(request, HostnameClaim.objects.order_by())
    return {
        "has_registry": Exists(registries.filter(probed_at__isnull=False, probe_error="")),
        "has_hostname": Exists(proved),
        "has_address": Exists(hostnames.filter(address_state=AddressState.HERE)),
        "has_certificate": Exists(hostnames.filter(certificate_seen_at__isnull=False)),
        "has_mapping": Exists(mappings.filter(enabled=True)),
        "has_pull": Exists(pulls.filter(Q(redirected__gt=0) | Q(remembered__gt=0) | Q(relayed__gt=0))),
        "some_hostname": Subquery(proved.order_by("pk").values("pk")[:1]),
        "some_claim": Subquery(claims.order_by("pk").values("pk")[:1]),
        "some_registry": Subquery(_troubled(registries)),
        "hides": Exists(Preferences.objects.filter(user=request.user.pk, hides_first_steps=True)),
    }


def _troubled(registries: Any) -> Any:
    """Of the registries that mappings lead to, one that has not answered yet."""
    asked = registries.filter(mappings__isnull=False)
    return asked.order_by(F("probed_at").desc(nulls_last=True), "pk").values("pk")[:1]


def _steps(request: HttpRequest, done: dict[str, bool], facts: dict[str, Any]) -> list[Step]:
    may_map, may_name, may_add, is_platform = (permissions.may(request, action, None) for action in _ACTIONS)
    registry, hostname, claim = (facts.get(f"some_{name}") for name in ("registry", "hostname", "claim"))
    to_hostname = _url("hostname_change", hostname) if hostname else ""
    links = {
        "registry": ("Add a registry", _url("registry_add") if may_add else ""),
        "hostname": ("Claim a hostname", _url("hostnameclaim_add") if may_name else ""),
        "address": ("Set the DNS record", to_hostname),
        "certificate": ("Check as a client would", _url("hostname_doctor", hostname) if hostname and may_name else ""),
        "mapping": ("Add a mapping", _url("mapping_add") if may_map else ""),
        "pull": ("See the command", to_hostname),
    }
    if registry:
        links["registry"] = ("See whether it answers", _url("registry_change", registry))
    if is_platform:
        links["hostname"] = ("Add a hostname", _url("hostname_add"))
    elif claim:
        links["hostname"] = ("Verify the claimed hostname", _url("hostnameclaim_change", claim))
    told = {name: text for name, (_, text) in _WORDS.items()}
    if not may_name:
        told["hostname"] = "Ask an owner of your tenant to claim a hostname"
    if is_platform:
        told["certificate"] = "give its proxy a certificate for the hostname"
    return [Step(_WORDS[name][0], told[name], done[name], *links[name]) for name in _WORDS]


def _url(view: str, *arguments: Any) -> str:
    return reverse(f"admin:routing_{view}", args=arguments)
