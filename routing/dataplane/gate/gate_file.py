"""What the gate leaves for the workers of its machine, which tell it at `/metrics`: how often it answered what."""

import json
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from routing.table.whole_file import replace_file


def gate_path() -> Path:
    """The file."""
    return Path(settings.STATE_DIR) / "gate.json"


def write_answers(answers: Mapping[str, int]) -> None:
    """Replace the file. Raises OSError."""
    replace_file(gate_path(), json.dumps(answers))


def read_answers() -> dict[str, int]:
    """Counts since the gate began, by answer; empty where there is none. Never raises."""
    try:
        return {str(answer): int(number) for answer, number in json.loads(gate_path().read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
