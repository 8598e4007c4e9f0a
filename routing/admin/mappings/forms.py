"""The forms of mappings: one for a new address, one for where an existing one leads."""

from typing import Any

from django import forms
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html

from routing.admin.base import permissions
from routing.admin.base.forms import ServiceForm, SuggestingInput, name_input
from routing.models import Hostname, Mapping, Registry, Tenant
from routing.services.base.errors import Conflict

_SUGGESTIONS = 200
_TARGET_HELP = (
    "Registry and path there, such as ghcr.io/acme, docker.io/acme or https://registry.acme.com:5000/team. "
    "A registry that isn't known yet is added."
)


class TargetedForm(ServiceForm):
    """A form with a target."""

    target = forms.CharField(label="Leads to", help_text=_TARGET_HELP, widget=name_input(placeholder="ghcr.io/acme"))

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
        help_text="The name that people pull from. A name that isn't there yet is added.",
        widget=name_input(placeholder="docker.acme.com"),
    )
    prefix = forms.CharField(  # type: ignore[assignment]  # A field; the metaclass takes it out of the class.
        required=False,
        help_text="Leading part of the image names, such as acme or acme/app. Empty: the whole hostname.",
        widget=name_input(placeholder="acme"),
    )
    tenant = forms.ModelChoiceField(
        Tenant.objects.none(),
        required=False,
        to_field_name="slug",
        empty_label="the hostname's own, or “default” for a new one",
        help_text="Whom the hostname belongs to.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hostnames = permissions.viewable(self.request, Hostname.objects.select_related("tenant"))[:_SUGGESTIONS]
        suggest(self, "hostname", [(hostname.name, hostname.tenant.name) for hostname in hostnames])
        tenants = self.fields["tenant"]
        assert isinstance(tenants, forms.ModelChoiceField)
        tenants.queryset = permissions.viewable(self.request, Tenant.objects.all())

    def _post_clean(self) -> None:
        typed = dict(self.cleaned_data)
        super()._post_clean()
        if not isinstance(self.refusal, Conflict):
            return
        # Lead to the mapping that has this address already.
        taken = permissions.viewable(self.request, Mapping.objects.all()).filter(
            hostname__name=typed.get("hostname", "").lower(), prefix=typed.get("prefix", "").strip("/")
        )
        for mapping in taken:
            url = reverse("admin:routing_mapping_change", args=[mapping.pk])
            self.add_error("prefix", format_html('<a href="{}">To that mapping</a>', url))


class MappingForm(TargetedForm):
    """An existing mapping. Its hostname and prefix are what it is; where it leads can change."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "target" in self.fields:
            self.fields["reason"].help_text = "Needed when the target changes. Kept in the history."

    def shown_of(self, row: Any) -> dict[str, Any]:
        """As its columns, with the target as it is typed."""
        shown = super().shown_of(row)
        if "target" not in self.fields:
            return shown
        # A past row's registry may be gone.
        registry = Registry.objects.filter(pk=row.registry_id).first()
        authority = registry.authority if registry else ""
        return {**shown, "target": f"{authority}/{row.upstream_prefix}" if row.upstream_prefix else authority}

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
