"""What the admin's forms have in common: the verbs judge what was typed, and every change can say why."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.forms.models import construct_instance
from django.http import HttpRequest

from routing.models import Tenant
from routing.services.base.errors import ServiceError

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = forms.ModelForm


class SuggestingInput(forms.TextInput):
    """A text field that suggests values, and takes others too. `suggestions`: (value, what it is)."""

    template_name = "routing/suggesting_input.html"
    suggestions: Sequence[tuple[str, str]] = ()

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """The text field's own context, tied to its list."""
        context = super().get_context(name, value, attrs)
        context["widget"]["attrs"]["list"] = f"{context['widget']['attrs'].get('id', name)}_suggestions"
        return {**context, "suggestions": self.suggestions}


def name_input(**attrs: str) -> SuggestingInput:
    """A field for a name: the browser neither completes, corrects nor capitalises what is typed."""
    fixed = {"class": "vTextField", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
    return SuggestingInput(attrs=fixed | attrs)


def tenant_choice(tenants: "QuerySet[Tenant]") -> "forms.ModelChoiceField[Tenant]":
    """A choice of one of the tenants; where there is but one, it is chosen already."""
    first = list(tenants[:2])
    if len(first) == 1:
        return forms.ModelChoiceField(tenants, empty_label=None, initial=first[0])
    return forms.ModelChoiceField(tenants)


class ServiceForm(_ModelForm):
    """A form whose input a verb judges. `refusal` is what the verb said of the same input a moment ago."""

    reason = forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text="Why? Kept in the history, for whoever asks next year.",
    )

    request: HttpRequest
    refusal: ServiceError | None = None
    #: Where a verb's name for an input differs from the form's.
    field_names: Mapping[str, str] = {}

    def assign(self) -> None:
        """Put what was typed into the instance, unjudged."""
        self.instance = construct_instance(self, self.instance, self._meta.fields, self._meta.exclude)

    def _post_clean(self) -> None:
        # In place of the model's own validation: the verb normalises first, and then validates the same.
        self.assign()
        if self.refusal is None:
            return
        if not self.refusal.fields:
            self.add_error(None, self.refusal.message)
        for name, messages in self.refusal.fields.items():
            field = self.field_names.get(name, name)
            for message in messages:
                self.add_error(field if field in self.fields else None, message)

    def save(self, commit: bool = True) -> Any:
        """Nothing: the verb saves."""
        return self.instance
