"""What a process is called in PostgreSQL."""

from __future__ import annotations

import pytest

from facade_site.application_name import application_name


@pytest.mark.parametrize(
    ("host", "role", "name"),
    [
        ("web1", "worker 3 web", "registry-facade web1 worker 3 web"),
        ("", "maintain", "registry-facade maintain"),
        ("bücher", "maintain", "registry-facade b?cher maintain"),
    ],
)
def test_server_then_role(host: str, role: str, name: str) -> None:
    assert application_name(host, role) == name


@pytest.mark.parametrize("role", ["worker 123456 web", "a_command_with_a_name_that_somebody_has_made_much_too_long"])
def test_a_long_name_keeps_its_role_and_room_for_more(role: str) -> None:
    name = application_name("h" * 253, role)

    assert len(f"{name} listen") <= 63
    assert name.startswith("registry-facade ")
    assert role[:30] in name
