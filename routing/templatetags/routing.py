"""Filters for the admin's pages."""

from collections.abc import Iterable

from django import template
from django.contrib.messages import ERROR
from django.contrib.messages.storage.base import Message
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

register = template.Library()


@register.filter
def breakable(text: str) -> str:
    """A command or name in which a line may end behind each slash, rather than anywhere."""
    return format_html_join(mark_safe("/<wbr>"), "{}", ((part,) for part in str(text).split("/")))


@register.filter
def live_role(messages: Iterable[Message]) -> str:
    """How urgently a screen reader tells them (ARIA 1.2 §5.4): a failure at once, anything else in its turn."""
    return "alert" if any(message.level >= ERROR for message in messages) else "status"


@register.filter
def thousands(value: int | str) -> str:
    """A number that can be read, such as 10,000; a text as it is."""
    return f"{value:,}" if isinstance(value, int) else value
