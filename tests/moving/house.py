"""A facade with something of everything, which moves: backed up, wiped, restored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import connection

from routing.accounts.mail import LETTER
from routing.crypto import LETTERS, keys_for
from routing.jobs.queue import enqueue
from routing.models import Change, Generation, Restoration
from routing.moving.backup_file import Frame, frames
from routing.moving.schema import applied, last_of, schema_at
from routing.services.base.actor import Actor
from routing.services.mappings.mappings import add_mapping, remove_mapping, repoint
from tests.accounts.signing_in import with_password
from tests.commands.facade import Done, facade
from tests.conftest import Person

SET_UP = Actor.program("test set-up")
PASSPHRASE = "correct horse battery staple"


@dataclass(frozen=True)
class House:
    """What somebody knows of it who lives there."""

    owner: Person
    totp_secret: str
    codes: list[str]
    removed_mapping: int


def furnish(owner: Person) -> House:
    """Mappings with a past, one that is gone, second factors, and a mail that waits."""
    hostname = owner.hostname.name
    add_mapping(SET_UP, "moved in", hostname=hostname, prefix="acme", target="ghcr.io/acme")
    repoint(SET_UP, "cheaper", hostname=hostname, prefix="acme", target="quay.io/acme")
    gone = add_mapping(SET_UP, "", hostname=hostname, prefix="gone", target="ghcr.io/gone").mapping
    house = House(owner, generate_totp_secret(), [], gone.pk)
    remove_mapping(SET_UP, "no more", hostname=hostname, prefix="gone")
    with_password(owner.user)
    TOTP.activate(owner.user, house.totp_secret)
    house.codes.extend(RecoveryCodes.activate(owner.user).get_unused_codes())
    letter = '{"to": ["alice@example.com"], "subject": "s", "body": "b", "from_email": "f@x", "alternatives": []}'
    enqueue(LETTER, "a mail", "", {"sealed": keys_for(LETTERS).encrypt(letter.encode()).decode()})
    return house


def back_up(path: Path, *options: str) -> Done:
    """`facade backup`, which has to work."""
    done = facade("backup", str(path), *options, "--json")
    assert done.status == 0, done.err
    return done


def wipe() -> None:
    """Nothing is left but what the migrations of a new database write."""
    schema = schema_at(tuple(last_of(applied()).items()))
    with connection.cursor() as cursor:
        for table in schema.models:
            cursor.execute(f'DELETE FROM "{table}"')
    Change.objects.all().delete()
    Restoration.objects.all().delete()
    Generation.objects.update(value=0)


def rows_of(path: Path, passphrase: str | None = None) -> dict[str, list[Any]]:
    """By table, the rows that a backup holds, each by the names of its columns."""
    found: dict[str, list[Any]] = {}
    with path.open("rb") as file:
        for frame in frames(file, passphrase):
            if "table" in frame:
                found.setdefault(frame["table"], []).extend(
                    dict(zip(frame["columns"], row, strict=True)) for row in frame["rows"]
                )
    return found


def end_of(path: Path, passphrase: str | None = None) -> Frame:
    """What its last frame says."""
    with path.open("rb") as file:
        *_, last = frames(file, passphrase)
    end: Frame = last["end"]
    return end
