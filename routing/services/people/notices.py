"""Mail to a tenant's owners about what happens to their hostnames, and to people about what they decided.

Mail is a courtesy: it is sent by a job, so that nobody waits for a mail server, and where none takes it nothing else
fails.
"""

import uuid
from collections.abc import Callable, Iterable
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail

from routing.jobs.kinds import MAIL, Kind, TryLater
from routing.jobs.queue import enqueue
from routing.models import Job, Membership, Role, Tenant


def tell_owners(tenant: Tenant, subject: str, text: str) -> None:
    """Mail each owner who has an address, soon after the present transaction."""
    owners = Membership.objects.filter(tenant=tenant, role=Role.OWNER, user__is_active=True)
    tell_addresses(owners.values_list("user__email", flat=True), str(tenant.pk), subject, text)


def tell_addresses(addresses: Iterable[str], share: str, subject: str, text: str) -> None:
    """Mail each of these addresses once, soon after the present transaction. `share`: as in `jobs.queue`."""
    for address in sorted(set(addresses) - {""}):
        enqueue(NOTICE, uuid.uuid4().hex, share, {"to": address, "subject": subject, "text": text})


def _begin(job: Job) -> Callable[[], None]:
    letter = job.arguments
    return lambda: _send(letter["to"], letter["subject"], letter["text"])


def _send(address: str, subject: str, text: str) -> None:
    try:
        send_mail(subject, text, None, [address])
    except (SMTPException, OSError) as error:
        raise TryLater(f"“{subject}” could not be mailed: {type(error).__name__}") from error


# A mail server answers each of its steps within EMAIL_TIMEOUT, and there are some ten of them.
NOTICE = Kind("notice", MAIL, lambda: 10.0 * settings.EMAIL_TIMEOUT, _begin, lambda job, found: None, attempts=6)
