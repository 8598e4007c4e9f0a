"""Settings that can't be read are told at start, by name."""

from __future__ import annotations

from django.core.checks import run_checks
from pytest_django import Settings

from routing.conf import policy
from routing.core.grammar.user_agents import Ability


def test_what_clients_can_is_taken_from_the_setting(settings: Settings) -> None:
    settings.FACADE_CLIENTS = ["podman>=6:anonymous", "buildkit:nothing"]

    assert [error for error in run_checks() if error.id == "routing.E002"] == []
    assert policy().clients.of("podman/6.1").ability is Ability.ANONYMOUS
    assert policy().clients.of("buildkit/v0.23").ability is Ability.NOTHING
    assert policy().clients.of("containerd/2.1").ability is Ability.CREDENTIALS


def test_a_client_that_cannot_be_read_is_named(settings: Settings) -> None:
    settings.FACADE_CLIENTS = ["buildkit:nothing", "docker,containerd<=2.1"]

    (error,) = [error for error in run_checks() if error.id == "routing.E002"]
    assert error.msg.startswith("FACADE_CLIENTS: “docker,containerd<=2.1” is not a client: write a product")
