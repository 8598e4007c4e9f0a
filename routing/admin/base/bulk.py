"""Bulk actions that change something: a page that shows which rows, what follows, and asks why; then the verb."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from routing.admin.base.concurrency import is_as_shown
from routing.admin.base.consequences import consequences
from routing.admin.base.forms import REASON_NEEDED
from routing.core.grammar.numbers import parse_number
from routing.services.base.errors import ServiceError

if TYPE_CHECKING:
    from routing.admin.base.model_admin import ServiceModelAdmin as _Base
else:
    _Base = object

# Each is a row in the history, and other writers wait for the whole. Also what one form can carry.
MOST_AT_ONCE = 500
_SHOWN = 20


class Bulk(NamedTuple):
    """One bulk action.

    `verb` takes the request, the reason and the rows' ids, and gives the names of what it changed. `effect` ends the
    sentence “Within a second every client that pulls from them …”. `is_harsh`: it hurts somebody, so it takes a reason.
    `asks_message`: the page asks for what clients are told. `asks_label`: it asks for a label, which this helps to
    type; clients meet none. `told`: what is said in place of the names, of how many changed of those chosen.
    """

    action: str
    title: str
    effect: str
    done: str
    button: str
    verb: Callable[[HttpRequest, str, list[int]], Sequence[str]]
    is_harsh: bool = True
    asks_message: bool = False
    asks_label: str = ""
    told: Callable[[HttpRequest, int, int], str] | None = None


class BulkActions(_Base):
    """Runs bulk actions. Goes before ServiceModelAdmin."""

    def run(self, request: HttpRequest, rows: "QuerySet[Any]", bulk: Bulk) -> HttpResponse | None:
        """Ask, or, once confirmed, do it; from a row's own page back to that."""
        chosen = list(rows[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_lines(
                request, [f"Choose at most {MOST_AT_ONCE} {self.opts.verbose_name_plural} at once"], messages.ERROR
            )
            return None
        if "confirmed" not in request.POST:
            return self._ask(request, chosen, bulk)
        changed_meanwhile = [row for row in chosen if not _is_as_shown(request, row)]
        if changed_meanwhile:
            names = ", ".join(str(row) for row in changed_meanwhile[:_SHOWN])
            self.message_lines(request, [f"Somebody else changed {names} meanwhile: check again"], messages.ERROR)
            return self._ask(request, chosen, bulk)
        if bulk.is_harsh and not request.POST.get("reason", "").strip():
            self.message_lines(request, [REASON_NEEDED], messages.ERROR)
            return self._ask(request, chosen, bulk)
        try:
            changed = bulk.verb(request, request.POST.get("reason", ""), [row.pk for row in chosen])
        except ServiceError as refusal:
            self.message_lines(request, [refusal.message], messages.ERROR)
            return self._ask(request, chosen, bulk)
        if bulk.told is not None:
            level = messages.SUCCESS if changed else messages.INFO
            self.message_lines(request, [bulk.told(request, len(changed), len(chosen))], level)
        elif changed:
            rest = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
            self.message_lines(request, [f"{bulk.done} {', '.join(changed[:_SHOWN])}{rest}"], messages.SUCCESS)
        else:
            self.message_lines(request, [f"Nothing to change: {bulk.done.lower()} already"], messages.INFO)
        if "from_page" in request.POST and len(chosen) == 1:
            return HttpResponseRedirect(self.url("change", chosen[0].pk))
        return None

    def _ask(self, request: HttpRequest, chosen: list[Any], bulk: Bulk) -> TemplateResponse:
        noun = self.opts.verbose_name if len(chosen) == 1 else self.opts.verbose_name_plural
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"{bulk.title} {noun} {chosen[0]}" if len(chosen) == 1 else f"{bulk.title} {len(chosen)} {noun}",
            "opts": self.opts,
            "bulk": bulk,
            "rows": chosen,
            "shown": chosen[:_SHOWN],
            "more": max(len(chosen) - _SHOWN, 0),
            "numbers": consequences(request, chosen) if bulk.is_harsh else [],
            "given": request.POST,
            "needs_reason": bulk.is_harsh,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/routing/bulk.html", context)


def _is_as_shown(request: HttpRequest, row: Any) -> bool:
    seen = parse_number(request.POST.get(f"version_{row.pk}", ""))
    return seen is None or is_as_shown(row, seen)
