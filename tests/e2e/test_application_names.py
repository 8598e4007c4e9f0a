"""Who looks into pg_stat_activity learns which server, which process and what for."""

from __future__ import annotations

import platform

import psycopg
import pytest

from tests.e2e.facade import facade_on
from tests.e2e.lab.process import wait_until


@pytest.mark.parametrize("given", ["", "of-the-operator"], ids=["ours", "the operator's"])
def test_each_connection_says_whose_it_is(given: str) -> None:
    with (
        facade_on("postgresql", workers=2, **({"PGAPPNAME": given} if given else {})) as facade,
        psycopg.connect(facade.env["DATABASE_URL"], application_name="test") as asking,
    ):

        def names() -> set[str]:
            asking.rollback()
            found = asking.execute("SELECT application_name FROM pg_stat_activity WHERE datname = current_database()")
            return {name for (name,) in found} - {"test"}

        def are_there(*wanted: str) -> bool:
            facade.request("GET", "/accounts/login/")
            return set(wanted) <= names()

        if given:
            wait_until(lambda: are_there(given, f"{given} listen"), "connections have the operator's name")
            assert not [name for name in names() if name.startswith("registry-facade")]
            return
        host = f"registry-facade {platform.node()[:30]}"
        wanted = [f"{host} worker {number} listen" for number in (1, 2)] + [f"{host} maintain"]
        wait_until(lambda: are_there(*wanted), "workers and the maintenance have their names")
        assert all(name.startswith(f"{host} ") for name in names())
