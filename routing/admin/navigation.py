"""The one navigation: which pages there are for whoever looks, in groups, and which of them is open."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# By the names of their models, or of their pages; in the order in which they are needed.
_GROUPS: dict[str, tuple[str, ...]] = {
    "": ("overview", "mapping", "changeset", "calendar", "pulls", "history"),
    "Addresses": ("hostname", "hostnameclaim", "registry"),
    "People": ("tenant", "membership", "invitation", "user", "subscription"),
}
_KEPT = "_navigation"


class Item(NamedTuple):
    """A page, and whether it or one below it is open."""

    words: str
    url: str
    is_current: bool


class Group(NamedTuple):
    """Pages about the same. The first group has no words."""

    words: str
    items: list[Item]


def navigation_of(site: admin.AdminSite, request: HttpRequest, apps: Sequence[Any] | None) -> list[Group]:
    """The groups, of what the asker may see; none for who may see nothing. Worked out once for a request.

    `apps`: the site's list of apps, where the page has it already.
    """
    if not hasattr(request, _KEPT):
        found = [] if not site.has_permission(request) else _groups(apps or site.get_app_list(request), request.path)
        setattr(request, _KEPT, found)
    groups: list[Group] = getattr(request, _KEPT)
    return groups


def _groups(apps: Sequence[Any], path: str) -> list[Group]:
    pages = {"overview": ("Overview", reverse("admin:index"))}
    for app in apps:
        pages |= {_name(noun): (str(noun["name"]), noun["admin_url"]) for noun in app["models"] if noun["admin_url"]}
    groups = [Group(words, _items(names, pages, path)) for words, names in _GROUPS.items()]
    return [group for group in groups if group.items]


def _name(noun: Any) -> str:
    return str(noun["object_name"]).lower()


def _items(names: Iterable[str], pages: dict[str, tuple[str, str]], path: str) -> list[Item]:
    home = pages["overview"][1]
    return [
        Item(words, url, path == url or (url != home and path.startswith(url)))
        for words, url in (pages[name] for name in names if name in pages)
    ]
