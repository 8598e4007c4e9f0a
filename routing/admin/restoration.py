"""Banners on every page, for operators of the platform: after a restore, with the page that confirms it, and while the
workers hold an older table than the newest.
"""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from routing.admin.base import permissions
from routing.dataplane.live.hold import Hold
from routing.dataplane.live.live_table import live_table
from routing.models import Restoration
from routing.models.restoration import unconfirmed_restoration
from routing.services.base.errors import ServiceError
from routing.services.base.permissions import Permission
from routing.services.base.restoration import confirm_restore, get_waiting_restore


def restoration_to_confirm(request: HttpRequest) -> Restoration | None:
    """What the banner is about; None for whoever can't confirm it, and where there is nothing to confirm."""
    if not request.user.is_authenticated or not permissions.may(request, Permission.ADMINISTER, None):
        return None
    return unconfirmed_restoration()


def hold_to_tell(request: HttpRequest) -> Hold | None:
    """Why the workers hold an older table; None where they don't, and for whoever can do nothing about it."""
    if not request.user.is_authenticated or not permissions.may(request, Permission.ADMINISTER, None):
        return None
    return live_table.hold


def restoration_view(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """Tell what waits, and confirm."""
    if not permissions.may(request, Permission.ADMINISTER, None):
        raise PermissionDenied
    actor = permissions.actor(request)
    overview = HttpResponseRedirect(reverse(f"{site.name}:index"))
    if request.method == "POST":
        try:
            confirmed = confirm_restore(actor, discard="discard" in request.POST)
        except ServiceError as refusal:
            messages.error(request, refusal.message)
            return overview
        if confirmed is not None:
            messages.success(request, "The restore is confirmed: jobs, schedules and mails go on.")
        return overview
    waiting = get_waiting_restore(actor)
    if waiting is None:
        return overview
    # Without the banner, which leads here.
    context = {**site.each_context(request), "title": "Confirm the restore", "waiting": waiting, "restoration": None}
    return TemplateResponse(request, "admin/routing/restored.html", context)
