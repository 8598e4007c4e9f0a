"""Mail to a tenant's owners about what happens to their hostnames.

Mail is a courtesy: where none can be sent, that is logged, and nothing else fails.
"""

import logging
from smtplib import SMTPException

from django.core.mail import send_mail
from django.db import transaction

from routing.models import Membership, Role, Tenant

logger = logging.getLogger(__name__)


def tell_owners(tenant: Tenant, subject: str, text: str) -> None:
    """Mail each owner who has an address, once the present transaction is through."""
    owners = Membership.objects.filter(tenant=tenant, role=Role.OWNER, user__is_active=True)
    addresses = sorted(set(owners.exclude(user__email="").values_list("user__email", flat=True)))
    transaction.on_commit(lambda: _send(addresses, subject, text))


def _send(addresses: list[str], subject: str, text: str) -> None:
    for address in addresses:
        try:
            send_mail(subject, text, None, [address])
        except (SMTPException, OSError) as error:
            logger.warning("“%s” could not be mailed: %s", subject, type(error).__name__)
