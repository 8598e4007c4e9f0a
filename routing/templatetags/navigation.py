"""The navigation, for pages that the admin makes and for those that it does not."""

from typing import Any

from django import template
from django.contrib import admin

from routing.admin.navigation import Group, navigation_of

register = template.Library()


@register.simple_tag(takes_context=True)
def navigation(context: Any) -> list[Group]:
    """What the asker may open; nothing on pages that are made without a request, or without looking at who asks."""
    request = context.get("request")
    return navigation_of(admin.site, request, context.get("available_apps")) if hasattr(request, "user") else []
