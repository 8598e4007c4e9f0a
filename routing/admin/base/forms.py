"""What the admin's forms have in common: the verbs judge what was typed, and every change can say why."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Model, QuerySet
from django.forms.models import construct_instance
from django.http import HttpRequest

from routing.admin.base.concurrency import change_since
from routing.models import Tenant
from routing.services.base.errors import Outdated, ServiceError

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


#: What hurts somebody takes a reason: they are told, and whoever looks into it later.
REASON_NEEDED = "Say why: the reason is kept in the history."


class ServiceForm(_ModelForm):
    """A form whose input a verb judges. `refusal` is what the verb said of the same input a moment ago.

    It knows on which version of its row it is based. Where somebody else has changed what it shows, it comes back once:
    with theirs where nothing was typed, with what was typed everywhere else, and with a word on what they changed.
    """

    reason = forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text="Optional. Shown in the history.",
    )
    version = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    request: HttpRequest
    refusal: ServiceError | None = None
    #: Where a verb's name for an input differs from the form's.
    field_names: Mapping[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            del self.fields["version"]
            return
        # The row as it is; the instance takes up what was typed.
        self.row_version = self.instance.version
        self.initial.update(version=self.row_version, **self.shown_of(self.instance))

    def shown_of(self, row: Any) -> dict[str, Any]:
        """What the form shows of a row, or of a past one, by field."""
        own = {field.name: field for field in self._meta.model._meta.fields}
        return {name: own[name].value_from_object(row) for name in self.fields if name in own and name != "version"}

    @property
    def facts(self) -> dict[str, Any]:
        """What was typed, by the names of the row's columns."""
        own = {field.name: field for field in self._meta.model._meta.fields if field.name != "version"}
        return {own[name].attname: _key(value) for name, value in self.cleaned_data.items() if name in own}

    @property
    def changes(self) -> dict[str, Any]:
        """The same, as far as it differs from what the row has."""
        own = {field.name: field.attname for field in self._meta.model._meta.fields}
        changed = {own[name] for name in self.changed_data if name in own}
        return {name: value for name, value in self.facts.items() if name in changed}

    @property
    def if_match(self) -> frozenset[int]:
        """The version of which a verb may make the changes."""
        return frozenset((self.row_version,))

    def clean(self) -> dict[str, Any]:
        """Stop once where somebody else has changed what the form had shown."""
        cleaned = super().clean() or self.cleaned_data
        asks_why = "reason" in self.fields
        if (
            asks_why
            and "enabled" in self.changed_data
            and cleaned.get("enabled") is False
            and not cleaned.get("reason", "").strip()
        ):
            self.add_error("reason", REASON_NEEDED)
        seen = cleaned.get("version")
        if self.instance.pk is None or seen in (None, self.row_version):
            return cleaned
        found = change_since(self.instance, seen)
        before = None if found.before is None else self.shown_of(found.before)
        now = self.shown_of(self.instance)
        theirs = [name for name in now if before is None or before[name] != now[name]]
        self._take(version=self.row_version)
        if not theirs:
            # What a probe or a look-up found isn't on this form.
            return cleaned
        for name in theirs:
            if before is not None and not self._is_typed(name, before[name]):
                self._take(**{name: now[name]})
        raise forms.ValidationError(self._meeting(found.actor, theirs))

    def _is_typed(self, name: str, before: Any) -> bool:
        field = self.fields[name]
        typed = field.widget.value_from_datadict(self.data, self.files, self.add_prefix(name))
        return field.has_changed(before, typed)

    def _take(self, **values: Any) -> None:
        """Have the form show these values as if they had been typed."""
        data = self.data.copy()  # type: ignore[attr-defined]  # A QueryDict.
        for name, value in values.items():
            key = self.add_prefix(name)
            if value is False:
                data.pop(key, None)
            elif isinstance(value, list):
                data.setlist(key, [str(each) for each in value])
            else:
                data[key] = "on" if value is True else "" if value is None else str(value)
        self.data = data

    def _meeting(self, who: str, theirs: Sequence[str]) -> str:
        noun = self._meta.model._meta.verbose_name
        labels = [str(self.fields[name].label or name.replace("_", " ")).lower() for name in theirs]
        return (
            f"Somebody else changed this {noun} meanwhile ({who}): {', '.join(labels)}. The form shows their values "
            "where you typed nothing, and yours elsewhere. Check it, then save again."
        )

    def assign(self) -> None:
        """Put what was typed into the instance, unjudged."""
        self.instance = construct_instance(self, self.instance, self._meta.fields, self._meta.exclude)

    def _post_clean(self) -> None:
        # In place of the model's own validation: the verb normalises first, and then validates the same.
        self.assign()
        # That the row has changed meanwhile, `clean` has seen by now, and said in more words.
        if self.refusal is None or isinstance(self.refusal, Outdated):
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


def _key(value: Any) -> Any:
    return value.pk if isinstance(value, Model) else value
