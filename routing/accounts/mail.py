"""Whether this facade sends mail, and how: by jobs, so that nobody waits for a mail server or fails with it."""

import json
import uuid
from collections.abc import Callable
from smtplib import SMTPException, SMTPRecipientsRefused
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from routing.crypto import LETTERS, keys_for
from routing.database.connections import give_back_connection
from routing.jobs.kinds import MAIL, Kind, TryLater
from routing.jobs.queue import enqueue
from routing.models import Job

_DUMMY = "django.core.mail.backends.dummy.EmailBackend"
# These reach no other machine: memory, files, the log.
_LOCAL = frozenset(f"django.core.mail.backends.{name}.EmailBackend" for name in ("locmem", "console", "filebased"))


def sends_mail() -> bool:
    """Whether EMAIL_URL says how. Without it links that let somebody in are shown once to whoever asked for them."""
    return bool(settings.EMAIL_BACKEND != _DUMMY)


def send_mail_later(message: EmailMessage, share: str = "") -> None:
    """Have a mail sent soon after the present transaction; `share`: the tenant whose place it takes (`jobs.queue`).

    One without a recipient takes the same way to nowhere. Raises OSError (smtplib's errors are some) only where mail
    stays on this machine.
    """
    if settings.EMAIL_BACKEND in _LOCAL or not sends_mail():
        message.send()
        return
    letter = {
        "subject": message.subject,
        "body": message.body,
        "from_email": message.from_email,
        "to": message.to,
        "alternatives": [[text, kind] for text, kind in getattr(message, "alternatives", [])],
    }
    # It may hold a link that lets somebody in, and the database is backed up.
    sealed = keys_for(LETTERS).encrypt(json.dumps(letter).encode()).decode()
    enqueue(LETTER, uuid.uuid4().hex, share, {"sealed": sealed})


def _begin(job: Job) -> Callable[[], None] | None:
    letter = json.loads(keys_for(LETTERS).decrypt(job.arguments["sealed"].encode()))
    if not letter["to"]:
        return None
    return lambda: _send(EmailMultiAlternatives(**{**letter, "alternatives": [*map(tuple, letter["alternatives"])]}))


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except SMTPRecipientsRefused:
        # For good: the address is none. It stands in no log.
        return
    except (SMTPException, OSError) as error:
        raise TryLater(f"a mail was not taken by the mail server: {type(error).__name__}") from error


# A mail server answers each of its steps within EMAIL_TIMEOUT, and there are some ten of them.
LETTER = Kind("letter", MAIL, lambda: 10.0 * settings.EMAIL_TIMEOUT, _begin, lambda job, found: None, attempts=6)


class SmtpBackend(EmailBackend):
    """Django's, which keeps no connection to the database while it waits for the mail server."""

    def open(self) -> bool | None:
        """Connect."""
        give_back_connection()
        return super().open()

    def send_messages(self, email_messages: Any) -> int:
        """Send."""
        give_back_connection()
        return super().send_messages(email_messages)
