"""The mails of the account pages: nobody waits for them, nothing fails with them, and nobody learns whom they reach."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from django.contrib.sites.shortcuts import get_current_site

from routing.accounts.mail import send_mail_later

logger = logging.getLogger(__name__)
# Of the places in the queue: whoever asks for many mails leaves the tenants theirs.
_SHARE = "accounts"
_UNKNOWN_ACCOUNT = "account/email/unknown_account"


class MailLater(DefaultAccountAdapter):  # type: ignore[misc]  # django-allauth has no types
    """How django-allauth's mails leave."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write the mail, and have it sent.

        For an address without an account the mail is written, too, and goes the same way to nobody: it would only reach
        strangers, but whoever asks is not to learn by the time it takes which addresses are known.
        """
        about = {"request": current.request, "email": email, "current_site": get_current_site(current.request)}
        message = self.render_mail(template_prefix, email, about | context)
        if template_prefix == _UNKNOWN_ACCOUNT:
            message.to = []
        try:
            send_mail_later(message, _SHARE)
        except OSError as error:
            logger.warning("a mail could not be sent: %s", type(error).__name__)
