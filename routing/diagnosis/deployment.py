"""Whether this deployment is as it should be: keys, proxies, database, snapshot, regular work, disk, clock."""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import Error, connection

from routing.conf import alarm_path, database_identity, freeze_path, public_addresses, snapshot_path
from routing.core.grammar.proxies import GATEWAY
from routing.crypto import PULL_ACCOUNTS, SECOND_FACTORS, key_id, key_id_of, secret_keys
from routing.database.clock import database_now
from routing.database.migrated import missing_migrations
from routing.database.postgresql import is_standby
from routing.dataplane.live.hold import HOW_TO_GO_ON, read_alarm
from routing.dataplane.request.forwarded import trusted_networks
from routing.dataplane.request.gateways import default_gateways
from routing.diagnosis.report import Report, Taking
from routing.jobs.rounds import seconds_since_rounds
from routing.manifest_store.pruning import RESERVE_BYTES, room_on_disk
from routing.manifest_store.store import store_folder, stored_bytes
from routing.models import Mapping, Registry
from routing.table import snapshot
from routing.table.freeze import kept_snapshots, read_freeze

_MIN_FREE_BYTES = 64 * 1024**2
_FEW_FREE_BYTES = 512 * 1024**2
_CLOCK_SECONDS = 5.0
# A round is every 30 s, and another server takes over after 90.
_LATE_SECONDS = 150.0
_SLOW_SECONDS = 0.5
_MAINTAIN = "Let the server run it (FACADE_MAINTAIN), or start: manage.py maintain"


def take_deployment_steps(report: Report) -> None:
    """Look at all of it. A database that is gone is a finding, too."""
    _take(report, "key", "SECRET_KEY, and what was encrypted under it", _key)
    _take(report, "trusted proxies", "FACADE_TRUSTED_PROXIES", _proxies)
    _take(report, "addresses", "FACADE_ADDRESSES", _addresses)
    if _take(report, "database", connection.vendor, _database):
        _take(report, "migrations", "those of this release", _migrations)
        _take(report, "clock", "this machine's and the database's", _clock)
        _take(report, "maintenance", "when the regular work was last done", _maintenance)
    else:
        for name in ("migrations", "clock", "maintenance"):
            report.skip(name, "the database is not there")
    _take(report, "table", "whether workers of this machine hold an older one", _held)
    _take(report, "snapshot", str(snapshot_path()), _snapshot)
    _take(report, "remembered manifests", str(store_folder()), _remembered)
    _take(report, "disk", str(settings.STATE_DIR), _disk)


def _take(report: Report, name: str, asked: str, look: Callable[[Taking], None]) -> bool:
    """Take one step; whether it was no bad one."""
    with report.step(name, asked) as taking, _told(taking):
        look(taking)
    return not taking.is_bad


@contextmanager
def _told(taking: Taking) -> Iterator[None]:
    """What the database says of itself where it can't be used."""
    try:
        yield
    except Error as error:
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        taking.bad(first, "Look whether it runs, and at DATABASE_URL; docs/how-to/when-things-fail.md says more.")


def _key(taking: Taking) -> None:
    first, *others = map(key_id, secret_keys())
    where = "kept in the state folder" if _is_kept() else "of SECRET_KEY"
    said = f"key {first} is in use ({where})" + (f"; fallbacks: {', '.join(others)}" if others else "")
    try:
        found = Counter(key_id_of(use, text) for use, text in _sealed_texts())
    except Error:
        # Of the database another step tells.
        taking.good(said)
        return
    lost = found.pop(None, 0)
    old = found.total() - found[first]
    if lost:
        taking.bad(
            f"{said}. {lost} secrets of second factors and registry accounts can't be read: they were encrypted under "
            "another key",
            "Put the former key into SECRET_KEY_FALLBACKS. Or have these people set up their second factor anew, and "
            "set the accounts anew.",
        )
    elif old:
        taking.warning(
            f"{said}. {old} secrets of second factors and registry accounts are still encrypted under a fallback",
            "Encrypt them under the key in use: manage.py rotate_keys. Until then keep the fallback.",
        )
    else:
        taking.good(said)


def _is_kept() -> bool:
    """Whether the key is the one that the facade made for itself."""
    try:
        return (Path(settings.STATE_DIR) / "secret_key").read_text().strip() == settings.SECRET_KEY
    except OSError:
        return False


def _sealed_texts() -> Iterator[tuple[str, str]]:
    """What each is encrypted for, and the text."""
    kept = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}
    for kind, data in Authenticator.objects.filter(type__in=list(kept)).values_list("type", "data"):
        text = data.get(kept[Authenticator.Type(kind)])
        if text:
            yield SECOND_FACTORS, text
    for model in (Registry, Mapping):
        for text in model._default_manager.exclude(account_sealed="").values_list("account_sealed", flat=True):
            yield PULL_ACCOUNTS, text


def _proxies(taking: Taking) -> None:
    named, networks = settings.FACADE_TRUSTED_PROXIES, trusted_networks()
    if not named:
        taking.good("none: clients come to the facade directly")
    elif GATEWAY in named and not default_gateways():
        taking.warning(
            f"{', '.join(named)}: this machine has no default gateway",
            "Name the proxy's own address in place of “gateway”.",
        )
    else:
        taking.good(", ".join(str(network) for network in networks))


def _addresses(taking: Taking) -> None:
    facade = public_addresses()
    known = (*facade.ipv4, *facade.ipv6, *facade.names)
    if known:
        by = "" if settings.FACADE_ADDRESSES else " (of FACADE_CONTROL_HOSTS)"
        taking.good(f"{', '.join(known)}{by}")
    else:
        taking.warning(
            "not known: pages can't say which DNS records to set",
            "Set FACADE_ADDRESSES to the addresses at which clients reach this facade.",
        )


def _database(taking: Taking) -> None:
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    seconds = time.perf_counter() - started
    if is_standby():
        taking.warning("it is a standby, which takes no changes", "Promote it, or lead DATABASE_URL to the primary.")
    elif seconds > _SLOW_SECONDS:
        taking.warning(f"it took {seconds:.1f} s to answer", "Look at its load, and at the network to it.")
    else:
        taking.good("answers")


def _migrations(taking: Taking) -> None:
    missing = missing_migrations()
    if missing:
        taking.bad(f"{len(missing)} missing: {', '.join(missing[:3])}", "Run: manage.py migrate")
    else:
        taking.good("all there")


def _clock(taking: Taking) -> None:
    off = time.time() - database_now().timestamp()
    if abs(off) > _CLOCK_SECONDS:
        taking.bad(f"this machine's is {off:+.0f} s off the database's", "Set both clocks, by NTP.")
    else:
        taking.good("they agree")


def _maintenance(taking: Taking) -> None:
    last = min(seconds_since_rounds().values(), default=None)
    if last is None:
        taking.bad("it was never done: proofs, probes and notices wait", f"{_MAINTAIN}.")
    elif last > _LATE_SECONDS:
        taking.bad(f"the last round was {last:.0f} s ago: proofs, probes and notices wait", f"{_MAINTAIN}.")
    else:
        taking.good(f"the last round was {last:.0f} s ago")


def _held(taking: Taking) -> None:
    frozen, alarm = read_freeze(freeze_path()), read_alarm(alarm_path())
    if alarm is not None:
        taking.bad(str(alarm), f"{HOW_TO_GO_ON}.")
    elif frozen is not None:
        at = "what they serve" if frozen.generation is None else f"generation {frozen.generation}"
        kept = len(kept_snapshots(snapshot_path()))
        taking.warning(f"frozen at {at}; {kept} snapshots are kept", "When all is well again: facade thaw.")
    else:
        taking.good("they take every change")


def _snapshot(taking: Taking) -> None:
    path = snapshot_path()
    if problem := _cannot_write(path.parent):
        taking.bad(
            f"it can't be written: {problem}",
            f"Let the facade's user write in {path.parent}: only with a snapshot a server starts without the database.",
        )
        return
    try:
        header = snapshot.read_header(path, database_identity())
    except FileNotFoundError:
        taking.bad("there is none yet", f"{_MAINTAIN}; it writes the snapshot.")
    except (snapshot.InvalidSnapshot, OSError) as error:
        taking.bad(f"it can't be used: {error}", f"{_MAINTAIN}; it writes the snapshot anew.")
    else:
        taking.good(f"of generation {header.state.generation}")


def _cannot_write(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            # On a full disk an empty file can be made.
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _remembered(taking: Taking) -> None:
    bound_bytes = settings.FACADE_MANIFEST_STORE_BYTES
    if not bound_bytes:
        taking.good("none: FACADE_MANIFEST_STORE_BYTES is 0")
        return
    folder = store_folder() if store_folder().is_dir() else Path(settings.STATE_DIR)
    if problem := _cannot_write(folder):
        taking.warning(
            f"they can't be written: {problem}. Each manifest is asked for with its caller's token, as without a store",
            f"Let the facade's user write in {folder}, or set FACADE_MANIFEST_STORE_BYTES=0.",
        )
        return
    used = stored_bytes() or 0
    if not used and room_on_disk(str(folder)) <= 0:
        taking.warning(
            f"none are kept: the disk has less than {RESERVE_BYTES / 1024**2:.0f} MiB to spare",
            "Make room, or set FACADE_MANIFEST_STORE_BYTES=0.",
        )
    else:
        taking.good(f"{used / 1024**2:.0f} of {bound_bytes / 1024**2:.0f} MiB are taken")


def _disk(taking: Taking) -> None:
    try:
        free = shutil.disk_usage(settings.STATE_DIR).free
    except OSError as error:
        taking.bad(error.strerror or type(error).__name__, "Look at FACADE_STATE_DIR.")
        return
    said = f"{free / 1024**3:.1f} GiB free"
    if free < _MIN_FREE_BYTES:
        taking.bad(said, "Make room: nothing can be written soon.")
    elif free < _FEW_FREE_BYTES:
        taking.warning(said, "Make room.")
    else:
        taking.good(said)
