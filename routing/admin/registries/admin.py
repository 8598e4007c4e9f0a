"""The pages of registries."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.text import Truncator
from django.views.decorators.http import require_safe

from routing.admin.base import permissions
from routing.admin.base.account import AccountPage
from routing.admin.base.badges import ago, badge
from routing.admin.base.columns import ChosenColumns
from routing.admin.base.csv_files import csv_file
from routing.admin.base.exporting import Exporting
from routing.admin.base.filters import RelatedFilter
from routing.admin.base.forms import ServiceForm, name_input
from routing.admin.base.history_views import HistoryPages
from routing.admin.base.labels import LABEL_ACTIONS, LabelledPages
from routing.admin.base.model_admin import ServiceModelAdmin
from routing.admin.base.notes import NotesPages
from routing.admin.base.probing import ProbeNow
from routing.admin.base.saved_filters import SavedFilters
from routing.admin.hostnames.admin import counted, mappings_link
from routing.admin.registries.strip import strip_of
from routing.core.pull_counts import Grain
from routing.models import Mapping, Registry
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.configuration.document import Document
from routing.services.configuration.parts import document_of_registries
from routing.services.lists.search import SEARCHED
from routing.services.lists.tables import csv_of_registries
from routing.services.registries.accounts import remove_account, set_account
from routing.services.registries.health import Limit, Slot, health_of
from routing.services.registries.probe_jobs import probe_registry_soon, request_probes
from routing.services.registries.probes import probe
from routing.services.registries.registries import add_registry, remove_registry, update_registry

# As many as anybody looks at afterwards.
MOST_AT_ONCE = 50
_SHOWN_OF_CAUSE = 80
_SPANS = {Grain.HOUR: "7 days, by hour", Grain.DAY: "90 days, by day"}
_HEADINGS = ["From", "Answers", "Asked", "Troubled", "Mean ms", "Slowest ms", "Failed pulls", "What was wrong last"]
_PROBED = ("auth", "realm", "service", "probed_at", "probe_error")


def _limit(limit: Limit | None) -> str:
    """How many more manifests it gives to this facade's address, as it said last; "" where it says nothing."""
    if limit is None or limit.left is None or limit.seen_at is None:
        return ""
    window = f" in {limit.seconds / 3600:.4g} h" if limit.seconds else ""
    allowed = f" of {limit.number:,}{window}" if limit.number else ""
    return f"{limit.left:,}{allowed}, as it said {ago(limit.seen_at)}"


def _refusal(limit: Limit | None) -> str:
    """When it last refused for there being too many requests; "" where it never did."""
    if limit is None or limit.refused_at is None:
        return ""
    wait = "" if limit.wait_seconds is None else f", and asked to wait for {limit.wait_seconds:,} s"
    return f"It refused a request for there being too many (status 429) {ago(limit.refused_at)}{wait}."


def _grain(request: HttpRequest) -> Grain:
    """What the page is told by."""
    return Grain.DAY if request.GET.get("by") == Grain.DAY else Grain.HOUR


def _row(slot: Slot) -> list[Any]:
    """A line of the file."""
    numbers = [slot.asked, slot.troubled, slot.mean_ms, slot.slowest_ms, slot.failed_pulls]
    return [slot.at.isoformat(), slot.answers.value, *numbers, slot.trouble]


def _state(registry: Registry) -> tuple[str, str]:
    """Whether it answers, as a badge's kind and text."""
    if registry.probed_at is None:
        return "off", "not asked yet"
    return ("blocked", "trouble") if registry.probe_error else ("on", "answers")


class RegistryForm(ServiceForm):
    """A registry."""

    # What breaks a rule of the table has an address that is there already.
    field_names = {"": "origin"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None and "reason" in self.fields:
            self.fields["reason"].help_text = (
                "Required when the address or the implicit namespace changes: every mapping to this registry then "
                "points elsewhere, and standbys that involve it end. Shown in the history."
            )

    class Meta:
        labels = {"alias": "Alias"}
        widgets = {
            "origin": name_input(placeholder="https://registry.acme.com"),
            "alias": name_input(),
            "implicit_namespace": name_input(),
        }


class RegistryAdmin(
    AccountPage,
    LabelledPages,
    ProbeNow,
    Exporting,
    ChosenColumns,
    SavedFilters,
    NotesPages,
    HistoryPages,
    ServiceModelAdmin,
):
    """What a person says of a registry can be changed; what a probe found can be read."""

    form = RegistryForm
    action = account_action = Permission.CHANGE_REGISTRIES
    account_template = "admin/routing/registry/account.html"
    list_select_related = ("tenant",)
    list_filter = ("auth", ("tenant", RelatedFilter))
    export_related = ("tenant",)
    search_fields = SEARCHED["registry"]
    search_help_text = "Name, address, tenant or label."
    empty_list_text = "Adding a mapping adds its registry too."
    readonly_fields = _PROBED
    actions = ("probe_again", *LABEL_ACTIONS)

    def get_fieldsets(self, request: HttpRequest, obj: Registry | None = None) -> Any:
        """What a person says; then what was found."""
        parts: list[Any] = [
            (None, {"fields": ["name", "origin", "tenant", "labels"]}),
            ("Names and layers", {"fields": ["alias", "implicit_namespace", "stream_blobs"]}),
        ]
        if obj is None or self.has_change_permission(request, obj):
            parts.append((None, {"fields": ["reason"]}))
        return parts if obj is None else [*parts, ("What the last probe found", {"fields": _PROBED})]

    def change_view_context(self, request: HttpRequest, row: Registry) -> dict[str, Any]:
        """The page also says what hangs on this registry."""
        grain = _grain(request)
        found = health_of(permissions.actor(request).looking(), row, grain)
        page = self.url("change", row.pk)
        return {
            **super().change_view_context(request, row),
            "mapping_count": counted(request, "registry", [row]).get(row.pk, 0),
            "state": _state(row),
            "asks_for": self.asks_for(row),
            "limit": _limit(found.limit),
            "refusal": _refusal(found.limit),
            "users": found.users,
            "strip": strip_of(found.slots, grain),
            "strip_file": f"{self.url('health', row.pk)}?by={grain.value}",
            "strip_spans": [(words, f"{page}?by={each.value}", each is grain) for each, words in _SPANS.items()],
            "strip_words": _SPANS[grain],
        }

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, the numbers of how it has answered."""
        view = self.admin_site.admin_view(require_safe(self.health_view))
        return [path("<int:row_id>/health/", view, name="routing_registry_health"), *super().get_urls()]

    def health_view(self, request: HttpRequest, row_id: int) -> HttpResponse:
        """How it has answered, as CSV."""
        row, grain = self.get_queryset(request).filter(pk=row_id).first(), _grain(request)
        if row is None:
            raise Http404
        rows = [_row(slot) for slot in health_of(permissions.actor(request).looking(), row, grain).slots]
        return csv_file(f"health-{row.pk}-{grain.value}", _HEADINGS, rows)

    def annotate_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Count each one's mappings, and say what was found of layers by those that the asker may see."""
        if not (self.shows(request, "mapping_count") or self.shows(request, "layers")):
            return
        mappings = permissions.viewable(request, Mapping.objects.filter(registry__in=[row.pk for row in rows]))
        counts = mappings.order_by().values_list("registry", "blob_delivery").annotate(Count("pk"))
        found = {(pk, delivery): count for pk, delivery, count in counts}
        for row in rows:
            row.mapping_count = sum(count for (pk, _), count in found.items() if pk == row.pk)
            row.deliveries = {delivery for pk, delivery in found if pk == row.pk}

    def table_of(self, rows: Iterable[Registry]) -> Iterator[str]:
        """A line a registry."""
        return csv_of_registries(rows)

    def document_of(self, rows: Iterable[Registry]) -> Document:
        """Shared ones, and those of tenants below these."""
        return document_of_registries(rows)

    @admin.action(description="Probe: see what they ask of clients", permissions=["change"])
    def probe_again(self, request: HttpRequest, registries: "QuerySet[Registry]") -> None:
        """Ask the chosen registries, without keeping this request waiting."""
        chosen = [row for row in registries[:MOST_AT_ONCE] if self.has_change_permission(request, row)]
        try:
            request_probes(permissions.actor(request), registry_ids=[row.pk for row in chosen])
        except ServiceError as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)
            return
        names = ", ".join(row.authority for row in chosen) or "none of them, since they are not yours"
        self.message_user(request, f"Probing {names}. Reload this page in a moment to see the results.")

    def probe_via_service(self, request: HttpRequest, row: Registry, if_match: Collection[int]) -> None:
        """Ask it."""
        found = probe(permissions.actor(request), registry_id=row.pk, if_match=if_match)
        if found.probe_error:
            self.message_lines(request, [f"The probe of {found} failed: {found.probe_error}"], messages.WARNING)
        else:
            said = {"none": "no credentials", "basic": "a password", "bearer": "a token"}[found.auth]
            self.message_lines(request, [f"Probed {found}: it asks for {said}"], messages.SUCCESS)

    @admin.display(ordering="origin")
    def address(self, registry: Registry) -> str:
        """Its address, what people call that, and whose it is."""
        owner = registry.tenant.name if registry.tenant else "shared"
        quiet = ", ".join(filter(None, (registry.alias, owner)))
        return format_html('{}<br><span class="quiet">{}</span>', registry.origin, quiet)

    @admin.display(description="authentication", ordering="auth")
    def asks_for(self, registry: Registry) -> str:
        """What it asks clients for."""
        return {"none": "none", "basic": "password", "bearer": "token"}.get(registry.auth, "not known yet")

    @admin.display(description="layers")
    def layers(self, registry: Registry) -> str:
        """How it hands out layers, as far as mappings' probes have found out."""
        words = {Mapping.BlobDelivery.REDIRECT: "by redirect", Mapping.BlobDelivery.INLINE: "from the registry"}
        deliveries = getattr(registry, "deliveries", ())
        return " or ".join(word for delivery, word in words.items() if delivery in deliveries) or "not known yet"

    @admin.display(description="mappings")
    def mapping_count(self, registry: Registry) -> str:
        """How many, leading to them."""
        return mappings_link("registry", registry)

    @admin.display(description="tenant", ordering="tenant__name")
    def owner(self, registry: Registry) -> str:
        """Whose it is."""
        return registry.tenant.name if registry.tenant else "shared"

    @admin.display(description="passes layers through", boolean=True, ordering="stream_blobs")
    def streams(self, registry: Registry) -> bool:
        """Whether clients that can't be redirected get layers through the facade."""
        return registry.stream_blobs

    @admin.display(description="last probe", ordering="-probed_at")
    def probed(self, registry: Registry) -> str:
        """When it was asked last, and what went wrong."""
        if registry.probed_at is None:
            return "never"
        when = ago(registry.probed_at)
        if not registry.probe_error:
            return when
        cause = Truncator(registry.probe_error).chars(_SHOWN_OF_CAUSE)
        return format_html(
            '{} {}<br><span class="quiet" title="{}">{}</span>',
            badge("blocked", "failed"),
            when,
            registry.probe_error,
            cause,
        )

    def save_via_service(self, request: HttpRequest, form: Any, change: bool) -> tuple[Registry, list[str]]:
        """Save."""
        actor, reason = permissions.actor(request), form.cleaned_data["reason"]
        if change:
            outcome = update_registry(
                actor, reason, registry_id=form.instance.pk, if_match=form.if_match, **form.changes
            )
            registry, done, asks_anew = outcome.row, "changed" if outcome.changed else "", outcome.asks_anew
            notes = outcome.notes
        else:
            registry, done, asks_anew = add_registry(actor, reason, **form.facts), "added", True
            notes = []
        if asks_anew:
            probe_registry_soon(registry)
        return registry, [f"{done} registry {registry.name} at {registry.origin}", *notes] if done else []

    def delete_via_service(self, request: HttpRequest, row: Registry, reason: str, if_match: Collection[int]) -> None:
        """Remove."""
        remove_registry(permissions.actor(request), reason, registry_id=row.pk, if_match=if_match)

    def set_account_via_service(
        self, request: HttpRequest, row: Registry, reason: str, if_match: Collection[int], user: str, password: str
    ) -> str:
        """Set, or replace."""
        actor = permissions.actor(request)
        set_account(actor, reason, registry_id=row.pk, user=user, password=password, if_match=if_match)
        return f"The facade fetches what is public at {row} with this account from now on"

    def remove_account_via_service(
        self, request: HttpRequest, row: Registry, reason: str, if_match: Collection[int]
    ) -> str:
        """Remove it."""
        remove_account(permissions.actor(request), reason, registry_id=row.pk, if_match=if_match)
        return f"The facade has no account at {row} any more"
