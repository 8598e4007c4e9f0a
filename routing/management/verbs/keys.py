"""The verb that has everything encrypted under the present key."""

from collections import Counter

from routing.crypto import key_id, secret_keys
from routing.management.verbs.output import Output
from routing.management.verbs.verb import NotSo, Options, Verb
from routing.moving.sealed_values import PLACES, UNREADABLE, rotate, rows_by_key
from routing.services.base.actor import Actor
from routing.services.base.dry_run import is_dry_run
from routing.services.base.events import announce

#: By place, how many rows are under which key.
Found = dict[str, Counter[str]]


class RotateKeys(Verb):
    """After SECRET_KEY was changed."""

    name = "rotate-keys"
    help = (
        "Encrypt what the database holds under SECRET_KEY as it is now: second factors, secrets of webhooks, accounts "
        "at registries and mails that wait. "
        "The former key has to be in SECRET_KEY_FALLBACKS. Broken off, it goes on where it was when typed again."
    )
    changes = True
    takes_reason = False

    def run(self, options: Options, output: Output) -> None:
        """Do it, then say how many rows are under which key. Raises NotSo where some can't be opened."""
        present = key_id(secret_keys()[0])
        if is_dry_run():
            found = {place.name: rows_by_key(place) for place in PLACES}
            changed = sum(rows.total() - rows[present] - rows[UNREADABLE] for rows in found.values())
        else:
            changed = sum(
                rotate(place, lambda name, seen, all_: output.aside(f"{name}: {seen:,} of {all_:,} rows"))
                for place in PLACES
            )
            # Once more: a server that has the former key alone may have written meanwhile.
            found = {place.name: rows_by_key(place) for place in PLACES}
        self._tell(output, found, changed, present)

    @staticmethod
    def _tell(output: Output, found: Found, changed: int, present: str) -> None:
        known = {key: _of_key(found, key) for key in map(key_id, secret_keys())}
        lost = _of_key(found, UNREADABLE)
        keys = [{"key_id": key, "rows": rows} for key, rows in known.items()]
        facts = {"key_id": present, "keys": keys, "unreadable": lost, "rows": changed}
        if changed:
            output.done(f"encrypted {changed:,} row{'' if changed == 1 else 's'} under key {present}", **facts)
            announce(Actor.command_line(), "keys.rotated", key_id=present, rows=changed)
        else:
            output.unchanged("Nothing is to be changed: no row is under a former key.", **facts)
        for key, rows in known.items():
            output.line(f"key {key} ({'SECRET_KEY' if key == present else 'SECRET_KEY_FALLBACKS'}): {_words(rows)}")
        if any(lost.values()):
            raise NotSo(
                f"No key of this server opens {_words(lost)}. Add the key under which they were encrypted to "
                "SECRET_KEY_FALLBACKS. If it is lost, people set up new ones after “manage.py reset_second_factor”."
            )


def _of_key(found: Found, key: str) -> dict[str, int]:
    return {place: rows[key] for place, rows in found.items()}


def _words(rows: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {place}" for place, count in rows.items())
