"""Filters for the admin's pages."""

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

register = template.Library()


@register.filter
def breakable(text: str) -> str:
    """A command or name in which a line may end behind each slash, rather than anywhere."""
    return format_html_join(mark_safe("/<wbr>"), "{}", ((part,) for part in str(text).split("/")))
