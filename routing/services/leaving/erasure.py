"""Takes a person's name and addresses out of what stays: histories, reasons, and the log of accounts.

In their place stands a pseudonym that is always the same for the same account, so that a history can still be read. It
holds a space, which no user name does, so that nobody is ever called like that.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import CharField, Model, Q, QuerySet, TextField

from routing.models import ApiToken, ChangeSet, Invitation, Note
from routing.models.history_link import PSEUDONYM, WORDS
from routing.services.base.history_bound import past_models
from routing.services.base.history_chain import let_go_of_words
from routing.services.leaving.documents import rows_of
from routing.services.leaving.person_rows import addresses_of

#: What goes, or is erased, of rows that are in force.
_ERASED: dict[type[Model], tuple[str, ...]] = {
    Invitation: ("invited_by", "email"),
    ChangeSet: ("drafted_by", "approved_by", "scheduled_by", "applied_by"),
    Note: ("written_by",),
}
# In pieces, so that no writer waits for long.
_PIECE = 5_000


def pseudonym_of(user: Any) -> str:
    """What stands for the person from now on."""
    return f"{PSEUDONYM} {user.pk}"


class Erasure:
    """One person's names, and the places where they stand."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.pseudonym = pseudonym_of(user)
        self.addresses = addresses_of(user)
        full_name = user.get_full_name()
        self.names = [user.get_username(), *([full_name] if " " in full_name else []), *self.addresses]
        longest_first = sorted(self.names, key=len, reverse=True)
        # A name is one where it stands by itself: “bob” is no part of “bobby”, nor of “docker.bob.com”.
        self._pattern = re.compile(
            rf"(?<![\w.@+-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w@+-]|\.\w)", re.IGNORECASE
        )

    def text(self, text: str) -> str:
        """The text, with the pseudonym for each of the names."""
        return self._pattern.sub(lambda _: self.pseudonym, text)

    def erase(self, since: dict[Any, int] | None = None) -> dict[Any, int]:
        """Erase. Gives, for each history, how far that went; `since` goes on from there."""
        reached = {}
        for past in past_models():
            begin = (since or {}).get(past, 0)
            newest = past.objects.order_by("-history_id").values_list("history_id", flat=True).first() or 0
            rows = past.objects.filter(history_id__gt=begin, history_id__lte=newest)
            _update(rows.filter(history_user=self.user).exclude(actor=self.pseudonym), actor=self.pseudonym)
            for name in WORDS:
                if any(field.name == name for field in past._meta.concrete_fields):
                    self._erase_texts(rows, name)
            reached[past] = newest
        return reached

    def erase_log(self) -> None:
        """Erase from the log of accounts, from invitations, change sets and notes."""
        accounts = ContentType.objects.get_for_model(type(self.user))
        about = LogEntry.objects.filter(content_type=accounts, object_id=str(self.user.pk))
        _update(about.exclude(object_repr=self.pseudonym), object_repr=self.pseudonym)
        self._erase_texts(LogEntry.objects.all(), "object_repr")
        self._erase_texts(LogEntry.objects.all(), "change_message")
        self._erase_texts(Invitation.objects.all(), "invited_by")
        for column in _ERASED[ChangeSet]:
            self._erase_texts(ChangeSet.objects.all(), column)
        self._erase_texts(Note.objects.all(), "written_by")

    def invitations(self) -> "QuerySet[Invitation]":
        """Those that were sent to the person."""
        wanted = Q(pk=None)
        for address in self.addresses:
            wanted |= Q(email__iexact=address)
        return Invitation.objects.filter(wanted)

    def mentions(self) -> Iterator[str]:
        """Where the names are left, in rows that are in force or say what something was: for people to look at."""
        past = past_models()
        for model in apps.get_app_config("routing").get_models():
            erased = WORDS if model in past else _ERASED.get(model, ())
            for field in [name for name in _text_columns(model) if name not in erased]:
                rows = model._default_manager.filter(self._holds(field))
                if model is ApiToken:
                    rows = rows.exclude(user=self.user)
                found = sum(1 for row in rows_of(rows, field) if self._pattern.search(row[field]))
                if found:
                    yield f"{model._meta.verbose_name}, {field.replace('_', ' ')}: {found}"

    def _erase_texts(self, rows: "QuerySet[Any]", column: str) -> None:
        """Each text that holds a name, in all rows that have it."""
        texts = list(rows.filter(self._holds(column)).order_by().values_list(column, flat=True).distinct())
        for text in texts:
            if (without := self.text(text)) != text:
                _update(rows.filter(**{column: text}), **{column: without})

    def _holds(self, column: str) -> Q:
        either = Q(pk=None)
        for name in self.names:
            either |= Q(**{f"{column}__icontains": name})
        return either


def _update(rows: "QuerySet[Any]", **values: str) -> None:
    # What was updated isn't found any more.
    while pks := list(rows.order_by().values_list("pk", flat=True)[:_PIECE]):
        with transaction.atomic():
            if hasattr(rows.model, "instance_type"):
                let_go_of_words(rows.model, pks)
            rows.model._default_manager.filter(pk__in=pks).update(**values)


def _text_columns(model: type[Model]) -> Sequence[str]:
    fields = model._meta.concrete_fields
    return sorted(field.name for field in fields if isinstance(field, CharField | TextField) and not field.choices)
