"""`facade export-routes`: what is written where, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from routing.management.verbs import route_files
from routing.publish.documents import Export, File
from routing.publish.formats import FORMATS, Format
from routing.services.base.actor import Actor
from routing.services.base.errors import ServiceError
from routing.services.mappings.mappings import add_mapping
from tests.commands.facade import facade

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mapped() -> None:
    add_mapping(Actor.command_line(), "", hostname="docker.acme.com", prefix="acme", target="ghcr.io/acme")
    add_mapping(Actor.command_line(), "", hostname="other.acme.com", prefix="other", target="ghcr.io/other")


def test_a_configuration_is_printed() -> None:
    done = facade("export-routes", "--format", "nginx", "--app", "app.example:8000", "--listen", "127.0.0.1:8080")

    assert done.status == 0
    assert "listen 127.0.0.1:8080;" in done.out
    assert "proxy_pass http://app.example:8000;" in done.out
    assert '"docker.acme.com/acme" "s|1|0|https://ghcr.io/v2/acme";' in done.out


def test_of_one_hostname_alone() -> None:
    done = facade("export-routes", "--format", "caddy", "--hostname", "other.acme.com")

    assert "other.acme.com" in done.out
    assert "docker.acme.com" not in done.out


def test_the_report_names_what_is_left_to_the_app() -> None:
    done = facade("export-routes", "--format", "haproxy", "--report")

    assert "requests with a token are relayed by the app" in done.out
    assert "    docker.acme.com/acme\n" in done.out


def test_files_take_the_place_of_former_ones(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    assert facade("export-routes", "--format", "haproxy", "-o", str(path)).status == 0
    before = {file.name for file in tmp_path.glob("*.map")}
    add_mapping(Actor.command_line(), "", hostname="docker.acme.com", prefix="more", target="ghcr.io/more")

    assert facade("export-routes", "--format", "haproxy", "-o", str(path)).status == 0

    after = {file.name for file in tmp_path.glob("*.map")}
    assert before < after, "an engine that hasn't reloaded still reads those before"
    assert facade("export-routes", "--format", "haproxy", "-o", str(path)).status == 0
    assert {file.name for file in tmp_path.glob("*.map")} < after
    assert all(file.name in path.read_text() for file in tmp_path.glob("*.map"))
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".cfg", *[".map"] * 4]


def test_envoy_watches_files_beside_its_configuration(tmp_path: Path) -> None:
    path = tmp_path / "envoy.json"
    assert facade("export-routes", "--format", "envoy", "-o", str(path)).status == 0
    before = json.loads((tmp_path / "envoy-routes.json").read_text())
    add_mapping(Actor.command_line(), "", hostname="docker.acme.com", prefix="more", target="ghcr.io/more")

    assert facade("export-routes", "--format", "envoy", "-o", str(path)).status == 0

    after = json.loads((tmp_path / "envoy-routes.json").read_text())
    assert int(after["version_info"]) > int(before["version_info"])
    assert (tmp_path / "envoy-listener.json").read_text().count(f'"path":"{tmp_path}/envoy-routes.json"') == 1
    assert f'"path":"{tmp_path}/envoy-listener.json"' in path.read_text()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--format", "haproxy"], "HAProxy's maps lie beside its configuration: name a file with -o"),
        (["--format", "envoy"], "Envoy's routes lie beside its configuration: name a file with -o"),
        (["--format", "nginx", "--check"], "--check needs a file"),
        (["--format", "nginx", "--app", "nowhere"], "no address of the app: give host and port"),
        (["--format", "nginx", "--app", "a:80; }"], "no address of the app"),
        (["--format", "nginx", "--listen", "80;"], "nowhere to listen"),
        (["--format", "nginx", "--listen", ":8²"], "nowhere to listen"),
        (["--format", "nginx", "--listen", f":{'9' * 5000}"], "nowhere to listen"),
        (["--format", "nginx", "--certificate", "/x y"], "give a whole path"),
        (["--format", "nginx", "-o", "/nowhere/at/all"], "there is no folder /nowhere/at"),
        (["--format", "nginx", "--hostname", "a_b"], "is not a hostname"),
    ],
)
def test_what_can_t_be_is_refused(words: list[str], says: str) -> None:
    done = facade("export-routes", *words)

    assert done.status == 1
    assert says in done.err


def test_a_hostname_that_is_not_there_is_said_so() -> None:
    assert facade("export-routes", "--format", "nginx", "--hostname", "gone.example").status == 1


def judging(program: str) -> Format:
    return FORMATS["nginx"]._replace(program=sys.executable, check=("-c", program, "{file}"))


EXPORT = Export((File("a.map", "new"), File("a.conf", "new")))


def test_a_file_that_the_engine_refuses_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "my.conf").write_text("old")

    with pytest.raises(ServiceError, match=r"refuses the file, and the former one stays: bad line"):
        route_files.replace_files(tmp_path / "my.conf", EXPORT, judging("raise SystemExit('bad line')"))

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("my.conf", "old")]


def test_the_engine_judges_the_very_file(tmp_path: Path) -> None:
    judge = judging("import sys; raise SystemExit(open(sys.argv[1]).read() != 'new')")

    route_files.replace_files(tmp_path / "my.conf", EXPORT, judge)

    assert (tmp_path / "my.conf").read_text() == "new"
    assert (tmp_path / "a.map").read_text() == "new"


def test_the_engine_is_told_where_the_file_is_wherever_it_would_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    judge = judging("import os, sys; raise SystemExit(not os.path.isabs(sys.argv[1]))")

    route_files.replace_files(Path("my.conf"), EXPORT, judge)

    assert (tmp_path / "my.conf").read_text() == "new"


def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no-such-engine isn't installed here"):
        route_files.replace_files(tmp_path / "x", EXPORT, FORMATS["nginx"]._replace(program="no-such-engine"))


def test_what_reloads_the_engine_is_run_without_a_shell(tmp_path: Path) -> None:
    path, mark = tmp_path / "nginx.conf", tmp_path / "mark; exit 1"
    command = f"touch '{mark}'"

    assert facade("export-routes", "--format", "nginx", "-o", str(path), "--reload", command).status == 0

    assert mark.exists()
    failed = facade("export-routes", "--format", "nginx", "-o", str(path), "--reload", "false")
    assert (failed.status, "“false” failed" in failed.err) == (1, True)
