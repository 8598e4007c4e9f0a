"""Where a setting's value comes from: the process, then `.env`, then what `make run` kept in `var/run.env`.

Every variable may also be given as `NAME_FILE`, the path of a file that holds the value, which is how container secrets
arrive.
"""

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def load(base_dir: Path = BASE_DIR) -> environ.FileAwareEnv:
    """Read the environment; a value that the process already has is never overwritten."""
    env = environ.FileAwareEnv()
    # .env first: a later file only fills in what is missing, so the first source that has a name wins.
    _fill_in(base_dir / ".env")
    _fill_in(state_dir(base_dir) / "run.env")
    return env


def _fill_in(path: Path) -> None:
    if not _is_there(path):
        return
    before = dict(os.environ)
    environ.FileAwareEnv.read_env(str(path), overwrite=False)
    for name in os.environ.keys() - before.keys():
        # NAME and NAME_FILE are one variable: a stronger source has said it already, in the other way.
        other = name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"
        if before.get(other):
            del os.environ[name]


def _is_there(path: Path) -> bool:
    """Whether there is such a file, which can be read. Raises ImproperlyConfigured where it can't.

    Of a folder that can't be entered nobody can say. What has to be kept there says so by itself.
    """
    try:
        if not path.is_file():
            return False
        path.open().close()
    except PermissionError as error:
        if not os.access(path.parent, os.X_OK, effective_ids=True):
            return False
        raise ImproperlyConfigured(f"{path} can't be read: {error.strerror}, for UID {os.geteuid()}") from None
    return True


def state_dir(base_dir: Path = BASE_DIR) -> Path:
    """The folder for everything that a run keeps: the SQLite database, the generated key, the table's snapshot.

    A relative one is below `base_dir`, wherever the process was started.
    """
    return base_dir / (os.environ.get("FACADE_STATE_DIR") or "var")


def made(folder: Path) -> Path:
    """The state folder, made where it is missing and can be made, for its owner only.

    One that can't be is no error here: with DATABASE_URL and SECRET_KEY given hardly anything is kept.
    """
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def static_root(state: Path, base_dir: Path = BASE_DIR) -> Path:
    """The folder for the admin's files: in the tree, or in `state` where the tree can't be written.

    The image has them in its tree, which is read-only.
    """
    in_tree, in_state = base_dir / "staticfiles", state / "staticfiles"
    if os.access(base_dir, os.W_OK) or (in_tree.is_dir() and not in_state.is_dir()):
        return in_tree
    return in_state


def kept_secret_key(folder: Path) -> str:
    """The key in `folder/secret_key`, made on first use and readable by its owner only.

    Raises ImproperlyConfigured when the folder can't be written: then SECRET_KEY has to be given.
    """
    path = folder / "secret_key"
    try:
        if not path.exists():
            _make_secret_key(path)
        return path.read_text().strip()
    except OSError as error:
        text = f"{error.filename}: {error.strerror}, for UID {os.geteuid()}"
        raise ImproperlyConfigured(
            f"SECRET_KEY is not set, and none can be kept in FACADE_STATE_DIR ({text})"
        ) from None


def _make_secret_key(path: Path) -> None:
    fresh = path.with_name(f".secret_key.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(50))
    try:
        # A link fails where the name exists, so of two first starts at once one key wins, whole.
        os.link(fresh, path)
    except FileExistsError:
        return
    finally:
        fresh.unlink()
    print(f"SECRET_KEY is not set: one was made, and is kept in {path}. Back it up.", file=sys.stderr)
