"""How one person wants pages to be. Theirs alone to say: no history tells of it."""

from typing import Any
from zoneinfo import available_timezones

from routing.models.preferences import Preferences
from routing.services.base.errors import ServiceError


def time_zones() -> list[str]:
    """The names of all time zones that are known (IANA's), in order."""
    return sorted(available_timezones() - {"localtime", "Factory"})


def preferences_of(user: Any) -> Preferences:
    """What they chose; what is so without a choice, where they chose nothing."""
    return Preferences.objects.filter(user=user).first() or Preferences(user=user)


def set_preferences(user: Any, *, time_zone: str, hides_first_steps: bool) -> Preferences:
    """Keep what they chose. `time_zone`: "" for as the browser says. Raises ServiceError for one that is not known."""
    if time_zone and time_zone not in time_zones():
        raise ServiceError.for_field(
            "time_zone",
            f"“{time_zone[:64]}” is no time zone that is known here: write it like Europe/Berlin, America/New_York or "
            "UTC, or leave it empty for your browser's",
        )
    chosen = {"time_zone": time_zone, "hides_first_steps": hides_first_steps}
    return Preferences.objects.update_or_create(user=user, defaults=chosen)[0]


def hide_first_steps(user: Any) -> None:
    """Have the overview no longer show them the first steps."""
    Preferences.objects.update_or_create(user=user, defaults={"hides_first_steps": True})
