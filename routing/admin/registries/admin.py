"""The pages of registries."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import Truncator

from routing.admin.base import permissions
from routing.admin.base.account import AccountPage
from routing.admin.base.badges import ago, badge
from routing.admin.base.filters import RelatedFilter
from routing.admin.base.forms import ServiceForm, name_input
from routing.admin.base.history_views import HistoryPages
from routing.admin.base.labels import LABEL_ACTIONS, LabelledPages
from routing.admin.base.model_admin import ServiceModelAdmin
from routing.admin.base.notes import NotesPages
from routing.admin.base.probing import ProbeNow
from routing.admin.hostnames.admin import counted, mappings_link
from routing.manifest_store.sightings import sightings
from routing.models import Mapping, Registry
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.registries.accounts import remove_account, set_account
from routing.services.registries.probe_jobs import probe_registry_soon, request_probes
from routing.services.registries.probes import probe
from routing.services.registries.registries import add_registry, remove_registry, update_registry

# As many as anybody looks at afterwards.
MOST_AT_ONCE = 50
_SHOWN_OF_CAUSE = 80
_PROBED = ("auth", "realm", "service", "probed_at", "probe_error")


def _limit(registry: Registry) -> str:
    """How many more manifests it gives to this facade's address, as it said last; "" where it says nothing."""
    limit = sightings.limit(registry.origin)
    if limit is None:
        return ""
    allowed = f" of {limit.number:,} in {limit.seconds / 3600:.4g} h" if limit.number else ""
    said = ago(datetime.fromtimestamp(limit.at, UTC))
    return f"{limit.left:,}{allowed}, as it said {said}"


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


class RegistryAdmin(AccountPage, LabelledPages, ProbeNow, NotesPages, HistoryPages, ServiceModelAdmin):
    """What a person says of a registry can be changed; what a probe found can be read."""

    form = RegistryForm
    action = account_action = Permission.CHANGE_REGISTRIES
    account_template = "admin/routing/registry/account.html"
    list_display = ("name", "address", "label_badges", "asks_for", "layers", "mapping_count", "probed")
    list_select_related = ("tenant",)
    list_filter = ("auth", ("tenant", RelatedFilter))
    search_fields = ("name", "origin", "alias", "tenant__name", "labels")
    search_help_text = "Name, address, tenant or label."
    empty_list_text = "Adding a mapping adds its registry too."
    readonly_fields = _PROBED
    actions = ("probe_again", *LABEL_ACTIONS)

    def get_fieldsets(self, request: HttpRequest, obj: Registry | None = None) -> Any:
        """What a person says; then what was found."""
        said = ["name", "origin", "alias", "tenant", "implicit_namespace", "stream_blobs", "labels"]
        if obj is None or self.has_change_permission(request, obj):
            said.append("reason")
        found = [] if obj is None else [("What the last probe found", {"fields": _PROBED})]
        return [(None, {"fields": said}), *found]

    def change_view_context(self, request: HttpRequest, row: Registry) -> dict[str, Any]:
        """The page also says what hangs on this registry."""
        return {
            **super().change_view_context(request, row),
            "mapping_count": counted(request, "registry", [row]).get(row.pk, 0),
            "limit": _limit(row),
        }

    def annotate_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Count each one's mappings, and say what was found of layers by those that the asker may see."""
        counts = counted(request, "registry", rows)
        mappings = permissions.viewable(request, Mapping.objects.filter(registry__in=[row.pk for row in rows]))
        found = set(mappings.order_by().values_list("registry", "blob_delivery").distinct())
        for row in rows:
            row.mapping_count = counts.get(row.pk, 0)
            row.deliveries = {delivery for pk, delivery in found if pk == row.pk}

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
