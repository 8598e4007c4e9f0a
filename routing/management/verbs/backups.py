"""The verbs of a move: write a backup, restore it, and confirm that this facade is the one that serves."""

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from django.db import connection

from routing.database.migration_lock import migration_lock
from routing.database.sqlite_connection import allow_new_file
from routing.management.verbs.output import Output, moment
from routing.management.verbs.passphrases import add_passphrase, known_passphrase, new_passphrase
from routing.management.verbs.verb import Options, Verb
from routing.moving.backup import write_backup
from routing.moving.backup_file import InvalidBackup, read_header
from routing.moving.restore import Contents, check_target, examine, restore
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.errors import ServiceError
from routing.services.base.events import announce
from routing.services.base.restoration import confirm_restore, get_waiting_restore
from routing.table.sqlite_file import is_new


class Backup(Verb):
    """Of the whole database."""

    name = "backup"
    help = (
        "Write all rows and their history into one file, as they are at one moment. It works while everything runs, "
        "and can be restored into SQLite and PostgreSQL. Sessions are left out."
    )

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """Where to, and what goes along."""
        parser.add_argument("file", metavar="FILE", help="the file to write, which must not be there")
        parser.add_argument(
            "--encrypt", action="store_true", help="encrypt the file under a passphrase, and ask for it"
        )
        parser.add_argument(
            "--with-keys",
            action="store_true",
            help="take SECRET_KEY along, so that second factors are good under another key; takes a passphrase",
        )
        parser.add_argument(
            "--with-accounts",
            action="store_true",
            help="take the passwords of accounts at registries along, encrypted under SECRET_KEY as they are",
        )
        add_passphrase(parser)

    def run(self, options: Options, output: Output) -> None:
        """Write it."""
        path, with_keys = Path(options["file"]), options["with_keys"]
        passphrase = new_passphrase(options, output, needed=options["encrypt"] or with_keys)
        with _new_file(path) as file:
            header, rows = write_backup(
                file,
                passphrase=passphrase,
                with_keys=with_keys,
                with_accounts=options["with_accounts"],
                progress=partial(_tell_table, output),
            )
        total, size = sum(rows.values()), path.stat().st_size
        announce(Actor.command_line(), "backup.written", rows=total)
        output.line(f"Wrote {path}: {total:,} rows, {size:,} bytes, {_protection(header.is_encrypted, with_keys)}.")
        if not with_keys:
            output.line(f"It is good with SECRET_KEY {header.key_ids[0]}, which is not in it: keep that one, too.")
        output.facts(
            written=str(path),
            bytes=size,
            rows=rows,
            encrypted=header.is_encrypted,
            with_keys=with_keys,
            key_ids=header.key_ids,
        )


class Restore(Verb):
    """Into an empty database."""

    name = "restore"
    help = (
        "Put a backup into an empty database, which need not have tables yet. Everything in the file is looked at "
        "first; then either all rows are there, or none. Jobs, schedules and mails wait for “confirm-restore”."
    )
    changes = True
    takes_reason = False

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """From where."""
        parser.add_argument("file", metavar="FILE", help="what “backup” has written")
        parser.add_argument(
            "--allow-unreadable",
            action="store_true",
            help="also where no key opens some of the second factors or mails: they are good once their key is back",
        )
        add_passphrase(parser)

    def run(self, options: Options, output: Output) -> None:
        """Look at all of it, then restore it."""
        path = Path(options["file"])
        try:
            with path.open("rb") as file:
                header, _ = read_header(file)
                passphrase = known_passphrase(options, output) if header.is_encrypted else None
                contents = examine(file, passphrase)
                self._describe(contents, output)
                self._check_keys(contents, options["allow_unreadable"])
                if is_dry_run():
                    if not is_new():
                        check_target(contents)
                    output.done(f"restored {contents.rows.total():,} rows")
                    return
                if is_new():
                    allow_new_file()
                restore(
                    file,
                    passphrase,
                    contents,
                    lock=lambda: migration_lock(connection, output.aside),
                    progress=partial(_tell_rows, output),
                )
        except OSError as error:
            raise ServiceError(f"{path} can't be read: {error.strerror or error}") from error
        announce(Actor.command_line(), "backup.restored", rows=contents.rows.total())
        output.done(f"restored {contents.rows.total():,} rows")
        output.line("Jobs, schedules and mails wait until you say that this facade is the one that serves:")
        output.line("manage.py confirm_restore")

    @staticmethod
    def _describe(contents: Contents, output: Output) -> None:
        header = contents.header
        protection = _protection(header.is_encrypted, header.with_keys)
        at = moment(datetime.fromisoformat(header.made_at))
        output.line(f"A backup of {at}, of {header.database}, by release {header.release}, {protection}. It is whole.")
        output.facts(
            made_at=header.made_at,
            release=header.release,
            database=header.database,
            encrypted=header.is_encrypted,
            with_keys=header.with_keys,
            key_ids=header.key_ids,
            rows=dict(contents.rows),
            unreadable=dict(contents.unreadable),
        )

    @staticmethod
    def _check_keys(contents: Contents, allowed: bool) -> None:
        if not contents.unreadable or allowed:
            return
        told = ", ".join(f"{count:,} {place}" for place, count in contents.unreadable.items())
        raise InvalidBackup(
            f"no key opens {told} of this backup. Put the former server's SECRET_KEY (key "
            f"{contents.header.key_ids[0]}) into SECRET_KEY_FALLBACKS; or restore a backup that was made --with-keys; "
            "or restore without them, with --allow-unreadable"
        )


class ConfirmRestore(Verb):
    """The former server is gone, or this one is."""

    name = "confirm-restore"
    help = "Let jobs, schedules and mails go on after a restore, once the former server does nothing any more."
    changes = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        """What of the past is done."""
        parser.add_argument(
            "--discard",
            action="store_true",
            help="throw away the jobs and mails that came with the backup: the former server has done them",
        )

    def run(self, options: Options, output: Output) -> None:
        """Confirm it."""
        actor = Actor.command_line()
        waiting = get_waiting_restore(actor)
        confirmed = confirm_restore(actor, options["reason"], discard=options["discard"])
        if waiting is None or confirmed is None:
            output.unchanged("There is no restore to confirm.")
            return
        jobs = "1 job" if waiting.jobs == 1 else f"{waiting.jobs:,} jobs"
        mails = "1 mail" if waiting.mails == 1 else f"{waiting.mails:,} mails"
        what = "threw away" if options["discard"] else "went on with"
        output.done(
            f"confirmed the restore of {moment(confirmed.restoration.restored_at)}",
            f"{what} {jobs}, {mails} among them",
            jobs=waiting.jobs,
            mails=waiting.mails,
            discarded=confirmed.discarded,
        )


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that is there once it is whole, and never to be read by anybody else. Raises ServiceError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ServiceError(f"{path} can't be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        # A part of a backup looks like one.
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ServiceError(f"{path} can't be written, no backup was made: {error.strerror}") from error
        raise


def _protection(is_encrypted: bool, with_keys: bool) -> str:
    if not is_encrypted:
        return "not encrypted"
    return "encrypted, with keys" if with_keys else "encrypted, without keys"


def _tell_table(output: Output, table: str, seen: int, total: int) -> None:
    output.aside(f"{table}: {seen:,} of {total:,} rows")


def _tell_rows(output: Output, seen: int, total: int) -> None:
    output.aside(f"{seen:,} of {total:,} rows")
