"""The pages of mappings: `docker.acme.com/acme → ghcr.io/acme`."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html

from routing.admin.base import permissions
from routing.admin.base.account import AccountPage
from routing.admin.base.badges import ago, badge
from routing.admin.base.columns import ChosenColumns
from routing.admin.base.exporting import Exporting
from routing.admin.base.filters import RelatedFilter, StateFilter
from routing.admin.base.forms import ServiceForm
from routing.admin.base.history_views import HistoryPages
from routing.admin.base.labels import LABEL_ACTIONS, LabelledPages
from routing.admin.base.model_admin import DeleteConfirmation, ServiceModelAdmin
from routing.admin.base.notes import NotesPages
from routing.admin.base.probing import ProbeNow
from routing.admin.base.pulls import PULLS_LATELY, pulls_lately, pulls_panel
from routing.admin.base.saved_filters import SavedFilters
from routing.admin.mappings.actions import MappingActions
from routing.admin.mappings.forms import MappingForm, NewMappingForm
from routing.admin.mappings.importing import Importing
from routing.admin.mappings.preview import effect_of
from routing.admin.mappings.prospects import Prospects
from routing.admin.mappings.repointing import Repointing
from routing.admin.mappings.verification import VerificationPages
from routing.admin.mappings.wishes import TICKS, ticks_of
from routing.models import Mapping
from routing.services.base.past_rows import last_rows
from routing.services.base.permissions import Permission
from routing.services.configuration.document import Document
from routing.services.configuration.parts import document_of_mappings
from routing.services.lists.search import SEARCHED
from routing.services.mappings import mappings as verbs
from routing.services.mappings.csv_export import csv_of_mappings
from routing.services.mappings.findings import Mark, findings_of
from routing.services.mappings.publication import publish_mapping, unpublish_mapping
from routing.services.mappings.pull_command import pull_command
from routing.services.mappings.state import state_of, wider_mapping
from routing.services.pulls.reading import Scope
from routing.services.registries.probe_jobs import probe_soon
from routing.services.registries.probes import probe_mapping
from routing.services.standbys.reading import standby_objection
from routing.services.verifications.repointing import reason_of
from routing.services.watching.reading import watches_of, words_of


class MappingAdmin(
    AccountPage,
    VerificationPages,
    Importing,
    Exporting,
    ChosenColumns,
    SavedFilters,
    Prospects,
    Repointing,
    LabelledPages,
    MappingActions,
    ProbeNow,
    NotesPages,
    HistoryPages,
    ServiceModelAdmin,
):
    """Add in one form, see the effect, repoint with a reason."""

    action = Permission.CHANGE_MAPPINGS
    account_action = Permission.PUBLISH
    account_template = "admin/routing/mapping/account.html"
    actions = ("repoint_all", *MappingActions.actions, *LABEL_ACTIONS)
    # The first column makes its own link, beside the button.
    list_display_links = None
    list_select_related = ("hostname__tenant", "registry")
    export_related = ("hostname__tenant", "hostname__login_registry", "registry", "standby_registry")
    list_filter = (
        StateFilter,
        ("hostname__tenant", RelatedFilter),
        ("hostname", RelatedFilter),
        ("registry", RelatedFilter),
    )
    search_fields = SEARCHED["mapping"]
    search_help_text = "Hostname, prefix, registry, path there or label; or an image as it is pulled."
    empty_list_text = "It points an address of yours to any registry, such as docker.acme.com/acme → ghcr.io/acme."

    def get_fieldsets(self, request: HttpRequest, obj: Mapping | None = None) -> Any:
        """Everything in one form; what identifies an existing mapping isn't in it."""
        if obj is None:
            # A tenant's hostnames are there beforehand, and say whose they are.
            whose = ["tenant"] if permissions.may(request, Permission.ADMINISTER, None) else []
            return [
                (None, {"fields": ["hostname", "prefix", "target"]}),
                ("Options", {"fields": [*whose, "private", "delivery", "allow_push", "labels"]}),
                (None, {"fields": ["reason"]}),
            ]
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": ["target", "enabled", "private", "delivery", "allow_push", "notice", "labels"]})]
        return [
            (None, {"fields": ["target", "abandon_old", "reason"]}),
            ("Options", {"fields": ["enabled", "private", "delivery", "allow_push", "notice", "labels"]}),
        ]

    def get_form(self, request: HttpRequest, obj: Mapping | None = None, change: bool = False, **kwargs: Any) -> Any:
        """The form for a new mapping, or for an existing one."""
        form: type[ServiceForm] = NewMappingForm if obj is None else MappingForm
        if obj is not None and not self.has_change_permission(request, obj):
            form = ServiceForm
        return super().get_form(request, obj, change, form=form, **kwargs)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Mapping]":
        """Mappings with what their names are made of."""
        return super().get_queryset(request).select_related("hostname__tenant", "registry")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; while it is empty, who has a shell is told of the command."""
        is_platform = permissions.may(request, Permission.ADMINISTER, None)
        return super().changelist_view(request, {"is_platform": is_platform, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form, with the ticks that it asks for behind their fields."""
        shown = context["adminform"]
        for name in ticks_of(shown.form):
            fields = shown.fieldsets[0][1]["fields"]
            fields.insert(fields.index(TICKS[name]) + 1, name)
        return super().render_change_form(request, context, *args, **kwargs)

    def change_view_context(self, request: HttpRequest, row: Mapping) -> dict[str, Any]:
        """The page also shows the effect, the pulls, and what drifted after a switch."""
        scope = Scope(hostname=row.hostname.name, mapping=row.prefix)
        context = super().change_view_context(request, row)
        watches = [words_of(each) for each in watches_of(row)]
        objection = standby_objection(row)
        shown = {
            "standby_objection": objection,
            "effect": effect_of(row),
            "watches": watches,
            "pulls": pulls_panel(request, scope),
        }
        return {**context, **shown}

    # ---------------------------------------------------------------- the list
    def table_of(self, rows: Iterable[Mapping]) -> Iterator[str]:
        """As an import reads it."""
        return csv_of_mappings(rows)

    def document_of(self, rows: Iterable[Mapping]) -> Document:
        """Below their hostnames and tenants."""
        return document_of_mappings(rows)

    def may_choose(self, request: HttpRequest, name: str) -> bool:
        """Whose a mapping is, operators of the platform only are told: others know."""
        return name != "tenant" or permissions.may(request, Permission.ADMINISTER, None)

    def get_list_select_related(self, request: HttpRequest) -> Any:
        """The related rows of which the columns tell."""
        related = self.list_select_related
        return (*related, "standby_registry") if self.shows(request, "standby") else related

    def annotate_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Add to each mapping the past row that says who changed it last, and its pulls, where the list tells them."""
        last = last_rows(Mapping, [row.pk for row in rows]) if self.shows(request, "changed") else {}
        pulls = {}
        if self.shows(request, "pulls"):
            pulls = pulls_lately(request, {row.hostname.name for row in rows}, by_mapping=True)
        for row in rows:
            row.last = last.get(row.pk)
            row.pulls = pulls.get((row.hostname.name, row.prefix), 0)

    @admin.display(description="mapping", ordering="hostname__name")
    def route(self, mapping: Mapping) -> str:
        """docker.acme.com/acme → ghcr.io/acme, and the command that pulls from there."""
        context = {"mapping": mapping, "url": self.url("change", mapping.pk), "pull": pull_command(mapping)}
        return render_to_string("routing/route.html", context)

    @admin.display(ordering="hostname__tenant__name")
    def tenant(self, mapping: Mapping) -> str:
        """Whose it is."""
        return mapping.hostname.tenant.name

    @admin.display(ordering="enabled")
    def state(self, mapping: Mapping) -> str:
        """Whether it is served."""
        state = state_of(mapping)
        return badge(state.kind, state.text)

    @admin.display(description="delivery", ordering="delivery")
    def delivered(self, mapping: Mapping) -> str:
        """How clients get there, in a word or two."""
        words = ["redirects" if mapping.delivery == Mapping.Delivery.REDIRECT_ONLY else "automatic"]
        words += ["private"] if mapping.private else []
        words += ["published"] if mapping.is_published else []
        words += ["push"] if mapping.allow_push else []
        return ", ".join(words)

    @admin.display
    def standby(self, mapping: Mapping) -> str:
        """Where it is led once its registry does not answer."""
        return mapping.standby_target or "none"

    @admin.display(description=PULLS_LATELY)
    def pulls(self, mapping: Any) -> str:
        """How often it was pulled through."""
        return f"{mapping.pulls:,}"

    @admin.display(ordering="-changed_at")
    def changed(self, mapping: Mapping) -> str:
        """When and by whom; the reason when the mouse asks."""
        last = getattr(mapping, "last", None)
        return format_html(
            '<span title="{}">{} <span class="quiet">{}</span></span>',
            (last and last.history_change_reason) or "",
            ago(mapping.changed_at),
            (last and last.actor) or "",
        )

    # ---------------------------------------------------------------- writing
    def save_via_service(self, request: HttpRequest, form: Any, change: bool) -> tuple[Mapping, list[str]]:
        """Add, or edit."""
        given = form.cleaned_data
        if change:
            skipped = bool(given.get("skip_verification")) and "target" in form.changes
            outcome = verbs.update_mapping(
                permissions.actor(request),
                reason_of(given["reason"], tenant=form.instance.hostname.tenant, skipped=skipped),
                mapping_id=form.instance.pk,
                if_match=form.if_match,
                abandon_old=given["abandon_old"],
                **form.changes,
            )
        else:
            outcome = verbs.add_mapping(
                permissions.actor(request),
                given["reason"],
                hostname=given["hostname"],
                prefix=given["prefix"],
                target=given["target"],
                tenant=given["tenant"] and given["tenant"].slug,
                **{name: given[name] for name in ("allow_push", "private", "delivery", "labels")},
            )
        if outcome.asks_anew:
            probe_soon(outcome.mapping)
        return outcome.mapping, outcome.notes

    def delete_via_service(self, request: HttpRequest, row: Mapping, reason: str, if_match: Collection[int]) -> None:
        """Remove one mapping."""
        verbs.remove_mappings(permissions.actor(request), reason, mapping_ids=[row.pk], if_match=if_match)

    def delete_confirmation(self, request: HttpRequest, row: Mapping) -> DeleteConfirmation:
        """The words for removing: what clients of its names get from then on."""
        words = super().delete_confirmation(request, row)
        wider = wider_mapping(row)
        if wider is None:
            then = f"Whoever pulls {row.source} is refused from then on, for no other mapping covers it."
        elif (state := state_of(wider)).is_on:
            then = f"Whoever pulls {row.source} is served by the mapping {wider} from then on."
        else:
            then = f"The mapping {wider} covers {row.source} from then on. It refuses clients: {state.text}."
        return words._replace(consequence=f"This removes {row}. {then} Its history stays.")

    def tell_saved(self, request: HttpRequest, row: Mapping, done: list[str]) -> None:
        """How to pull, and what is known of that: it is saved, and whether it works is another matter."""
        saved = format_html("Saved. Pull with: <code>{}</code>", pull_command(row))
        self.message_lines(request, [*done, saved], messages.SUCCESS)
        self._tell_findings(request, row)

    def probe_via_service(self, request: HttpRequest, row: Mapping, if_match: Collection[int]) -> None:
        """Ask the registry, and for the mapping's repository where one is known."""
        probe_mapping(permissions.actor(request), mapping_id=row.pk, if_match=if_match)
        self._tell_findings(request, row)

    def _tell_findings(self, request: HttpRequest, row: Mapping) -> None:
        found = findings_of(row)
        is_bad = any(finding.mark is Mark.BAD for finding in found)
        lines = render_to_string("routing/findings.html", {"findings": found})
        self.message_user(request, lines, messages.WARNING if is_bad else messages.INFO)

    def set_account_via_service(
        self, request: HttpRequest, row: Mapping, reason: str, if_match: Collection[int], user: str, password: str
    ) -> str:
        """Publish, or replace the account."""
        actor = permissions.actor(request)
        publish_mapping(actor, reason, mapping_id=row.pk, user=user, password=password, if_match=if_match)
        return f"{row.source} is published: everybody can pull what this account may read"

    def remove_account_via_service(
        self, request: HttpRequest, row: Mapping, reason: str, if_match: Collection[int]
    ) -> str:
        """End it."""
        unpublish_mapping(permissions.actor(request), reason, mapping_id=row.pk, if_match=if_match)
        return f"{row.source} is not published any more"
