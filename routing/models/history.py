"""Who did what, when and why: every routing table keeps all its past rows.

django-simple-history writes the row; this adds the actor's name, since commands and automata have no user row, and
a user row may be gone when somebody asks.
"""

from typing import Any

from django.db import models
from django.dispatch import receiver
from simple_history.models import HistoricalRecords
from simple_history.signals import post_create_historical_record, pre_create_historical_record

from routing.request_id import MAX_REQUEST_ID_LENGTH, current_request_id


class Recorded(models.Model):
    """What each past row holds besides simple-history's own columns."""

    actor = models.CharField(max_length=200, blank=True, default="", editable=False)
    # With the database's default too: the previous release goes on writing while this one is rolled out.
    request_id = models.CharField(
        max_length=MAX_REQUEST_ID_LENGTH, blank=True, default="", db_default="", editable=False
    )

    #: Whose it was, by which it is bounded; no foreign key, for the tenant may be gone.
    of_tenant = models.BigIntegerField(null=True, blank=True, editable=False, db_index=True)

    #: The change set by which it was done, where it was one; no foreign key, for those don't stay for ever.
    change_set = models.BigIntegerField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True


def records(*without: str) -> Any:
    """The history of one model; `without` are columns of which no past is kept, such as secrets."""
    # 64 bits: each bulk change of a hundred thousand rows takes as many numbers.
    number = models.BigAutoField(primary_key=True)
    return HistoricalRecords(bases=[Recorded], history_id_field=number, excluded_fields=list(without))


def sign(
    instance: Any,
    actor: str,
    user: Any = None,
    reason: str = "",
    change_set: int | None = None,
    written: list[Any] | None = None,
) -> None:
    """Say who is about to save or delete it, why and by which change set: what the history is going to hold.

    The entry that this makes is added to `written`.
    """
    instance._actor, instance._history_user, instance._change_reason = actor, user, reason
    instance._change_set, instance._written = change_set, written


@receiver(pre_create_historical_record)
def _attribute(sender: Any, **kwargs: Any) -> None:
    past = kwargs["history_instance"]
    past.actor = getattr(kwargs["instance"], "_actor", "")
    past.request_id = current_request_id()
    past.of_tenant = kwargs["instance"].owning_tenant_id
    past.change_set = getattr(kwargs["instance"], "_change_set", None)


@receiver(post_create_historical_record)
def _hand_on(sender: Any, **kwargs: Any) -> None:
    written = getattr(kwargs["instance"], "_written", None)
    if written is not None:
        written.append(kwargs["history_instance"])
