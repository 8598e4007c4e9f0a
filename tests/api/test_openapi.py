"""The OpenAPI document as a snapshot: a change of the API shows in review, whoever makes it."""

from __future__ import annotations

import json
from pathlib import Path

from routing.api.api import api

SNAPSHOT = Path(__file__).parent / "openapi.json"


def test_the_document_is_the_one_that_was_agreed() -> None:
    document = json.loads(json.dumps(api.get_openapi_schema(), default=str))

    assert document == json.loads(SNAPSHOT.read_text()), "if that is meant: scripts/openapi writes the snapshot anew"


def test_its_names_are_of_one_kind() -> None:
    """What comes in, what goes out, what changes a row: as django-ninja's own documentation calls them."""
    names = set(json.loads(SNAPSHOT.read_text())["components"]["schemas"])
    inputs = {name for name in names if name.endswith(("In", "Patch", "Query", "Params", "Enable"))}
    paged = {name for name in names if name.startswith("Paged") or name == "Input"}

    assert not [name for name in names if name.endswith(("Told", "Given", "Asked"))]
    assert {name for name in names - inputs - paged if not name.endswith("Out")} <= {
        *("Problem", "MappingOutcome", "Role", "Delivery", "Verdict"),
    }
