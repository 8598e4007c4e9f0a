"""Small marks on pages: a badge, and how long ago something was."""

from datetime import datetime

from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince


def badge(kind: str, text: str, detail: str = "") -> str:
    """A state as a coloured word; `kind` is on, off or blocked, and the mouse shows the detail."""
    return format_html('<span class="badge {}" title="{}">{}</span>', kind, detail, text)


def told(moment: datetime) -> str:
    """A time, in the zone of whoever looks."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M %Z}"


def ago(moment: datetime) -> str:
    """How long ago it was, in words."""
    if (timezone.now() - moment).total_seconds() < 60:
        return "just now"
    return f"{timesince(moment, depth=1)} ago"
