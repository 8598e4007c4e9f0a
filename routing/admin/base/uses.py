"""What still uses a row, so that it can't be removed yet."""

from typing import NamedTuple

from django.db.models import PROTECT, Model
from django.http import HttpRequest
from django.urls import reverse

from routing.admin.base import permissions

_EXAMPLES = 10


class Use(NamedTuple):
    """A kind of rows that use it: how many, and the first of them as (name, address of its page)."""

    kind: str
    total: int
    examples: list[tuple[str, str]]

    @property
    def more(self) -> int:
        """How many there are beyond the examples."""
        return self.total - len(self.examples)


def uses_of(request: HttpRequest, row: Model) -> list[Use]:
    """The rows that refer to this one and keep it from being removed."""
    found = []
    for relation in row._meta.related_objects:
        if relation.on_delete is not PROTECT:
            continue
        model = relation.related_model
        rows = model._default_manager.filter(**{relation.field.name: row})
        count = rows.count()
        if not count:
            continue
        page = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        links = [field.name for field in model._meta.fields if field.is_relation]
        shown = permissions.viewable(request, rows).select_related(*links)[:_EXAMPLES]
        examples = [(str(example), reverse(page, args=[example.pk])) for example in shown]
        found.append(
            Use(str(model._meta.verbose_name_plural if count != 1 else model._meta.verbose_name), count, examples)
        )
    return found
