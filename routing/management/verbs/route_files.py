"""The files of an export: judged by the engine that they are for, and then put in place of the former ones."""

import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from routing.publish.documents import Export
from routing.publish.formats import Format
from routing.publish.haproxy import MAP_PREFIX
from routing.services.base.errors import ServiceError

_CHECK_SECONDS, _RELOAD_SECONDS = 300, 300
_MAX_SAID = 2000


def replace_files(path: Path, export: Export, judge: Format | None) -> None:
    """Write the export to the file, and what it names beside it. Raises ServiceError; then all is as it was.

    `judge`: the format whose program has to accept it first; None: it isn't asked.
    """
    # Engines look for a relative one in a folder of their own.
    path = path.absolute()
    folder = path.parent
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=folder) as fresh:
            for file in export.files:
                (Path(fresh) / file.name).write_text(file.text)
            if judge is not None:
                judged = export.judged or export.files[-1]
                if export.judged is not None:
                    (Path(fresh) / judged.name).write_text(judged.text)
                _ask(judge, Path(fresh) / judged.name)
            before = path.read_text() if path.exists() else ""
            *others, last = export.files
            # What it names first: whoever reads it meanwhile finds all.
            for file in others:
                (Path(fresh) / file.name).replace(folder / file.name)
            (Path(fresh) / last.name).replace(path)
        kept = {file.name for file in others}
        for old in folder.glob(f"{MAP_PREFIX}-*.map"):
            # Those of the file before are still read by an engine that hasn't reloaded yet.
            if old.name not in kept and old.name not in before:
                old.unlink(missing_ok=True)
    except OSError as error:
        raise ServiceError(f"{error.filename or path} can't be written: {error.strerror}") from error


def _ask(judge: Format, file: Path) -> None:
    if not judge.program:
        raise ServiceError(
            "this format is for somebody else's servers, and nothing here can check it: leave --check out"
        )
    program = shutil.which(judge.program)
    if program is None:
        raise ServiceError(f"{judge.program} isn't installed here, so it can't check the file: leave --check out")
    with tempfile.TemporaryDirectory() as folder:
        arguments = [part.format(file=file, folder=folder) for part in judge.check]
        _run([program, *arguments], f"{judge.program} refuses the file, and the former one stays", _CHECK_SECONDS)


def reload_engine(command: str) -> None:
    """Run what makes the engine read its file again: words as in a shell, but no shell. Raises ServiceError."""
    _run(shlex.split(command), f"“{command}” failed", _RELOAD_SECONDS)


def _run(words: list[str], failed: str, seconds: int) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError(f"{failed}: {error}") from error
    if done.returncode:
        raise ServiceError(f"{failed}: {(done.stderr or done.stdout).strip()[-_MAX_SAID:]}")
