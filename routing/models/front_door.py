"""What a hostname's tenant wrote for people who open it in a browser."""

from django.db import models

from routing.core.grammar.badges import OF_REPOSITORIES, OF_SELF_TEST
from routing.core.grammar.front_door import (
    MAX_LINK_LENGTH,
    MAX_REPOSITORIES_LENGTH,
    MAX_TEXT_LENGTH,
    MAX_TITLE_LENGTH,
    FrontDoor,
    InvalidFrontDoor,
    parse_front_door,
)

#: The columns, by the parts of a `FrontDoor`.
FRONT_COLUMNS = ("front_title", "front_text", "front_link", "front_leads_on", "front_colour", "front_repositories")

BADGE_COLUMNS = ("badge_repositories", "badge_self_test")


class WithFrontDoor(models.Model):
    """A name that people open in a browser. What may stand here is in core/grammar/front_door.py."""

    # With the database's defaults too: the previous release goes on adding rows while this one is rolled out.
    front_title = models.CharField(
        "title",
        max_length=MAX_TITLE_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="The heading of the page that browsers show. Empty: the tenant's name.",
    )
    front_text = models.TextField(
        "text",
        max_length=MAX_TEXT_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="Plain text below the title. An empty line begins a paragraph.",
    )
    front_link = models.CharField(
        "link",
        max_length=MAX_LINK_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="Your own site, such as https://acme.com/docs.",
    )
    front_leads_on = models.BooleanField(
        "send visitors on",
        default=False,
        db_default=False,
        help_text="Send visitors to the link at once, and from a listed repository to its own, instead of showing a "
        "page.",
    )
    front_colour = models.CharField(
        "colour",
        max_length=7,
        blank=True,
        default="",
        db_default="",
        help_text="Of the bar at the top, as #rrggbb. Its text is black or white, whichever reads better.",
    )
    front_repositories = models.TextField(
        "listed repositories",
        max_length=MAX_REPOSITORIES_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="Those that everybody may know of, one a line, such as: acme/app https://acme.com/app The app "
        "itself. Link and words may be left out.",
    )

    badge_repositories = models.BooleanField(
        "badges of listed repositories",
        default=False,
        db_default=False,
        help_text="Tell everybody how often each listed repository is pulled, and its newest version, as badges.",
    )
    badge_self_test = models.BooleanField(
        "badge of the self-test",
        default=False,
        db_default=False,
        help_text="Tell everybody whether the last self-test passed, as a badge.",
    )

    class Meta:
        abstract = True

    @property
    def badges(self) -> str:
        """Which badges everybody may see, as the routing table says it."""
        return OF_REPOSITORIES * self.badge_repositories + OF_SELF_TEST * self.badge_self_test

    @property
    def front_door(self) -> FrontDoor:
        """What people find; nothing where the row holds what no verb would have written."""
        parts = [getattr(self, column) for column in FRONT_COLUMNS]
        if not any(parts):
            return FrontDoor()
        try:
            return parse_front_door(*parts)
        except InvalidFrontDoor:
            return FrontDoor()
