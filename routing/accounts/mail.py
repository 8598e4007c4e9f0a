"""Whether this facade sends mail, and how."""

from typing import Any

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from routing.jobs.connections import give_back_connection

_DUMMY = "django.core.mail.backends.dummy.EmailBackend"


def sends_mail() -> bool:
    """Whether EMAIL_URL says how. Without it links that let somebody in are shown once to whoever asked for them."""
    return bool(settings.EMAIL_BACKEND != _DUMMY)


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
