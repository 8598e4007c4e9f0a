"""`facade export`, `apply` and `import-rules`: the configuration as a file, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from routing.models import Hostname, Mapping, Tenant
from tests.commands.facade import facade
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def test_what_is_exported_is_applied_without_a_change(owner: Person, tmp_path: Path) -> None:
    facade("mapping", "add", owner.hostname.name, "team", "quay.io/team")
    file = tmp_path / "facade.yaml"

    assert facade("export", "-o", str(file)).status == 0
    again = facade("apply", str(file))

    assert again.status == 0
    assert "as the document says already" in again.out
    assert facade("export").out == file.read_text()


def test_a_plan_is_shown_agreed_to_and_carried_out(owner: Person, tmp_path: Path) -> None:
    facade("mapping", "add", owner.hostname.name, "team", "quay.io/team")
    file = tmp_path / "facade.yaml"
    file.write_text(facade("export").out.replace('prefix: "team"', 'prefix: "crew"', 1))

    planned = json.loads(facade("apply", str(file), "--prune", "--dry-run", "--json").out)
    assert Mapping.objects.get().prefix == "team"
    refused = facade("apply", str(file), "--prune", "--checksum", "0" * 32)
    assert (refused.status, Mapping.objects.get().prefix) == (1, "team")
    done = facade("apply", str(file), "--prune", "--checksum", planned["checksum"], "--reason", "CHG-1")

    assert done.status == 0
    assert Mapping.objects.get().prefix == "crew"
    assert Mapping.history.latest().history_change_reason == "CHG-1"


@pytest.mark.parametrize(
    ("text", "words"),
    [("version: 1\ntenants: [", "line "), ("version: 1\nteants: []\n", "teants"), ("version: 99\n", "version")],
    ids=["no YAML", "a name mistyped", "a later version"],
)
def test_what_cannot_be_read_changes_nothing(owner: Person, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "facade.yaml"
    file.write_text(text)

    refused = facade("apply", str(file))

    assert refused.status == 1
    assert words in refused.err
    assert (Tenant.objects.count(), Hostname.objects.count()) == (1, 1)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    refused = facade("apply", str(tmp_path / "none.yaml"))

    assert refused.status == 1
    assert "can't be read: No such file" in refused.err


def test_rules_of_a_plain_facade_become_a_document_that_can_be_applied(owner: Person, tmp_path: Path) -> None:
    rules, file = tmp_path / "env", tmp_path / "facade.yaml"
    rules.write_text("REGISTRY_HOST=ghcr.io\nREGISTRY_ORG=acme\nFACADE_HOSTNAME=pull.acme.example\n")

    imported = facade("import-rules", str(rules), "--tenant", owner.tenant.slug)
    file.write_text(imported.out)

    assert imported.status == 0
    assert facade("apply", str(file)).status == 0
    mapping = Mapping.objects.get(hostname__name="pull.acme.example")
    assert (mapping.prefix, mapping.registry.origin, mapping.upstream_prefix) == ("acme", "https://ghcr.io", "acme")
