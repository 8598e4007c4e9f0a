"""The page that verifies the chain of the history, in parts, for operators of the platform."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse

from routing.admin.base import permissions
from routing.services.base.errors import ServiceError
from routing.services.base.history_check import check_history
from routing.services.base.permissions import Permission

# About a second's work.
_VERIFIED = 5_000
_SHOWN = 100
_MAX_LENGTH = 100


def history_chain_view(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """The page."""
    if not permissions.may(request, Permission.ADMINISTER, None):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    head = request.GET.get("head", "").strip()[:_MAX_LENGTH]
    context = {**site.each_context(request), "title": "Verify the history", "head": head}
    try:
        check = check_history(
            permissions.actor(request), after=_place(request.GET.get("after", "")), most=_VERIFIED, head=head or None
        )
        context |= {"check": check, "findings": check.findings[:_SHOWN], "more": len(check.findings) - _SHOWN}
    except ServiceError as refusal:
        context |= {"refusal": refusal.message}
    return TemplateResponse(request, "admin/routing/history_chain.html", context)


def _place(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
