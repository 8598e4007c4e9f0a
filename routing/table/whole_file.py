"""Small files that other processes read: each is the former one or the new one, whole, also on a disk that is full."""

import contextlib
from pathlib import Path


def replace_file(path: Path, text: str) -> None:
    """Write the file, whose folder is there, beside its name, and rename it. Raises OSError; then nothing is left."""
    # One name, so that what a killed writer leaves is written over by the next.
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.write_text(text)
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
