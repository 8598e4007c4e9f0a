"""Pages of reference that people write and that have to agree with the code."""

from __future__ import annotations

import re

from routing.services.telling.kinds import KINDS
from tests.docs.pages import DOCS, ROOT


def test_every_system_check_stands_on_its_page_and_no_other() -> None:
    sources = "".join(path.read_text() for path in sorted((ROOT / "routing/checks").glob("*.py")))
    made = set(re.findall(r"\brouting\.([EW]\d{3})\"", sources)) | set(
        re.findall(r'^    "([EW]\d{3})": \(', sources, re.M)
    )
    told = re.findall(r"^\| `routing\.([EW]\d{3})` \|", (DOCS / "reference/system-checks.md").read_text(), re.M)

    assert len(made) >= 14
    assert sorted(made) == told


def test_every_kind_that_one_subscribes_to_stands_in_its_table_and_no_other() -> None:
    page = (DOCS / "how-to/webhooks.md").read_text()
    table = page.partition("| kind | told when |")[2].partition("\n\n")[0]

    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.M)) == sorted(KINDS)


def test_every_decision_has_a_number_of_its_own_and_begins_with_it() -> None:
    records = sorted((DOCS / "decisions").glob("[0-9]*.md"))

    assert len({path.name[:4] for path in records}) == len(records)
    for path in records:
        assert path.read_text().startswith(f"# {int(path.name[:4])}. "), path


def test_the_licence_of_each_package_that_is_installed_is_on_its_page() -> None:
    pins = re.findall(
        r"^([a-z0-9][a-z0-9.-]*)(?:\[[^]]*\])?==([^\\\n]*)", (ROOT / "requirements.txt").read_text(), re.M
    )
    # What another system or an older Python needs isn't installed here.
    needed = {name for name, rest in pins if ";" not in rest}
    rows = dict(re.findall(r"^\| (\S+) \| (.+) \|$", (DOCS / "reference/licences.md").read_text(), re.M))

    assert len(needed) > 20
    assert needed - rows.keys() == set(), "run `make licences`"
    assert rows.keys() - {name for name, _ in pins} - {"package"} == set(), "run `make licences`"
    assert "not said" not in rows.values()
