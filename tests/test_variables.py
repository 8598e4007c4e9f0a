"""Each environment variable is declared once: so it is read, so it is refused, and so it is written down."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

from facade_site.declarations import Declarations
from facade_site.variable_pages import PAGES
from facade_site.variables import ROLES, declare
from routing.models import Role
from routing.services.people.provider_grants import PLATFORM

ROOT = Path(__file__).resolve().parent.parent
# What others set, or what is no setting of an operator's.
NOT_DECLARED = {"DJANGO_SETTINGS_MODULE", "PROMETHEUS_MULTIPROC_DIR"}


def variables_read(source: str) -> set[str]:
    """The names that a module reads from the environment by itself: `os.environ.get("NAME")`, `env.<kind>("NAME")`."""
    return {
        call.args[0].value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and ast.unparse(call.func.value) in {"env", "os.environ"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    before = (ROOT / name).read_text()

    assert PAGES[name](declare.variables, before) == before, "run scripts/variables"


def test_a_new_variable_is_on_each_page() -> None:
    new = Declarations({})
    new.group("New")
    new.seconds("FACADE_NEW_SECONDS", 2.5, "What it means.")

    pages = {
        name: page([*declare.variables, *new.variables], (ROOT / name).read_text()) for name, page in PAGES.items()
    }

    assert "\n# What it means.\n#FACADE_NEW_SECONDS=2.5\n" in pages[".env.example"]
    assert "\n      - FACADE_NEW_SECONDS\n      - FACADE_NEW_SECONDS_FILE\n" in pages["docker-compose.yml"]
    assert "| `FACADE_NEW_SECONDS` | `2.5` |" in pages["docs/reference/settings.md"]


def test_nothing_is_switched_on_by_copying_the_example() -> None:
    active = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]

    assert active == []


def test_no_module_reads_a_variable_that_is_not_declared() -> None:
    modules = [path for folder in ("facade_site", "routing") for path in (ROOT / folder).rglob("*.py")]
    read = set().union(*(variables_read(path.read_text()) for path in modules if path.name != "settings_test.py"))

    assert read - {variable.name for variable in declare.variables} - NOT_DECLARED == set()


def test_the_reader_sees_both_ways_of_asking() -> None:
    assert variables_read('a = env.str("A", default=""); b = os.environ.get("B"); c = other.get("C")') == {"A", "B"}


READ = [
    (lambda read: read.switch("X", True, ""), "Off", False),
    (lambda read: read.switch("X", False, ""), "yes", True),
    (lambda read: read.whole("X", 3, ""), "0", 0),
    (lambda read: read.seconds("X", 3.0, ""), ".5", 0.5),
    (lambda read: read.names("X", ["a"], ""), " b , ,c", ["b", "c"]),
    (lambda read: read.choice("X", "INFO", "", ("INFO", "ERROR")), "error", "ERROR"),
    (lambda read: read.url("X", ("smtp",), ""), "smtp://me:pw@host:25", "smtp://me:pw@host:25"),
    (lambda read: read.text("X", "a", ""), " b ", "b"),
]


@pytest.mark.parametrize(("ask", "text", "value"), READ)
def test_a_value_is_read(ask: Callable[[Declarations], object], text: str, value: object) -> None:
    assert ask(Declarations({"X": text})) == value


@pytest.mark.parametrize(("ask", "_text", "_value"), READ)
def test_an_empty_value_is_the_default(ask: Callable[[Declarations], object], _text: str, _value: object) -> None:
    assert ask(Declarations({"X": " "})) == ask(Declarations({}))


@pytest.mark.parametrize(
    ("ask", "text", "line"),
    [
        (lambda read: read.switch("X", True, ""), "maybe", "X='maybe' can't be read: expected is true or false"),
        (lambda read: read.whole("X", 3, ""), "3.5", "X='3.5' can't be read: expected is a whole number, 0 or more"),
        (lambda read: read.whole("X", 3, ""), "-1", "X='-1' can't be read: expected is a whole number, 0 or more"),
        (
            lambda read: read.whole("X", 3, "", least=1, most=65535),
            "tcp://10.0.0.1:80",
            "X='tcp://10.0.0.1:80' can't be read: expected is a whole number from 1 to 65535",
        ),
        *(
            (
                lambda read: read.seconds("X", 3.0, ""),
                text,
                f"X='{text}' can't be read: expected is a number of seconds above 0",
            )
            for text in ("5s", "0", "-1", "nan", "inf")
        ),
        (
            lambda read: read.choice("X", "line", "", ("line", "json")),
            "xml",
            "X='xml' can't be read: expected is one of line, json",
        ),
        *(
            (
                lambda read: read.url("X", ("sqlite", "postgres"), ""),
                text,
                "X can't be read: expected is a URL that begins with sqlite://, postgres://",
            )
            for text in ("mysql://me:secret@host", "postgres:", "secret", "postgres://me:secret@host:port/name")
        ),
        (
            lambda read: read.whole("X", 3, "", secret=True),
            "secret",
            "X can't be read: expected is a whole number, 0 or more",
        ),
    ],
)
def test_a_value_that_cannot_be_read(ask: Callable[[Declarations], object], text: str, line: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        ask(Declarations({"X": text}))

    assert str(refused.value) == line


def test_a_long_value_is_cut() -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        Declarations({"X": "9" * 10_000}).whole("X", 1, "", most=5)

    assert len(str(refused.value)) < 200


def test_a_file_holds_the_value(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("81\n")

    assert Declarations(FileAwareMapping({"X_FILE": str(tmp_path / "port")})).whole("X", 80, "") == 81


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"\xff\xfe", "it is not UTF-8")],
    ids=["none", "bytes"],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "value"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ImproperlyConfigured, match=rf"^X_FILE: the file that it names can't be read \(.*{reason}\)$"):
        Declarations(FileAwareMapping({"X_FILE": str(path)})).text("X", "", "")


UNREADABLE_NAMES = [
    ("FACADE_CONTROL_HOSTS", "https://facade.acme.com", "hosts without scheme"),
    ("FACADE_TRUSTED_PROXIES", "10.0.0.1,proxy.acme.example", "addresses, networks or gateway"),
    ("FACADE_CLIENTS", "buildkit:nothing,docker", "clients and what they can"),
    ("FACADE_DNS_SERVERS", "dns.example", "addresses of name servers"),
    ("FACADE_PLATFORM_DOMAINS", "a b", "domains"),
    ("FACADE_MFA_REQUIRED_FOR", "owner,admins", "any of platform, owner, operator, viewer"),
]


@pytest.mark.parametrize(("name", "text", "what"), UNREADABLE_NAMES, ids=[row[0] for row in UNREADABLE_NAMES])
def test_each_of_several_names_is_read(name: str, text: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)

    with pytest.raises(ImproperlyConfigured) as refused:
        runpy.run_path(str(ROOT / "facade_site" / "variables.py"))

    line = re.escape(f"{name}={text!r} can't be read: expected is {what}, separated by commas")
    assert re.fullmatch(rf"{line} \(.+\)", str(refused.value))


def test_a_second_factor_can_be_required_of_every_role() -> None:
    assert sorted(ROLES) == sorted([*Role.values, PLATFORM])


def refused_among(*names: str, **values: str) -> str:
    environment = Declarations(dict.fromkeys(names, "1") | values)
    environment.seconds("FACADE_POLL_SECONDS", 0.25, "")
    environment.text("FACADE_STATE_DIR", "", "", by_file=False)
    try:
        environment.refuse_unknown("FACADE_")
    except ImproperlyConfigured as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("FACADE_POLL_SECOND", "there is no variable FACADE_POLL_SECOND: do you mean FACADE_POLL_SECONDS?"),
        (
            "FACADE_POL_SECONDS_FILE",
            "there is no variable FACADE_POL_SECONDS_FILE: do you mean FACADE_POLL_SECONDS_FILE?",
        ),
        ("FACADE_STATE_DIR_FILE", "there is no variable FACADE_STATE_DIR_FILE: do you mean FACADE_STATE_DIR?"),
        ("FACADE_ZZZ", "there is no variable FACADE_ZZZ: docs/reference/settings.md lists all"),
        # A port, but of no Service: that would have a host.
        ("FACADE_PUBLIC_PORT", "there is no variable FACADE_PUBLIC_PORT: docs/reference/settings.md lists all"),
    ],
)
def test_an_unknown_variable_is_refused(name: str, line: str) -> None:
    assert refused_among(name) == line


def test_all_unknown_variables_are_told_at_once() -> None:
    assert refused_among("FACADE_B", "FACADE_A", "FACADE_POLL_SECONDS").count("there is no variable") == 2


@pytest.mark.parametrize(
    "names",
    [
        ("FACADE_POLL_SECONDS", "FACADE_POLL_SECONDS_FILE", "FACADE_STATE_DIR"),
        ("FACADE", "PATH", "OTHER_FACADE_X"),
        ("FACADE_SERVICE_HOST", "FACADE_SERVICE_PORT", "FACADE_SERVICE_PORT_HTTP", "FACADE_PORT"),
        ("FACADE_PORT_80_TCP", "FACADE_PORT_80_TCP_PROTO", "FACADE_PORT_80_TCP_PORT", "FACADE_PORT_80_TCP_ADDR"),
        # A Service "facade-db".
        ("FACADE_DB_SERVICE_HOST", "FACADE_DB_SERVICE_PORT", "FACADE_DB_PORT", "FACADE_DB_PORT_5432_TCP_ADDR"),
        ("FACADE_TEST_SEED",),
    ],
)
def test_what_is_known_or_of_others_is_let_be(names: tuple[str, ...]) -> None:
    assert refused_among(*names) == ""


@pytest.mark.parametrize(
    "argv",
    [
        [sys.executable, "manage.py", "check"],
        [str(Path(sys.executable).parent / "gunicorn"), "--config", "facade_site/gunicorn_config.py"],
        [sys.executable, "-m", "facade_site.healthcheck"],
    ],
    ids=["manage.py", "gunicorn", "healthcheck"],
)
@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "FACADE_RELAY_SECONDS",
            "FACADE_RELAY_SECONDS='soon' can't be read: expected is a number of seconds above 0\n",
        ),
        ("FACADE_RELAI_SECONDS", "there is no variable FACADE_RELAI_SECONDS: do you mean FACADE_RELAY_SECONDS?\n"),
    ],
    ids=["unreadable", "unknown"],
)
def test_a_program_tells_it_in_one_line(argv: list[str], name: str, line: str, tmp_path: Path) -> None:
    environment = os.environ | {"FACADE_STATE_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "facade_site.settings"}

    ended = subprocess.run(
        argv, cwd=ROOT, env=environment | {name: "soon"}, capture_output=True, text=True, check=False, timeout=60
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", line)
