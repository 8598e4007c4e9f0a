"""What a form of mappings takes only in so many words, and what is wrong with the rest: all of it at once.

A typing error is not to become a hostname, nor all of somebody else's registry an address of ours.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.db.models import Q

from routing.admin.base import permissions
from routing.models import Hostname, Registry
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.hostnames.names import parse_hostname
from routing.services.hostnames.near import did_you_mean, near_hostnames
from routing.services.mappings.mappings import parse_prefix
from routing.services.registries.targets import Target, check_origin, find_registry, parse_target, shared_at

_Parsed = TypeVar("_Parsed")

#: Ticks that are asked for only where they are needed, each with the field that it stands behind.
TICKS = {"create_hostname": "hostname", "whole_registry": "target", "skip_verification": "target"}


def create_hostname_tick() -> forms.BooleanField:
    """The tick by which a hostname is made that isn't there."""
    return forms.BooleanField(required=False, label="Add this hostname")


def whole_registry_tick() -> forms.BooleanField:
    """The tick by which all of a shared registry is mapped."""
    return forms.BooleanField(required=False, label="Map the whole registry")


def skip_verification_tick() -> forms.BooleanField:
    """The tick by which a mapping is repointed although something differs."""
    return forms.BooleanField(required=False, label="Repoint all the same")


class Wishes:
    """Looks at what was typed into one form, and gives each field its messages."""

    def __init__(self, form: Any) -> None:
        self._form, self._typed = form, form.cleaned_data
        self._actor = permissions.actor(form.request)

    def hostname(self) -> Hostname | None:
        """The hostname that was typed, where it is there; who may add one is asked whether they want that."""
        name = self._readable("hostname", parse_hostname)
        if name is None:
            return None
        there = permissions.viewable(self._form.request, Hostname.objects.select_related("tenant"))
        found = there.filter(name=name).first()
        if found is not None:
            return found
        meant = did_you_mean(near_hostnames(self._actor, name)).removeprefix(". ")
        if not permissions.may(self._form.request, Permission.ADMINISTER, None):
            said = "This is not a hostname of yours: claim and verify it first."
            self._form.add_error("hostname", f"{said} {meant}".strip())
        elif not self._typed.get("create_hostname"):
            said = f"{name} is not there yet. {meant}".strip()
            self._form.add_error("hostname", f"{said} To add it, tick “Add this hostname”.")
        return None

    def prefix(self) -> str | None:
        """The prefix that was typed; None for what is none."""
        return self._readable("prefix", parse_prefix)

    def target(self) -> Target | None:
        """The target that was typed; None for what is none, and for a registry that can't be had."""
        wanted = self._readable("target", parse_target)
        if wanted is None:
            return None
        known = permissions.viewable(self._form.request, Registry.objects.all())
        if not known.filter(Q(origin=wanted.origin) | Q(alias=wanted.authority)).exists():
            try:
                check_origin(wanted.origin)
            except ServiceError as refusal:
                self._form.add_error("target", refusal.message)
                return None
        self._check_whole(wanted)
        return wanted

    def _check_whole(self, wanted: Target) -> None:
        shared = None if wanted.upstream_prefix else find_registry(None, wanted) or shared_at(wanted.origin)
        may = permissions.may(self._form.request, Permission.ADMINISTER, None)
        if shared is None or not may or self._typed.get("whole_registry"):
            return
        self._form.add_error(
            "target",
            f"Without a path this is all of {shared.name}, whoever published it. Add your part of it, such as "
            f"{wanted.authority}/your-organisation, or tick “Map the whole registry”.",
        )

    def _readable(self, field: str, parse: Callable[[str], _Parsed]) -> _Parsed | None:
        if field not in self._typed:
            # Nothing was typed, which the form has said.
            return None
        try:
            return parse(self._typed[field])
        except ServiceError as refusal:
            self._form.add_error(field, refusal.message)
            return None


def ticks_of(form: Any) -> list[str]:
    """The ticks that a form that came back shows: those that its messages ask for, and those that were set."""
    if not form.is_bound:
        return []
    asked = {
        "create_hostname": "“Add this hostname”",
        "whole_registry": "“Map the whole registry”",
        "skip_verification": "“Repoint all the same”",
    }
    return [
        name
        for name, field in TICKS.items()
        if name in form.fields
        and (form.cleaned_data.get(name) or any(asked[name] in str(error) for error in form.errors.get(field, [])))
    ]
