"""What the pages of every noun have in common.

They read through `scope.visible` and write through verbs. Whatever Django's admin would write by itself (saving a
form, deleting, bulk deleting, its own log) is replaced or taken out here, so that nothing gets round the verbs.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.options import ShowFacets
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import Field, ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst

from routing.admin import scope
from routing.admin.forms import VerbForm
from routing.admin.history import entries_of
from routing.admin.usage import uses_of
from routing.services.errors import VerbError
from routing.services.permissions import Action

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

HISTORY_PER_PAGE = 50
HISTORY_ON_PAGE = 5


class Page(ChangeList):
    """A page of rows, each completed with what takes one query a page rather than one a row."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page's rows."""
        super().get_results(request)
        rows = list(self.result_list)
        admin_of_noun: Any = self.model_admin
        admin_of_noun.complete(request, rows)
        self.result_list = rows
        if not self.query and not self.has_active_filters:
            # Nothing was left out, so the page needn't offer to show all.
            self.full_result_count = self.result_count


class NounAdmin(_ModelAdmin):
    """The pages of one noun."""

    form = VerbForm
    list_per_page = 50
    list_max_show_all = 500
    show_full_result_count = False
    # A count for each choice of each filter would be a query each.
    show_facets = ShowFacets.NEVER
    #: What the list says while it is empty.
    first_step = ""
    #: What changing, adding and removing rows takes.
    action = Action.PLATFORM
    action_to_add: Action | None = None

    # ---------------------------------------------------------------- what a noun gives
    def write(self, request: HttpRequest, form: VerbForm, change: bool) -> tuple[Any, list[str]]:
        """Call the verb for a form that was filled in; gives the row and a line for each thing done."""
        raise NotImplementedError

    def remove(self, request: HttpRequest, row: Any, reason: str) -> None:
        """Call the verb that removes a row."""
        raise NotImplementedError

    def complete(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Add to a list page's rows what the columns need beyond them."""

    def aftermath(self, row: Any) -> list[str]:
        """What to say after a save, beyond what was done; may be safe HTML."""
        return []

    # ---------------------------------------------------------------- permission
    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the noun appears at all."""
        return scope.may_see(request, None)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the asker may look."""
        return scope.may_see(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether the asker may add somewhere."""
        return scope.may(request, self.action_to_add or self.action, None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the asker may change it."""
        return scope.may(request, self.action, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the asker may remove it."""
        return scope.may(request, self.action, obj)

    # ---------------------------------------------------------------- reading
    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """The rows that the asker may see."""
        return scope.visible(request, super().get_queryset(request))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Pages whose rows are completed."""
        return Page

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list."""
        context = {"title": capfirst(str(self.opts.verbose_name_plural)), "first_step": self.first_step}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        """A choice among what the asker may see."""
        kwargs.setdefault("queryset", scope.visible(request, db_field.remote_field.model._default_manager.all()))
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
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except VerbError as refusal:
            setattr(request, _REFUSAL, refusal)
            return super().changeform_view(request, object_id, form_url, context)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form, with what the row's page shows beside it."""
        if context["original"] is not None:
            # The form may have put what was typed, and refused, into the row.
            context.update(self.page_context(request, self.get_queryset(request).get(pk=context["original"].pk)))
        return super().render_change_form(request, context, *args, **kwargs)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What a row's page shows beside its form."""
        history = scope.visible(request, row.history.all())[:HISTORY_ON_PAGE]
        return {"entries": entries_of(request, self.model, history)}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form's class, made for this request."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.request = request  # type: ignore[attr-defined]
        form.refusal = getattr(request, _REFUSAL, None)  # type: ignore[attr-defined]
        return form

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Call the verb: here rather than in save_model, since only this says which row the page goes on with."""
        row, done = self.write(request, form, change)
        if done:
            self._say(request, [*done, *self.aftermath(row)], messages.SUCCESS)
        else:
            self._say(request, [f"Nothing to change: {row} is so already."], messages.INFO)
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
        if request.method == "POST":
            name = str(row)
            try:
                self.remove(request, row, request.POST.get("reason", ""))
            except VerbError as refusal:
                self._say(request, [refusal.message], messages.ERROR)
            else:
                self._say(request, [f"Removed {self.opts.verbose_name} {name}."], messages.SUCCESS)
                return HttpResponseRedirect(self.url("changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Remove {self.opts.verbose_name}",
            "subtitle": str(row),
            "opts": self.opts,
            "original": row,
            "uses": uses_of(request, row),
            "media": self.media,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/routing/remove.html", context)

    # ---------------------------------------------------------------- history
    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Everything that was ever done to a row, also to one that is gone. Only to be looked at."""
        pk = unquote(object_id)
        row = self.get_object(request, pk)
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        if not pk.isdecimal():
            raise Http404
        history = scope.visible(request, self.model.history.filter(id=pk))
        page = Paginator(history.order_by("-history_id"), HISTORY_PER_PAGE).get_page(request.GET.get("p"))
        if row is None and not page.object_list:
            raise Http404
        entries = entries_of(request, self.model, page.object_list)
        context = {
            **self.admin_site.each_context(request),
            "title": "History",
            "subtitle": str(row or entries[0].name),
            "opts": self.opts,
            "original": row,
            "page": page,
            "entries": entries,
            "media": self.media,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/routing/history.html", context)

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

    def _say(self, request: HttpRequest, lines: Sequence[str], level: int) -> None:
        sentences = format_html_join(" ", "<span>{}</span>", ((_sentence(line),) for line in lines))
        self.message_user(request, format_html("{}", sentences), level)


_REFUSAL = "_routing_refusal"


def _sentence(line: str) -> str:
    if hasattr(line, "__html__"):
        return line
    return line[:1].upper() + line[1:] + ("" if line.endswith((".", ":", "…")) else ".")
