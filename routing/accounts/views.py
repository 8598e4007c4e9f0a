"""The pages of this project's own beside django-allauth's."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from allauth.account import views as account_views
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from routing.accounts.addresses import refuse_unproved_primary
from routing.accounts.mail import sends_mail

View = Callable[..., HttpResponseBase]


@require_safe
def abuse(request: HttpRequest) -> HttpResponse:
    """Where to report abuse: for everybody, without signing in."""
    contact = settings.FACADE_ABUSE_CONTACT
    link = f"mailto:{contact}" if "@" in contact and "://" not in contact else contact
    return render(request, "routing/accounts/abuse.html", {"contact": contact, "link": link})


def email(request: HttpRequest) -> HttpResponseBase:
    """The page of a person's e-mail addresses."""
    if request.user.is_authenticated and (refused := refuse_unproved_primary(request)) is not None:
        return refused
    page: HttpResponseBase = account_views.email(request)
    return page


def needs_mail(view: View) -> View:
    """A page that is of no use without mail says so instead of promising some."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not sends_mail():
            return render(request, "routing/accounts/no_mail.html", status=HTTPStatus.NOT_FOUND)
        return view(request, *args, **kwargs)

    return guarded
