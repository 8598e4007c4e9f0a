"""The pages of hostnames."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from routing.admin.base import permissions
from routing.admin.base.badges import badge
from routing.admin.base.columns import ChosenColumns
from routing.admin.base.exporting import Exporting
from routing.admin.base.filters import ProofFilter, RelatedFilter
from routing.admin.base.forms import ServiceForm, name_input
from routing.admin.base.history_views import HistoryPages
from routing.admin.base.labels import LABEL_ACTIONS, LabelledPages
from routing.admin.base.model_admin import ServiceModelAdmin
from routing.admin.base.notes import NotesPages
from routing.admin.base.pulls import PULLS_LATELY, pulls_lately, pulls_panel
from routing.admin.base.saved_filters import SavedFilters
from routing.admin.base.suspension import Suspension
from routing.admin.hostnames.badges import previews_of
from routing.admin.hostnames.doctor import DoctorPages
from routing.admin.hostnames.hand_over import HandingOver
from routing.admin.hostnames.proof import ProofPages
from routing.admin.hostnames.self_tests import SelfTestPages
from routing.models import Hostname, Mapping
from routing.models.front_door import BADGE_COLUMNS, FRONT_COLUMNS
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.configuration.document import Document
from routing.services.configuration.parts import document_of_hostnames
from routing.services.hostnames.hostnames import add_hostname, remove_hostname, suspend_hostnames, update_hostname
from routing.services.lists.search import SEARCHED
from routing.services.lists.tables import csv_of_hostnames
from routing.services.mappings.contacts import get_contacts
from routing.services.mappings.fallback import Client, get_fallback
from routing.services.mappings.signatures import LinesFor, get_signature_lines
from routing.services.mappings.state import state_of_hostname
from routing.services.pulls.reading import Scope

_FRONT_WORDS = (
    "Whoever opens the address in a browser finds a page in the tenant's name. Everything here is plain text, and "
    "everybody can read it."
)
_TEST_WORDS = (
    "The regular work tests it as clients meet it, from the DNS to a layer, and keeps the reports. Subscribers of "
    "“self_test” are told when it stops passing, and when it passes again."
)
K = TypeVar("K")
M = TypeVar("M")
# With more mappings the page has no files: the command and the API make them.
_SHOWN_IN_FILES = 100


class HostnameForm(ServiceForm):
    """A hostname."""

    # Also for what breaks a rule of the table: its rules are about the name.
    field_names = {"hostname": "name", "": "name"}

    class Meta:
        widgets = {
            "name": name_input(placeholder="docker.acme.com"),
            "front_link": name_input(placeholder="https://acme.com", inputmode="url"),
            "front_colour": name_input(placeholder="#134e4a"),
        }
        help_texts = {"enabled": "While disabled, clients are refused."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None and "reason" in self.fields:
            self.fields["reason"].help_text = "Required to disable it. Shown in the history."
        if "self_test_schedule" in self.fields:
            self.fields["self_test_schedule"].required = False

    def clean_self_test_schedule(self) -> str:
        """Who sends none, such as a page of the release before, leaves it as it is."""
        return str(self.cleaned_data["self_test_schedule"] or self.instance.self_test_schedule)


class HostnameAdmin(
    HandingOver,
    DoctorPages,
    SelfTestPages,
    ProofPages,
    Exporting,
    ChosenColumns,
    SavedFilters,
    LabelledPages,
    Suspension,
    NotesPages,
    HistoryPages,
    ServiceModelAdmin,
):
    """A name never changes, nor whose it is."""

    form = HostnameForm
    action = Permission.CHANGE_HOSTNAMES
    # A tenant claims a hostname and proves it; to add one without proof is for operators of the platform.
    action_to_add = Permission.ADMINISTER
    actions: Sequence[str] = (*Suspension.actions, *LABEL_ACTIONS)
    list_display_links = ("name",)
    list_select_related = ("tenant", "login_registry")
    list_filter = ("enabled", "suspended", ProofFilter, ("tenant", RelatedFilter))
    export_related = ("tenant", "login_registry")
    search_fields = SEARCHED["hostname"]
    search_help_text = "Hostname, tenant or label."

    def get_fieldsets(self, request: HttpRequest, obj: Hostname | None = None) -> Any:
        """What it is. Suspending is an action."""
        parts: list[Any] = [(None, {"fields": ["name", "tenant", "enabled", "login_registry", "labels"]})]
        if obj is not None:
            parts.append(
                ("What browsers show", {"fields": [*FRONT_COLUMNS, *BADGE_COLUMNS], "description": _FRONT_WORDS})
            )
            parts.append(("Self-test", {"fields": ["self_test_schedule"], "description": _TEST_WORDS}))
        if obj is None or self.has_change_permission(request, obj):
            parts.append((None, {"fields": ["reason"]}))
        return parts

    def get_empty_list_text(self, request: HttpRequest) -> str:
        """A tenant claims; operators of the platform need not."""
        if permissions.may(request, Permission.ADMINISTER, None):
            return "Adding a mapping adds its hostname too."
        if permissions.may(request, Permission.CHANGE_HOSTNAMES, None):
            return "Claim the hostname people will pull from, then verify it with a DNS record."
        return "An owner of your tenant can claim the hostname people will pull from."

    def object_tools(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Owners claim from here."""
        claim = [("Claim a hostname", reverse("admin:routing_hostnameclaim_add"))]
        may = permissions.may(request, Permission.CHANGE_HOSTNAMES, None)
        return [*(claim if may else []), *super().object_tools(request)]

    def table_of(self, rows: Iterable[Hostname]) -> Iterator[str]:
        """A line a hostname."""
        return csv_of_hostnames(rows)

    def document_of(self, rows: Iterable[Hostname]) -> Document:
        """Below their tenants."""
        return document_of_hostnames(rows)

    def get_readonly_fields(self, request: HttpRequest, obj: Hostname | None = None) -> tuple[str, ...]:
        """What identifies an existing one."""
        return () if obj is None else ("name", "tenant")

    def change_view_context(self, request: HttpRequest, row: Hostname) -> dict[str, Any]:
        """The page also leads to the hostname's mappings, and shows its pulls."""
        mappings = permissions.viewable(request, Mapping.objects.filter(hostname=row)).select_related(
            "hostname", "registry"
        )
        actor, count = permissions.actor(request), mappings.count()
        return {
            **super().change_view_context(request, row),
            "mappings": mappings[:10],
            "mapping_count": count,
            "state": state_of_hostname(row),
            "may_map": permissions.may(request, Permission.CHANGE_MAPPINGS, row),
            "pulls": pulls_panel(request, Scope(hostname=row.name)),
            "contacts": get_contacts(actor, row.pk),
            "badges": previews_of(row),
            "fallbacks": _made(get_fallback, actor, row.pk, Client) if count <= _SHOWN_IN_FILES else [],
            "signatures": _made(get_signature_lines, actor, row.pk, LinesFor) if count <= _SHOWN_IN_FILES else [],
        }

    def annotate_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Count each one's mappings and pulls, as far as the list tells them."""
        counts = counted(request, "hostname", rows) if self.shows(request, "mapping_count") else {}
        pulls = pulls_lately(request, {row.name for row in rows}) if self.shows(request, "pulls") else {}
        for row in rows:
            row.mapping_count = counts.get(row.pk, 0)
            row.pulls = pulls.get((row.name, ""), 0)

    @admin.display(ordering="enabled")
    def state(self, hostname: Hostname) -> str:
        """Whether it is served."""
        state = state_of_hostname(hostname)
        return badge(state.kind, state.text, hostname.suspension_message or hostname.proof_finding)

    @admin.display(description="mappings")
    def mapping_count(self, hostname: Hostname) -> str:
        """How many, leading to them."""
        return mappings_link("hostname", hostname)

    @admin.display(description="verification")
    def proved(self, hostname: Hostname) -> str:
        """By what it is the tenant's."""
        if not hostname.proof_token:
            return "vouched for"
        return "record missing" if hostname.proof_missing_since else "record found"

    @admin.display(description=PULLS_LATELY)
    def pulls(self, hostname: Any) -> str:
        """How often it was pulled from."""
        return f"{hostname.pulls:,}"

    def save_via_service(self, request: HttpRequest, form: Any, change: bool) -> tuple[Hostname, list[str]]:
        """Save."""
        actor, reason = permissions.actor(request), form.cleaned_data["reason"]
        if not change:
            hostname = add_hostname(actor, reason, **form.facts)
            return hostname, [f"added hostname {hostname}"]
        outcome = update_hostname(actor, reason, hostname_id=form.instance.pk, if_match=form.if_match, **form.changes)
        return outcome.row, [f"changed hostname {outcome.row}"] if outcome.changed else []

    def suspend_all(
        self, request: HttpRequest, reason: str, ids: list[int], suspended: bool, message: str
    ) -> list[Hostname]:
        """Suspend or unsuspend."""
        actor = permissions.actor(request)
        return suspend_hostnames(actor, reason, hostname_ids=ids, suspended=suspended, message=message)

    def delete_via_service(self, request: HttpRequest, row: Hostname, reason: str, if_match: Collection[int]) -> None:
        """Remove."""
        remove_hostname(permissions.actor(request), reason, hostname_id=row.pk, if_match=if_match)


def _made(make: Callable[[Actor, int, K], M], actor: Actor, hostname_id: int, kinds: Iterable[K]) -> list[M]:
    """The files, or lines, that there can be."""
    made = []
    for kind in kinds:
        with suppress(ServiceError):
            made.append(make(actor, hostname_id, kind))
    return made


def counted(request: HttpRequest, field: str, rows: Sequence[Any]) -> dict[int, int]:
    """How many mappings each of `rows` has, by a foreign key of Mapping."""
    mappings = permissions.viewable(request, Mapping.objects.filter(**{f"{field}__in": [row.pk for row in rows]}))
    return dict(mappings.order_by().values_list(field).annotate(Count("pk")))


def mappings_link(field: str, row: Any) -> str:
    """The number of a row's mappings, as `complete` counted it, leading to their list."""
    count = row.mapping_count
    if not count:
        return "0"
    return format_html(
        '<a href="{}?{}__id__exact={}">{}</a>', reverse("admin:routing_mapping_changelist"), field, row.pk, count
    )
