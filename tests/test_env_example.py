"""`.env.example` describes every variable that is read, and `docker compose up` hands each of them to the app."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Read by nobody but the composition of the containers, or said there in its own way.
NOT_HANDED_ON = {
    "BIND": "in the container 0.0.0.0; for compose it is where the port is published",
    "PORT": "in the container 8000; for compose it is where the port is published",
    "FACADE_STATE_DIR": "a volume is mounted there",
}


def variables_read(source: str) -> set[str]:
    """The names that a module reads from the environment: `env.<kind>("NAME", …)` and `os.environ.get("NAME")`."""
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


def read_by_the_facade() -> set[str]:
    modules = [
        path
        for folder in ("facade_site", "routing")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "settings_test.py"
    ]
    return set().union(*(variables_read(path.read_text()) for path in modules)) - {"DJANGO_SETTINGS_MODULE"}


def documented() -> list[str]:
    return re.findall(r"^#?([A-Z][A-Z_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE)


def test_the_reader_sees_both_ways_of_asking() -> None:
    assert variables_read('a = env.str("A", default=""); b = os.environ.get("B"); c = other.get("C")') == {"A", "B"}


def test_every_variable_is_documented_once_and_nothing_else_is() -> None:
    names = documented()

    assert sorted(names) == sorted(read_by_the_facade())


def test_nothing_is_switched_on_by_copying_the_example() -> None:
    active = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]

    assert active == []


def test_compose_hands_on_every_variable() -> None:
    handed_on = re.findall(r"^    - ([A-Z][A-Z_]*)(?:=.*)?$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)

    assert set(handed_on) == set(documented()) - set(NOT_HANDED_ON)
