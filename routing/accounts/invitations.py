"""Invitations: the link, its page, and the mail that carries it.

The link's secret is in the address of one request only: it moves into the session at once, so that no address of the
pages after it holds it.
"""

from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from routing.accounts.addresses import prove_own
from routing.accounts.links import link_to
from routing.accounts.mail import send_mail_later, sends_mail
from routing.models import Invitation, Membership
from routing.services.base.errors import NotFound
from routing.services.people.members import Invited, accept, invitation_of, note_mailed

_SESSION_KEY = "invitation"


def deliver_invitation(invited: Invited) -> str | None:
    """Mail the link to whom it is for, soon. Without EMAIL_URL gives it back instead, to be shown to the inviter, once.

    Raises OSError (smtplib's errors are some) where mail stays on this machine and can't be written.
    """
    url = link_to(reverse("invitation_link", args=[invited.token]))
    if not sends_mail():
        return url
    context = {"invitation": invited.invitation, "url": url}
    subject = f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}Invitation to {invited.invitation.tenant}"
    body = render_to_string("routing/accounts/invitation_mail.txt", context)
    # Before it is sent: whoever opens the link has read what was mailed there.
    note_mailed(invited.invitation)
    message = EmailMessage(" ".join(subject.split()), body, to=[invited.invitation.email])
    send_mail_later(message, str(invited.invitation.tenant_id))
    return None


def pending_invitation(request: HttpRequest) -> Invitation | None:
    """The invitation whose link this browser has opened, while it is good."""
    token = request.session.get(_SESSION_KEY)
    try:
        return invitation_of(token) if token else None
    except NotFound:
        return None


def accept_pending(request: HttpRequest, user: object, *, has_addresses: bool = True) -> Membership:
    """Make the user a member by the invitation this browser opened. Raises NotFound: it is good no more.

    `has_addresses`: the account was there before, and has e-mail addresses, of which a mailed invitation proves one.
    """
    token = request.session.get(_SESSION_KEY)
    if not token:
        raise NotFound("there is no invitation to accept")
    invitation = invitation_of(token)
    membership = accept(user, token)
    del request.session[_SESSION_KEY]
    if has_addresses and invitation.mailed_at is not None:
        prove_own(request, user, invitation.email)
    return membership


def invitation_lost(request: HttpRequest) -> HttpResponse:
    """What a link gets that is used up, too old, withdrawn or forged: one answer for all four."""
    request.session.pop(_SESSION_KEY, None)
    return render(request, "routing/accounts/invitation_lost.html", status=HTTPStatus.NOT_FOUND)


@never_cache
@require_safe
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Take the secret out of the address."""
    try:
        invitation_of(token)
    except NotFound:
        return invitation_lost(request)
    request.session[_SESSION_KEY] = token
    return HttpResponseRedirect(reverse("invitation"))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """Say to what the person is invited, and let them accept: as who they are, by signing in, or by a new account."""
    found = pending_invitation(request)
    if found is None:
        return invitation_lost(request)
    if request.method == "POST" and request.user.is_authenticated:
        try:
            membership = accept_pending(request, request.user)
        except NotFound:
            return invitation_lost(request)
        messages.success(request, f"You are now {membership.get_role_display().partition(':')[0]} of {found.tenant}.")
        return HttpResponseRedirect(reverse("admin:index"))
    return render(request, "routing/accounts/invitation.html", {"invitation": found, "here": reverse("invitation")})
