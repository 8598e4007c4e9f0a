"""Settings, as those get them who decide by them."""

from __future__ import annotations

from pytest_django import Settings

from routing.conf import policy
from routing.core.grammar.user_agents import Ability


def test_what_clients_can_is_taken_from_the_setting(settings: Settings) -> None:
    settings.FACADE_CLIENTS = ["podman>=6:anonymous", "buildkit:nothing"]

    assert policy().clients.of("podman/6.1").ability is Ability.ANONYMOUS
    assert policy().clients.of("buildkit/v0.23").ability is Ability.NOTHING
    assert policy().clients.of("containerd/2.1").ability is Ability.CREDENTIALS
