"""How many examples hypothesis tries: as many as a test says, or a few of them with `--hypothesis-profile fast`.

`make test-fast`, the measuring of coverage and `make mutants` use the fast profile.
"""

from __future__ import annotations

from hypothesis import settings

FAST_PART = 20
FEWEST = 10


def register_profiles() -> None:
    """Make the profiles known. Needed before pytest reads its options. No example has a deadline: machines are busy."""
    settings.register_profile("default", deadline=None)
    settings.load_profile("default")
    settings.register_profile("fast", deadline=None, max_examples=FEWEST)


def examples(count: int) -> int:
    """`count`, or a twentieth of it with the fast profile."""
    return max(count // FAST_PART, FEWEST) if settings.get_current_profile_name() == "fast" else count
