"""`manage.py edge`: what it takes, what it refuses, and what is left in place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routing.edge import envoy as judging
from routing.edge.command import main
from routing.edge.document import Refused, pack, unpack
from routing.edge.files import STATUS
from routing.edge.keeper import pause
from routing.edge.publisher import Publisher as Asker
from tests.edge.publisher import TOKEN, Publisher, document, publishing

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_TOKEN", TOKEN)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing(document(5)) as running:
        yield running


def edge(publisher: Publisher, folder: Path, *more: str) -> int:
    words = ["--from", publisher.origin, "--folder", str(folder), "--app", "127.0.0.1:8000", "--once", *more]
    return main(words)


def in_place(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != STATUS}


def status(folder: Path) -> Any:
    return json.loads((folder / STATUS).read_text())


def test_what_is_published_is_put_in_place_once(publisher: Publisher, tmp_path: Path) -> None:
    assert edge(publisher, tmp_path) == 0

    files = {name: text.encode() for name, text in unpack(publisher.body).files}
    assert in_place(tmp_path) == files
    assert edge(publisher, tmp_path) == 0
    assert publisher.served == [200, 304]
    path, headers = publisher.seen[0]
    assert path.startswith("/api/v1/routes/envoy?listen=%3A80&app=127.0.0.1%3A8000&scheme=http&folder=")
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert (status(tmp_path)["generation"], status(tmp_path)["problem"]) == (5, "")
    assert TOKEN not in (tmp_path / STATUS).read_text()


def test_files_that_somebody_changed_are_fetched_again(publisher: Publisher, tmp_path: Path) -> None:
    edge(publisher, tmp_path)
    (tmp_path / judging.BOOTSTRAP).write_text("{}")

    assert edge(publisher, tmp_path) == 0

    assert in_place(tmp_path) == {name: text.encode() for name, text in unpack(publisher.body).files}


REFUSED = {
    "older": (document(4), "older than 5 in place"),
    "without a hostname": (document(6, 0), "has no hostname"),
    "cut": (document(6)[:-100], "no document of routes"),
    "flipped": (document(6).replace(b"h1.example", b"h9.example", 1), "a checksum is another one"),
    "nothing": (b"", "no document of routes"),
    "another shape": (b'{"format": 1, "engine": [], "generation": 6, "files": {}}', "which generation"),
    "of a later format": (b'{"format": 2, "engine": "envoy", "generation": 6, "files": []}', "upgrade it"),
    "partial": (pack("envoy", 6, unpack(document(6)).files[:2]).encode(), "doesn't have the files"),
    "mixed": (
        pack("envoy", 6, [unpack(document(6)).files[0], *unpack(document(7)).files[1:]]).encode(),
        "of several generations",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_leaves_what_is_in_place(
    publisher: Publisher, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    edge(publisher, tmp_path)
    before = in_place(tmp_path)
    publisher.body, says = REFUSED[kind]
    publisher.etag = '"2"'

    assert edge(publisher, tmp_path) == 1

    assert in_place(tmp_path) == before
    assert says in status(tmp_path)["problem"]
    assert "generation 5 stays in place" in caplog.text
    publisher.body, publisher.etag = document(6), '"3"'
    assert edge(publisher, tmp_path) == 0
    assert status(tmp_path)["generation"] == 6


@pytest.mark.parametrize("code", [301, 307, 401, 403, 404, 500, 503, 204])
def test_another_answer_changes_nothing_and_the_token_stays_here(
    publisher: Publisher, tmp_path: Path, code: int
) -> None:
    edge(publisher, tmp_path)
    before = in_place(tmp_path)
    publisher.etag, publisher.status = '"2"', code

    assert edge(publisher, tmp_path) == 1

    assert in_place(tmp_path) == before
    assert str(code) in status(tmp_path)["problem"]
    assert all(path.startswith("/api/v1/routes/") for path, _ in publisher.seen)


def test_an_answer_that_is_cut_is_no_answer(publisher: Publisher, tmp_path: Path) -> None:
    body = publisher.body
    publisher.raw = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body) + 1, body)

    assert edge(publisher, tmp_path) == 1

    assert in_place(tmp_path) == {}


def test_what_changes_too_much_waits_for_a_word(publisher: Publisher, tmp_path: Path) -> None:
    publisher.body = document(5, 200, target=1)
    edge(publisher, tmp_path)
    publisher.body, publisher.etag = document(6, 90, target=1), '"2"'

    assert edge(publisher, tmp_path) == 1
    assert "110 of 200 hostnames" in status(tmp_path)["problem"]
    assert edge(publisher, tmp_path, "--max-change-share", "0") == 0
    publisher.body, publisher.etag = document(4, 200), '"3"'
    assert edge(publisher, tmp_path) == 1
    assert edge(publisher, tmp_path, "--accept") == 0
    assert status(tmp_path)["generation"] == 4


def test_hostnames_that_lead_elsewhere_count() -> None:
    before = judging.read_routes(dict(unpack(document(5, 120)).files)[judging.ROUTES])

    with pytest.raises(Refused, match="120 of 120 hostnames"):
        judging.judge(unpack(document(6, 120)), before, 33)


def test_without_the_facade_files_stay_and_the_edge_goes_on(publisher: Publisher, tmp_path: Path) -> None:
    edge(publisher, tmp_path)
    before = in_place(tmp_path)
    publisher.shutdown()
    publisher.server_close()

    assert edge(publisher, tmp_path) == 1

    assert in_place(tmp_path) == before
    assert "can't be asked" in status(tmp_path)["problem"]


@pytest.mark.parametrize("words", [["edge"], ["facade", "edge"]])
def test_it_needs_no_settings_and_imports_no_database(publisher: Publisher, tmp_path: Path, words: list[str]) -> None:
    arguments = [*words, "--from", publisher.origin, "--folder", str(tmp_path), "--app", "127.0.0.1:8000", "--once"]
    program = (
        "import atexit, runpy, sys; sys.argv = ['manage.py', *sys.argv[1:]]; foreign = "
        "('django', 'sqlite3', 'psycopg', 'routing.models', 'routing.conf', 'facade_site.settings')\n"
        "atexit.register(lambda: print('imported:', [name for name in foreign if name in sys.modules]))\n"
        "runpy.run_path('manage.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "EDGE_TOKEN": TOKEN, "DATABASE_URL": "nonsense://"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "imported: []\n"), done.stderr
    assert (tmp_path / judging.BOOTSTRAP).exists()


@pytest.mark.parametrize("origin", ["http://facade.example", "ftp://127.0.0.1", "facade.example"])
def test_a_token_goes_nowhere_in_plain_text(origin: str) -> None:
    with pytest.raises(ValueError, match="by https"):
        Asker(origin, TOKEN, seconds=1)


def test_a_token_may_be_in_a_file_and_has_to_be_somewhere(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EDGE_TOKEN")
    folder, file = tmp_path / "envoy", tmp_path / "token"
    folder.mkdir()
    file.write_text(f"{TOKEN}\n")

    assert edge(publisher, folder, "--token-file", str(file)) == 0
    with pytest.raises(SystemExit):
        edge(publisher, folder)
    assert "there is no token" in capsys.readouterr().err


def test_who_fails_comes_back_less_and_less_often_and_not_all_at_once() -> None:
    assert all(5 <= pause(10, 0) <= 10 for _ in range(100))
    assert all(20 <= pause(10, 2) <= 40 for _ in range(100))
    assert all(150 <= pause(10, failures) <= 300 for failures in range(5, 5000, 99))
    assert len({pause(10, 3) for _ in range(20)}) > 10
