"""The rules of rows: what a row must be, whoever writes it, by whichever verb and door.

Each room of verbs has its nouns' rules in a module `rules.py`. A rule names the columns that it is about. The unit of
work asks all rules of a row that is added, and of one that is changed those whose columns change. So no rule holds for
new rows alone, and none keeps a row from being changed in what the rule is not about.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from django.db.models import Model

from routing.services.base.actor import Actor
from routing.services.base.codes import Code
from routing.services.base.errors import Gathered, ServiceError


class Write(NamedTuple):
    """A row as it is about to be written, by whom and why. `before`: as it was; None for a new one.

    `waives_report`: nobody is asked for a verification report of it, as it is a draft alone, or leads back to what was.
    `memo`: what rules have looked up within the same unit of work.
    """

    actor: Actor
    reason: str
    row: Any
    before: Any = None
    waives_report: bool = False
    memo: dict[Any, Any] | None = None


class Rule(NamedTuple):
    """`columns`: those that it is about. `check` raises ServiceError for a row that breaks it."""

    name: str
    columns: frozenset[str]
    check: Callable[[Write], None]


_FIXED: defaultdict[type[Model], set[str]] = defaultdict(set)
_RULES: defaultdict[type[Model], list[Rule]] = defaultdict(list)


def rule(model: type[Model], *columns: str) -> Callable[[Callable[[Write], None]], Callable[[Write], None]]:
    """Make a function a rule of a model's rows, about these columns."""

    def declared(check: Callable[[Write], None]) -> Callable[[Write], None]:
        _RULES[model].append(Rule(check.__name__, frozenset(_attnames(model, columns)), check))
        return check

    return declared


def fixed(model: type[Model], *columns: str) -> None:
    """Declare columns that never change once a row is there."""

    names: Any = model._meta

    def is_what_it_was(write: Write) -> None:
        for name in _attnames(model, columns):
            if write.before is not None and getattr(write.row, name) != getattr(write.before, name):
                label = names.get_field(name).verbose_name
                raise ServiceError(
                    f"the {label} of a {names.verbose_name} never changes: add another one", code=Code.NEVER_CHANGES
                )

    rule(model, *columns)(is_what_it_was)
    _FIXED[model] |= set(_attnames(model, columns))


def fixed_columns(model: type[Model]) -> frozenset[str]:
    """The columns that were declared so."""
    return frozenset(_FIXED[model])


def rules_of(model: type[Model]) -> tuple[Rule, ...]:
    """Every rule of a model's rows."""
    return tuple(_RULES[model])


def check_rules(write: Write, changed: Collection[str] | None = None) -> None:
    """Ask the rules of a row: all, or those about what has changed. Raises ServiceError for those that it breaks."""
    model = type(write.row)
    about = None if changed is None else set(_attnames(model, changed))
    gathered = Gathered()
    broken: set[str] = set()
    for each in _RULES[model]:
        # A value that breaks one rule is not shown to the next, which may count on the first.
        if (about is None or about & each.columns) and not broken & each.columns:
            before = len(gathered)
            with gathered:
                each.check(write)
            broken |= each.columns if len(gathered) > before else set()
    gathered.raise_any()


def require_reason(reason: str) -> None:
    """Refuse a change without a reason. Raises ServiceError."""
    if not reason.strip():
        raise ServiceError.for_field("reason", "Say why: the reason is kept in the history.", Code.REASON_REQUIRED)


def _attnames(model: type[Model], columns: Collection[str]) -> list[str]:
    fields: Any = model._meta
    return [fields.get_field(column).attname for column in columns]
