"""What a hostname's page shows of its badges: each as it is now, and the Markdown to copy."""

import base64
from typing import NamedTuple

from django.conf import settings

from routing.accounts.links import https_origin
from routing.core.grammar.hosts import is_wildcard
from routing.dataplane.live.badges_file import badges_file
from routing.dataplane.request.badges import badge_response
from routing.dataplane.views.badges import NOTHING, badge_text
from routing.models import Hostname
from routing.services.hostnames.badges import badges_of

# More than that only the API and the command list.
_SHOWN = 30


class Preview(NamedTuple):
    """A badge: what it says, the picture as a `data:` URL, where the same is for shields, and a line of Markdown."""

    says: str
    picture: str
    json_url: str
    markdown: str


def previews_of(hostname: Hostname) -> list[Preview]:
    """Those that everybody can see, and say what they say in this process. None of a wildcard: a name is missing."""
    if is_wildcard(hostname.name):
        return []
    known = badges_file.of(hostname.name) or NOTHING
    previews = []
    for badge in badges_of(hostname)[:_SHOWN]:
        text = badge_text(known, badge, settings.FACADE_BADGE_LEAST_PULLS)
        svg = base64.b64encode(badge_response(text, as_json=False).body).decode()
        origin = https_origin(hostname.name)
        url, json_url = f"{origin}{badge.path}", f"{origin}{badge._replace(as_json=True).path}"
        about = f"{text.label} of {badge.repository}" if badge.repository else text.label
        says, picture = f"{text.label}: {text.message}", f"data:image/svg+xml;base64,{svg}"
        previews.append(Preview(says, picture, json_url, f"![{about}]({url})"))
    return previews
