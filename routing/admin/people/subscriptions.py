"""The pages of subscriptions: who is told of what, and what became of each message."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.core.paginator import Paginator
from django.db.models import Max, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from routing.admin.base import permissions
from routing.admin.base.badges import ago, badge
from routing.admin.base.filters import RelatedFilter
from routing.admin.base.forms import ServiceForm, name_input, tenant_choice
from routing.admin.base.model_admin import DeleteConfirmation, ServiceModelAdmin
from routing.core.grammar.numbers import parse_number
from routing.models import Delivery, Subscription
from routing.services.base.errors import NotFound, ServiceError
from routing.services.base.permissions import Permission
from routing.services.telling.kinds import KINDS
from routing.services.telling.subscriptions import (
    MadeSubscription,
    add_subscription,
    remove_subscription,
    renew_secret,
    send_again,
    try_subscription,
    update_subscription,
)

# Where a request keeps what it made, until the transaction is through.
_MADE = "_routing_made_subscription"
_DELIVERIES_PER_PAGE = 25
_BADGES = {Delivery.State.DELIVERED: "on", Delivery.State.FAILED: "blocked", Delivery.State.WAITING: "added"}


def delivery_badge(delivery: Delivery) -> str:
    """What became of a message, in a word."""
    return badge(_BADGES[Delivery.State(delivery.state)], delivery.get_state_display(), delivery.outcome)


class SubscriptionForm(ServiceForm):
    """Whom to tell of what."""

    reason = None  # type: ignore[assignment]  # A subscription has no history.
    kinds = forms.MultipleChoiceField(
        choices=lambda: [(name, f"{name}: {kind.about}") for name, kind in KINDS.items()],
        widget=forms.CheckboxSelectMultiple,
        label="Tell it when",
    )

    class Meta:
        widgets = {
            "address": name_input(placeholder="https://hooks.acme.com/facade"),
            "hostname": name_input(placeholder="docker.acme.com"),
        }
        labels = {"hostname": "Only of this hostname"}
        help_texts = {
            "address": "An https URL, which gets signed webhooks; or the mail address of a member of the tenant.",
            "hostname": "Empty: of everything that happens to the tenant.",
            "enabled": "While it is disabled, nothing is sent, and nothing is kept for later.",
        }


class KindFilter(SimpleListFilter):
    """What a subscription is told of."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Every kind."""
        return [(name, name) for name in KINDS]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Those of the chosen kind: by the list's text, which every database can look into."""
        if self.value() not in KINDS:
            return queryset
        texts: QuerySet[Any] = queryset.annotate(kinds_text=Cast("kinds", TextField()))
        return texts.filter(kinds_text__contains=f'"{self.value()}"')


class SubscriptionAdmin(ServiceModelAdmin):
    """An address stays as it is; what it is told of changes."""

    form = SubscriptionForm
    action = Permission.CHANGE_MEMBERS
    list_display = ("address", "tenant", "of_hostname", "told_of", "state", "last_message")
    list_select_related = ("tenant",)
    list_filter = (KindFilter, "channel", ("tenant", RelatedFilter))
    search_fields = ("address", "hostname", "tenant__name", "tenant__slug")
    search_help_text = "Address, hostname or tenant."
    empty_list_text = (
        "Have a mail address or a webhook told when a mapping is repointed, a DNS record is missing, a scheduled "
        "change is not applied, and so on."
    )

    # ---------------------------------------------------------------- reading
    def get_queryset(self, request: HttpRequest) -> "QuerySet[Subscription]":
        """Subscriptions with what their names are made of."""
        rows: QuerySet[Subscription] = super().get_queryset(request).select_related("tenant")
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: Subscription | None = None) -> Any:
        """Whom, of what."""
        fields = ["tenant", "address", "kinds", "hostname"]
        return [(None, {"fields": fields if obj is None else [*fields, "enabled"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Subscription | None = None) -> tuple[str, ...]:
        """Whose it is, and where it goes."""
        return () if obj is None else ("tenant", "address")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A choice among the tenants whose owners the asker stands for."""
        return tenant_choice(permissions.tenants(request, Permission.CHANGE_MEMBERS))

    def get_urls(self) -> list[URLPattern]:
        """Beside the usual pages, what its buttons do."""
        view, name = self.admin_site.admin_view(self.deeds_view), "routing_subscription_deeds"
        return [path("<int:row_id>/deeds/", view, name=name), *super().get_urls()]

    def change_view_context(self, request: HttpRequest, row: Subscription) -> dict[str, Any]:
        """The page also tells what was sent, and what became of it."""
        page = Paginator(row.deliveries.order_by("-pk"), _DELIVERIES_PER_PAGE).get_page(request.GET.get("p"))
        may = permissions.may(request, self.action, row)
        return {
            **super().change_view_context(request, row),
            "deliveries": [(delivery, delivery_badge(delivery)) for delivery in page.object_list],
            "page": page,
            "deeds_url": self.url("deeds", row.pk) if may else "",
            "is_webhook": row.channel == Subscription.Channel.WEBHOOK,
        }

    def annotate_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """The last message of each."""
        found = Delivery.objects.filter(subscription__in=[row.pk for row in rows]).order_by()
        last = found.values("subscription").annotate(last=Max("pk")).values("last")
        by_row = {delivery.subscription_id: delivery for delivery in Delivery.objects.filter(pk__in=last).defer("body")}
        for row in rows:
            row.last_delivery = by_row.get(row.pk)

    # ---------------------------------------------------------------- the list
    @admin.display(description="hostname", ordering="hostname", empty_value="all")
    def of_hostname(self, row: Subscription) -> str | None:
        """Of which hostname it is told."""
        return row.hostname or None

    @admin.display(description="kinds")
    def told_of(self, row: Subscription) -> str:
        """Of what it is told."""
        return ", ".join(row.kinds)

    @admin.display(ordering="enabled")
    def state(self, row: Subscription) -> str:
        """Whether anything is sent."""
        return badge("on", "enabled") if row.enabled else badge("off", "disabled")

    @admin.display(description="last message")
    def last_message(self, row: Subscription) -> str:
        """What became of it."""
        delivery: Delivery | None = getattr(row, "last_delivery", None)
        return "none" if delivery is None else delivery_badge(delivery) + ago(delivery.created_at)

    # ---------------------------------------------------------------- writing
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form. Once a webhook is there: its secret."""
        context: dict[str, Any] = {} if object_id else {"show_save_and_add_another": False}
        response = super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})
        made: MadeSubscription | None = getattr(request, _MADE, None)
        return response if made is None else self._show_secret(request, made)

    def save_via_service(self, request: HttpRequest, form: Any, change: bool) -> tuple[Subscription, list[str]]:
        """Add, or change what differs."""
        actor, given = permissions.actor(request), form.cleaned_data
        if not change:
            facts = {name: given[name] for name in ("address", "kinds", "hostname")}
            made = add_subscription(actor, tenant_id=given["tenant"].pk, **facts)
            if made.secret:
                setattr(request, _MADE, made)
                return made.subscription, []
            return made.subscription, [f"Added: {made.subscription}"]
        changes = form.changes
        row = update_subscription(actor, subscription_id=form.instance.pk, if_match=form.if_match, **changes)
        return row, [f"Changed {', '.join(changes)} of the {row}"] if changes else []

    def tell_saved(self, request: HttpRequest, row: Any, done: list[str]) -> None:
        """Say what was done by a save."""
        self.message_lines(request, done, messages.SUCCESS)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Call the verb; of a webhook that is new the page with its secret says so."""
        row, done = self.save_via_service(request, form, change)
        if done:
            self.tell_saved(request, row, done)
        elif not hasattr(request, _MADE):
            self.message_lines(request, [f"Nothing to change: the {row} has these values already."], messages.INFO)
        return row

    def _show_secret(self, request: HttpRequest, made: MadeSubscription) -> HttpResponse:
        """The answer to the form is the only place that ever holds it."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The webhook's secret",
            "opts": self.opts,
            "original": made.subscription,
            "secret": made.secret,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/subscription/secret.html", context)

    def deeds_view(self, request: HttpRequest, row_id: int) -> HttpResponse:
        """Do what a button of the page says."""
        row: Subscription = self.row_for(request, row_id, self.action)
        deed = _DEEDS.get(request.POST.get("deed", ""))
        if request.method == "POST" and deed is not None and self.is_as_shown(request, row):
            try:
                done = deed(request, row)
            except ServiceError as refusal:
                self.message_lines(request, [refusal.message], messages.ERROR)
            else:
                if isinstance(done, MadeSubscription):
                    return self._show_secret(request, done)
                self.message_lines(request, [done], messages.SUCCESS)
        return HttpResponseRedirect(self.url("change", row_id))

    def delete_via_service(
        self, request: HttpRequest, row: Subscription, reason: str, if_match: Collection[int]
    ) -> None:
        """Tell it nothing any more."""
        remove_subscription(permissions.actor(request), reason, subscription_id=row.pk, if_match=if_match)

    def delete_confirmation(self, request: HttpRequest, row: Subscription) -> DeleteConfirmation:
        """The words for removing."""
        return DeleteConfirmation(
            "Remove subscription",
            f"{row.address} is told nothing any more. The log of its messages goes, too, and what waits is not sent.",
            "Remove",
            f"Removed: {row}.",
        )


def _try(request: HttpRequest, row: Subscription) -> str:
    try_subscription(permissions.actor(request), subscription_id=row.pk)
    return f"A message that says nothing is sent to {row.address} soon. Reload this page in a moment to see the result"


def _send_again(request: HttpRequest, row: Subscription) -> str:
    pk = parse_number(request.POST.get("delivery", ""))
    if pk is None or not row.deliveries.filter(pk=pk).exists():
        raise NotFound("this message is gone: they are kept for some weeks")
    delivery = send_again(permissions.actor(request), delivery_id=pk)
    return f"The message of {delivery.event} is sent once more soon, under the same id"


def _renew(request: HttpRequest, row: Subscription) -> MadeSubscription:
    return renew_secret(permissions.actor(request), subscription_id=row.pk, if_match=frozenset((row.version,)))


_DEEDS: dict[str, Callable[[HttpRequest, Subscription], str | MadeSubscription]] = {
    "try": _try,
    "again": _send_again,
    "renew": _renew,
}
