"""When each piece of the regular work was last done: for all servers, since one of them does it."""

from routing.database.clock import database_now
from routing.models import Round


def note_round(task: str, server: str) -> None:
    """It was done just now."""
    facts = {"server": server, "done_at": database_now()}
    if not Round.objects.filter(task=task).update(**facts):
        Round.objects.bulk_create([Round(task=task, **facts)], ignore_conflicts=True)


def seconds_since_rounds() -> dict[str, float]:
    """By task, how long ago it was last done."""
    now = database_now()
    return {task: (now - done_at).total_seconds() for task, done_at in Round.objects.values_list("task", "done_at")}
