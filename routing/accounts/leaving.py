"""The page on which a person leaves: what is known of them, as a document, and the removal of their account."""

from http import HTTPStatus

from allauth.account.decorators import reauthentication_required
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from routing.accounts.downloads import download
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.leaving.exports import export_person
from routing.services.leaving.person_removal import get_person_removal, remove_person


@never_cache
@login_required
@require_safe
@reauthentication_required  # type: ignore[untyped-decorator]  # django-allauth has no types
def export(request: HttpRequest) -> HttpResponseBase:
    """What the facade knows of whoever asks."""
    user = request.user
    return download(request, export_person(Actor.person(user), user_id=user.pk or 0), "my-data.json")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator]  # django-allauth has no types
def leave(request: HttpRequest) -> HttpResponse:
    """What goes and what stays, in numbers; then remove the account, once its user name was typed."""
    user = request.user
    actor, user_id, name = Actor.person(user), user.pk or 0, user.get_username()
    refused = ""
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() != name:
            refused = "Type your user name to confirm that your account goes."
        else:
            try:
                remove_person(actor, "left by themselves", user_id=user_id, erase="erase" in request.POST)
            except ServiceError as refusal:
                refused = refusal.message[:1].upper() + refusal.message[1:] + "."
            else:
                logout(request)
                return render(request, "routing/accounts/left.html")
    context = {"removal": get_person_removal(actor, user_id=user_id), "refused": refused}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "routing/accounts/leave.html", context, status=status)
