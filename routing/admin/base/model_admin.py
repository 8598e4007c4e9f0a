"""What the pages of every noun have in common.

They read through `permissions.visible` and write through verbs. Whatever Django's admin would write by itself (saving a
form, deleting, bulk deleting, its own log) is replaced or taken out here, so that nothing gets round the verbs.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.options import ShowFacets
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import Field, ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst

from routing.admin.base import permissions
from routing.admin.base.concurrency import is_as_shown
from routing.admin.base.consequences import consequences
from routing.admin.base.filters import BoundedList, first_found
from routing.admin.base.forms import REASON_NEEDED, ServiceForm
from routing.admin.base.saved_filters import chosen_filter
from routing.admin.base.uses import uses_of
from routing.core.grammar.numbers import parse_number
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.lists.terms import SORT, in_order

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


class DeleteConfirmation(NamedTuple):
    """What the page that asks whether to remove a row says, and what is said once that is done."""

    title: str
    consequence: str
    button: str
    done: str
    needs_reason: bool = True


class CompletedChangeList(ChangeList):
    """A page of rows, each completed with what takes one query a page rather than one a row."""

    def get_ordering(self, request: HttpRequest, queryset: "QuerySet[Any]") -> list[Any]:
        """As a click on a heading says, or else as the saved filter in use does."""
        row = chosen_filter(request)
        if row is None or SORT not in row.terms or ORDER_VAR in self.params:
            return super().get_ordering(request, queryset)
        return list(in_order(row.noun, queryset, row.terms[SORT]).query.order_by)

    def get_results(self, request: HttpRequest) -> None:
        """Read the page's rows: first their keys, which an index alone may give in order, and then what is joined."""
        if self.query:
            first, is_all = first_found(self.root_queryset, self.queryset)
            self.queryset = first if is_all else self.queryset
        super().get_results(request)
        keys = list(self.result_list.values_list("pk", flat=True))
        found = {row.pk: row for row in self.apply_select_related(self.root_queryset.filter(pk__in=keys))}
        rows = [found[key] for key in keys if key in found]
        admin_of_noun: Any = self.model_admin
        admin_of_noun.annotate_rows(request, rows)
        self.result_list = rows
        if not self.query and not self.has_active_filters:
            # Nothing was left out, so the page needn't offer to show all.
            self.full_result_count = self.result_count


class ServiceModelAdmin(BoundedList, _ModelAdmin):
    """The pages of one noun."""

    form = ServiceForm
    list_per_page = 50
    list_max_show_all = 500
    show_full_result_count = False
    # A count for each choice of each filter would be a query each.
    show_facets = ShowFacets.NEVER
    #: What the list says while it is empty.
    empty_list_text = ""
    #: What changing, adding and removing rows takes.
    action = Permission.ADMINISTER
    action_to_add: Permission | None = None

    # ---------------------------------------------------------------- what a noun gives
    def save_via_service(self, request: HttpRequest, form: ServiceForm, change: bool) -> tuple[Any, list[str]]:
        """Call the verb for a form that was filled in; gives the row and a line for each thing done."""
        raise NotImplementedError

    def delete_via_service(self, request: HttpRequest, row: Any, reason: str, if_match: Collection[int]) -> None:
        """Call the verb that removes a row of one of these versions."""
        raise NotImplementedError

    def annotate_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Add to a list page's rows what the columns need beyond them."""

    def get_empty_list_text(self, request: HttpRequest) -> str:
        """What the empty list says to whoever asks."""
        return self.empty_list_text

    def object_tools(self, request: HttpRequest) -> list[tuple[str, str]]:
        """What else can be done from the list: (words, address)."""
        return []

    def tell_saved(self, request: HttpRequest, row: Any, done: list[str]) -> None:
        """Say what was done by a save."""
        self.message_lines(request, done, messages.SUCCESS)

    # ---------------------------------------------------------------- permission
    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the noun appears at all."""
        return permissions.may_see(request, None)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the asker may look."""
        return permissions.may_see(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether the asker may add somewhere."""
        return permissions.may(request, self.action_to_add or self.action, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the asker may change it."""
        return permissions.may(request, self.action, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the asker may remove it."""
        return permissions.may(request, self.action, obj)

    # ---------------------------------------------------------------- reading
    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """The rows that the asker may see."""
        return permissions.viewable(request, super().get_queryset(request))

    def row_for(self, request: HttpRequest, pk: int, permission: Permission) -> Any:
        """The row of a page of its own. Raises Http404 where the asker sees none, or PermissionDenied."""
        row = self.get_queryset(request).filter(pk=pk).first()
        if row is None:
            raise Http404
        if not permissions.may(request, permission, row):
            raise PermissionDenied
        return row

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Pages whose rows are completed."""
        return CompletedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list."""
        context = {
            "title": capfirst(str(self.opts.verbose_name_plural)),
            "empty_list_text": self.get_empty_list_text(request),
            "list_tools": self.object_tools(request),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        """A choice among what the asker may see."""
        kwargs.setdefault("queryset", permissions.viewable(request, db_field.remote_field.model._default_manager.all()))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Field | None:
        """A plain field, without the buttons that open another noun's form in a window."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form's parts; who may only look isn't asked for a reason."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (name, {**options, "fields": [field for field in options["fields"] if field != "reason"]})
            for name, options in fieldsets
            if list(options["fields"]) != ["reason"]
        ]

    # ---------------------------------------------------------------- writing
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form. What the verb refuses comes back as it was typed, with the verb's words at the fields."""
        context = {"show_save_and_continue": False, **(extra_context or {})}
        for _ in range(_TRIES):
            try:
                return super().changeform_view(request, object_id, form_url, context)
            except ServiceError as refusal:
                # Once more, with the verb's words; or, where the row was changed between reading and writing it,
                # with the row as it is now.
                setattr(request, _REFUSAL, refusal)
        self.message_lines(request, ["Others keep changing this: check it, then try again"], messages.ERROR)
        return HttpResponseRedirect(request.path)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form, with what the row's page shows beside it."""
        if context["original"] is not None:
            # The form may have put what was typed, and refused, into the row.
            context.update(self.change_view_context(request, self.get_queryset(request).get(pk=context["original"].pk)))
        return super().render_change_form(request, context, *args, **kwargs)

    def change_view_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What a row's page shows beside its form."""
        return {}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form's class, made for this request."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.request = request  # type: ignore[attr-defined]
        form.refusal = getattr(request, _REFUSAL, None)  # type: ignore[attr-defined]
        return form

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Call the verb: here rather than in save_model, since only this says which row the page goes on with."""
        row, done = self.save_via_service(request, form, change)
        if done:
            self.tell_saved(request, row, done)
        else:
            self.message_lines(request, [f"Nothing to change: {row} has these values already."], messages.INFO)
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing: the verb has saved."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: the verb has saved."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing: the history, which the verbs write, holds what every door did and why."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing: see log_addition."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """To the new row's page, which shows its effect."""
        return self._leave(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """To the row's page, which shows its effect."""
        return self._leave(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        """The bulk actions, without Django's own, which would delete behind the verbs' back."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for a reason and remove; while something still uses the row, say what."""
        row = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, row):
            raise PermissionDenied
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        words = self.delete_confirmation(request, row)
        needs_reason = words.needs_reason and "reason" in self.form.base_fields
        if request.method == "POST" and needs_reason and not request.POST.get("reason", "").strip():
            self.message_lines(request, [REASON_NEEDED], messages.ERROR)
        elif request.method == "POST" and self.is_as_shown(request, row):
            try:
                self.delete_via_service(request, row, request.POST.get("reason", ""), frozenset((row.version,)))
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
            else:
                self.message_lines(request, [words.done], messages.SUCCESS)
                return HttpResponseRedirect(self.get_url_after_delete(request))
        context = {
            **self.admin_site.each_context(request),
            "title": words.title,
            "subtitle": str(row),
            "opts": self.opts,
            "original": row,
            "uses": uses_of(request, row),
            "words": words,
            "numbers": consequences(request, [row]),
            "asks_reason": "reason" in self.form.base_fields,
            "needs_reason": needs_reason,
            "given": request.POST,
            "media": self.media,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/routing/remove.html", context)

    def is_as_shown(self, request: HttpRequest, row: Any) -> bool:
        """Whether the row is as it was on the page that was sent; where it isn't, the next page says so."""
        seen = parse_number(request.POST.get("version", ""))
        if seen is None or is_as_shown(row, seen):
            return True
        self.message_lines(request, [f"Somebody else changed {row} meanwhile: check it again"], messages.ERROR)
        return False

    def delete_confirmation(self, request: HttpRequest, row: Any) -> "DeleteConfirmation":
        """The words of the page that asks whether to remove a row."""
        noun = self.opts.verbose_name
        return DeleteConfirmation(
            f"Remove {noun}", f"This removes {row}. Its history stays.", "Remove", f"Removed {noun} {row}."
        )

    def get_url_after_delete(self, request: HttpRequest) -> str:
        """The address that follows a removal."""
        return self.url("changelist")

    def get_urls(self) -> list[URLPattern]:
        """The pages; a noun without a history has no page for it."""
        urls = super().get_urls()
        if hasattr(self.model, "history"):
            return urls
        return [url for url in urls if not (url.name or "").endswith("_history")]

    # ---------------------------------------------------------------- moving on
    def url(self, view: str, *arguments: Any) -> str:
        """The address of one of this noun's pages."""
        return reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{view}", args=arguments)

    def _leave(self, request: HttpRequest, row: Model) -> HttpResponse:
        if "_addanother" in request.POST:
            return HttpResponseRedirect(self.url("add"))
        if not self.has_view_or_change_permission(request, row):
            return HttpResponseRedirect(reverse(f"{self.admin_site.name}:index"))
        return HttpResponseRedirect(self.url("change", row.pk))

    def message_lines(self, request: HttpRequest, lines: Sequence[str], level: int) -> None:
        """Tell, on the next page, each line as a sentence."""
        sentences = format_html_join(" ", "<span>{}</span>", ((_sentence(line),) for line in lines))
        self.message_user(request, format_html("{}", sentences), level)


_REFUSAL = "_routing_refusal"
# A form is judged twice where a verb refuses it, and once more for each change that others make meanwhile.
_TRIES = 5


def _sentence(line: str) -> str:
    if hasattr(line, "__html__"):
        return line
    return line[:1].upper() + line[1:] + ("" if line.endswith((".", ":", "…")) else ".")
