"""The forms of mappings: one for a new address, one for where an existing one points."""

from typing import Any

from django import forms
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html

from routing.admin.base import permissions
from routing.admin.base.forms import REASON_NEEDED, ServiceForm, SuggestingInput, name_input
from routing.admin.mappings.wishes import Wishes, create_hostname_tick, skip_verification_tick, whole_registry_tick
from routing.models import Hostname, Mapping, Registry, Tenant
from routing.models.registry import target_at
from routing.services.base.errors import ServiceError
from routing.services.base.policy import check_origin_allowed
from routing.services.registries.targets import Target, find_registry
from routing.services.verifications.repointing import BriefLook, reason_of

#: Where a request keeps what was found at the target before it is repointed.
LOOK = "_routing_look"
_SUGGESTIONS = 200
_TARGET_HELP = (
    "Registry and path there, such as ghcr.io/acme, docker.io/acme or https://registry.acme.com:5000/team. "
    "A registry that is not there yet is added."
)


class TargetedForm(ServiceForm):
    """A form with a target."""

    target = forms.CharField(label="Points to", help_text=_TARGET_HELP, widget=name_input(placeholder="ghcr.io/acme"))
    whole_registry = whole_registry_tick()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A form that is only looked at has no such field.
        if "target" in self.fields:
            suggest(self, "target", [(f"{registry.authority}/", registry.name) for registry in self.registries()])

    def registries(self) -> "list[Registry]":
        """Registries to suggest: the shared ones, and those of the mapping's tenant."""
        registries = permissions.viewable(self.request, Registry.objects.all())
        if self.instance.pk:
            registries = registries.filter(Q(tenant=None) | Q(tenant=self.instance.hostname.tenant_id))
        return list(registries[:_SUGGESTIONS])

    def assign(self) -> None:
        """Leave the instance alone: a verb takes the input as it was typed."""


class NewMappingForm(TargetedForm):
    """A new mapping, with all that has to be made for it."""

    hostname = forms.CharField(
        help_text="The name that people pull from.",
        widget=name_input(placeholder="docker.acme.com"),
    )
    create_hostname = create_hostname_tick()
    prefix = forms.CharField(  # type: ignore[assignment]  # A field; the metaclass takes it out of the class.
        required=False,
        help_text="Leading part of the image names, such as acme or acme/app. Empty: the whole hostname.",
        widget=name_input(placeholder="acme"),
    )
    tenant = forms.ModelChoiceField(
        Tenant.objects.none(),
        required=False,
        to_field_name="slug",
        empty_label="the hostname's own; “default” for a new one",
        help_text="The tenant that the hostname belongs to.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hostnames = permissions.viewable(self.request, Hostname.objects.select_related("tenant"))[:_SUGGESTIONS]
        suggest(self, "hostname", [(hostname.name, hostname.tenant.name) for hostname in hostnames])
        tenants = self.fields["tenant"]
        assert isinstance(tenants, forms.ModelChoiceField)
        tenants.queryset = permissions.viewable(self.request, Tenant.objects.all())

    def clean(self) -> dict[str, Any]:
        """Judge all that was typed before the verb does, which stops at what it can't do."""
        cleaned, wishes = super().clean(), Wishes(self)
        hostname, prefix, wanted = wishes.hostname(), wishes.prefix(), wishes.target()
        if hostname is not None and prefix is not None:
            self._check_free(hostname, prefix, wanted)
        return cleaned

    def _check_free(self, hostname: Hostname, prefix: str, wanted: Target | None) -> None:
        """Link to the mapping that has this address already, unless it is the very one that is asked for."""
        taken = Mapping.objects.with_names().filter(hostname=hostname, prefix=prefix).first()
        if taken is None or (wanted and (taken.registry, taken.upstream_prefix) == _place(hostname, wanted)):
            return
        url = reverse("admin:routing_mapping_change", args=[taken.pk])
        said = format_html(
            '{} points to {} already: repoint that mapping instead. <a href="{}">Go to that mapping</a>',
            taken.source,
            taken.target,
            url,
        )
        self.add_error("prefix", said)


def _place(hostname: Hostname, wanted: Target) -> tuple[Registry | None, str]:
    return find_registry(hostname.tenant, wanted), wanted.upstream_prefix


class MappingForm(TargetedForm):
    """An existing mapping. Its hostname and prefix are what it is; where it points can change."""

    abandon_old = forms.BooleanField(
        required=False,
        label="Abandon the former target at once",
        help_text="Otherwise pulls that began there can finish: for some minutes it is asked for what is missing. Tick "
        "this where it can't be trusted any more.",
    )
    skip_verification = skip_verification_tick()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "target" in self.fields:
            self.fields["reason"].help_text = "Required to repoint or to disable. Shown in the history."

    def clean(self) -> dict[str, Any]:
        """Judge another target before the verb does, and the reason with it."""
        cleaned = super().clean()
        if "target" in self.changed_data:
            self._check_policy(Wishes(self).target())
            if not cleaned.get("reason", "").strip() and not self.has_error("reason"):
                self.add_error("reason", REASON_NEEDED)
            self._check_look()
        return cleaned

    def _check_policy(self, wanted: Target | None) -> None:
        """What the tenant's policy rules out, no tick allows."""
        tenant = self.instance.hostname.tenant
        registry = wanted and find_registry(tenant, wanted)
        try:
            if wanted is not None:
                origin = registry.origin if registry else wanted.origin
                check_origin_allowed(tenant, origin, wanted.authority)
            reason_of("-", tenant=tenant, skipped=self.cleaned_data.get("skip_verification", False))
        except ServiceError as refusal:
            self.add_error("target", refusal.message)

    def _check_look(self) -> None:
        """What differs at the target keeps nobody from repointing, but takes a tick."""
        look: BriefLook | None = getattr(self.request, LOOK, None)
        if look is None or not look.differs or look.report is None:
            return
        url = reverse("admin:routing_mapping_report", args=[self.instance.pk, look.report.pk])
        tenant = self.instance.hostname.tenant
        if tenant.needs_clean_reports:
            then = f"The policy of {tenant} wants a clean report: copy what is missing first."
        else:
            then = "If that is meant, tick “Repoint all the same”."
        said = format_html('{}. <a href="{}">See the report</a>. {}', look.said, url, then)
        self.add_error("target", said)

    def shown_of(self, row: Any) -> dict[str, Any]:
        """As its columns, with the target as it is typed."""
        shown = super().shown_of(row)
        if "target" not in self.fields:
            return shown
        # A past row's registry may be gone.
        registry = Registry.objects.filter(pk=row.registry_id).first()
        authority = registry.authority if registry else ""
        return {**shown, "target": target_at(authority, row.upstream_prefix)}

    @property
    def changes(self) -> dict[str, Any]:
        """With the target, where another was typed."""
        target = {"target": self.cleaned_data["target"]} if "target" in self.changed_data else {}
        return super().changes | target


def suggest(form: ServiceForm, name: str, suggestions: list[tuple[str, str]]) -> None:
    """Let a field of the form suggest values."""
    widget = form.fields[name].widget
    assert isinstance(widget, SuggestingInput)
    widget.suggestions = suggestions
