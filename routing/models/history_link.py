"""HistoryLink: the chain in which the entries of all histories stand, each bound to the one before it by a hash.

What names people, and what they typed, is in it by a salted hash alone. Where a name is erased the salt goes, and that
hash stays: the chain still holds, and nobody can try names against it. A pseudonym stands in the entry from then on.
"""

import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import Any

from django.db import models

#: What stands for a person whose name was erased, with their account's number behind it.
PSEUDONYM = "removed person"
#: Of an entry, what an erasure may take a name out of.
WORDS = ("actor", "history_change_reason", "suspension_message")
_NOT_CONTENT = frozenset({"history_id", "history_user", *WORDS})


class HistoryNoun(models.TextChoices):
    """What has a history: the models' names."""

    MAPPING = "mapping", "mapping"
    HOSTNAME = "hostname", "hostname"
    REGISTRY = "registry", "registry"
    TENANT = "tenant", "tenant"
    MEMBER = "membership", "member"


class HistoryLink(models.Model):
    """The place of one entry, which is `history_id` among those of its noun.

    `entry` is null once the entry was thrown away, for its tenant had too many; of several such places in a row the
    last one stays. Whoever changes an entry has to write every link from there on anew.
    """

    Noun = HistoryNoun

    place = models.BigIntegerField(primary_key=True)
    noun = models.CharField(max_length=10, choices=Noun.choices)
    entry = models.BigIntegerField(null=True, blank=True)
    # "" once a name was erased; from then on `words` is what it came to.
    salt = models.CharField(max_length=32, blank=True)
    words = models.CharField(max_length=64, blank=True, default="")
    #: Whether the entry was there without a place, and got this one later: no verb of this release wrote it.
    late = models.BooleanField(default=False)
    link = models.CharField(max_length=64)

    class Meta:
        verbose_name = "link of the history"
        verbose_name_plural = "links of the history"
        ordering = ["place"]
        constraints = [models.UniqueConstraint(fields=["noun", "entry"], name="history_link_of_entry")]

    def __str__(self) -> str:
        return f"{self.place}:{self.link[:12]}"


def link_facts(place: int, previous: str, noun: str, past: Any, late: bool = False) -> dict[str, Any]:
    """The columns of the link of an entry, which stands behind the one whose link was `previous`."""
    salt = secrets.token_hex(16)
    link = link_of(place, previous, noun, past, words_of(past, salt), late)
    return {"place": place, "noun": noun, "entry": past.history_id, "salt": salt, "late": late, "link": link}


def link_of(place: int, previous: str, noun: str, past: Any, words: str, late: bool) -> str:
    """What binds an entry to all before it."""
    return _hash([place, previous, noun, past.history_id, _content_of(past), words, late])


def words_of(past: Any, salt: str) -> str:
    """What stands in the chain for names, and for what was typed."""
    return _hash([salt, *(getattr(past, name, None) or "" for name in WORDS)])


def _content_of(past: Any) -> dict[str, Any]:
    """All else that an entry says, without what is as it is by default.

    So a column that a later release adds changes no hash. A release that takes one away, or changes what it is by
    default, writes the chain anew.
    """
    content = {}
    for field in past._meta.concrete_fields:
        value = getattr(past, field.attname)
        # As the database gives it back.
        value = None if value is None else field.to_python(value)
        if field.name not in _NOT_CONTENT and value != _by_default(field):
            content[field.attname] = value
    return content


def _by_default(field: Any) -> Any:
    return field.default if field.has_default() and not callable(field.default) else None


def _hash(facts: Any) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
