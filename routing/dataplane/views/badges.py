"""What the badges that the table lets everybody see say, from the file beside the snapshot."""

from django.conf import settings

from routing.core.grammar.badges import Badge, BadgeKind, told_pulls
from routing.dataplane.live.badges_file import HostBadges, Numbers, badges_file
from routing.dataplane.request.badges import BadgeText, badge_response
from routing.dataplane.request.responses import Response

_UNKNOWN = "unknown"
#: Of a hostname of which nothing is known yet.
NOTHING = HostBadges()


def badge(hostname: str, asked: Badge, if_none_match: str) -> Response:
    """The answer to a badge that is there. `hostname` as the table has it."""
    text = badge_text(badges_file.of(hostname) or NOTHING, asked, settings.FACADE_BADGE_LEAST_PULLS)
    return badge_response(text, as_json=asked.as_json, if_none_match=if_none_match)


def badge_text(known: HostBadges, asked: Badge, least_pulls: int) -> BadgeText:
    """What a badge says of what is known. `least_pulls`: fewer are not told."""
    if asked.kind is BadgeKind.SELF_TEST:
        verdicts = {True: ("passing", "brightgreen"), False: ("failing", "red"), None: (_UNKNOWN, "lightgrey")}
        return BadgeText("self-test", *verdicts[known.passed])
    numbers = known.repositories.get(asked.repository)
    if asked.kind is BadgeKind.VERSION:
        version = numbers.version if numbers else ""
        return BadgeText("version", version or _UNKNOWN, "blue" if version else "lightgrey")
    if numbers is None:
        return BadgeText("pulls", _UNKNOWN, "lightgrey")
    return BadgeText("pulls", _pulls(asked, numbers, least_pulls), "blue")


def _pulls(asked: Badge, numbers: Numbers, least: int) -> str:
    if asked.kind is BadgeKind.PULLS_30_DAYS:
        return f"{told_pulls(numbers.pulls_30_days, least)} in 30 days"
    return told_pulls(numbers.pulls, least)
