"""A file system without room: what is answered goes on, what can't be written is told, and comes back with the room.

Each is a small one of its own, in a mount namespace of the server's.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

from tests.e2e.facade import ROOT, Facade, folder_of_metrics
from tests.e2e.lab.process import Completed, run, wait_until
from tests.e2e.load import Load, Wanted

HOST = "docker.acme.test"
PATH = "/v2/acme/app/manifests/1.0"
WORKERS = 2
LOAD = [Wanted(f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), 307, f"https://ghcr.io{PATH}")]


def on_small(folder: str, options: str, then: str = "true") -> list[str]:
    """For `within`: a file system in memory at the folder, and what is done there before the server starts."""
    script = f'mkdir -p {folder} && mount -t tmpfs -o {options} tmpfs {folder} && {then} && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh"]


def within(facade: Facade, path: str) -> Path:
    """A file as the server sees it."""
    return Path(f"/proc/{facade.pid}/root{path}")


def fill(facade: Facade, folder: str) -> Path:
    """Leave no room there. The file that takes it."""
    ballast = within(facade, folder) / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


def metric(facade: Facade, name: str) -> float | None:
    answer = facade.request("GET", "/metrics")
    assert answer.status == 200, answer.body
    lines = answer.body.decode().splitlines()
    return next((float(line.split(" ")[1]) for line in lines if line.startswith(f"{name} ")), None)


def add_mapping(facade: Facade) -> None:
    facade.manage("add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only")
    facade.wait_for(PATH, 307, host=HOST)


def everybody_is_answered(facade: Facade) -> None:
    with Load(facade.port, LOAD) as load:
        load.wait_for_answers(500)
    assert (load.wrong, load.broken) == ([], [])


def begin_another_worker(facade: Facade) -> None:
    before = facade.worker_pids()
    started = facade.log().count("Started server process")
    os.kill(facade.pid, signal.SIGTTIN)
    wait_until(lambda: facade.log().count("Started server process") > started, "another worker serves")
    assert set(before) < set(facade.worker_pids())


def test_without_room_for_metrics_the_server_serves_and_says_so_until_there_is_room() -> None:
    full = on_small("/dev/shm", "size=64k", "head -c 65536 /dev/zero >/dev/shm/ballast")
    with Facade(workers=WORKERS, sqlite=True, within=full) as facade:
        add_mapping(facade)
        everybody_is_answered(facade)

        assert facade.request("GET", "/readyz").json()["metrics"] == "not told: No space left on device"
        assert metric(facade, "facade_metrics_complete") == 0
        assert facade.log().count("serving goes on without metrics") == 1
        pids = facade.worker_pids()

        within(facade, "/dev/shm/ballast").unlink()
        wait_until(lambda: metric(facade, "facade_workers") == WORKERS, "all workers are told of")
        assert metric(facade, "facade_metrics_complete") == 1
        assert facade.request("GET", "/readyz").json()["metrics"] == "ok"
        assert facade.worker_pids() == pids
        assert facade.log().count("serving goes on without metrics") == 1


def test_a_worker_that_starts_when_the_room_is_gone_serves_too() -> None:
    with Facade(workers=WORKERS, sqlite=True, within=on_small("/dev/shm", "size=1m")) as facade:
        add_mapping(facade)
        wait_until(lambda: metric(facade, "facade_workers") == WORKERS, "all workers are told of")
        ballast = fill(facade, "/dev/shm")
        begin_another_worker(facade)

        everybody_is_answered(facade)
        # What the others have is still told; only the new one's is missing.
        assert metric(facade, "facade_workers") == WORKERS
        assert metric(facade, "facade_metrics_complete") == 1, "the control worker has been there before"

        ballast.unlink()
        wait_until(lambda: metric(facade, "facade_workers") == WORKERS + 1, "all workers are told of")


def test_a_worker_starts_where_no_more_files_can_be_made() -> None:
    with Facade(workers=WORKERS, sqlite=True, within=on_small("/dev/shm", "nr_inodes=64")) as facade:
        add_mapping(facade)
        try:
            for number in range(64):
                within(facade, f"/dev/shm/{number}").touch()
        except OSError:
            pass
        begin_another_worker(facade)

        everybody_is_answered(facade)
        assert "has no room for another file" in facade.log()


def test_folders_of_killed_servers_are_swept_by_the_next() -> None:
    with Facade(workers=1, sqlite=True) as facade:
        folder = folder_of_metrics(facade)
        workers = facade.worker_pids() + facade.control_worker_pids()
        os.kill(facade.pid, signal.SIGKILL)
        # For as long as one of them lives, the folder is theirs.
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the workers end too")
        facade.start(facade.port)

        assert folder.name != folder_of_metrics(facade).name
        assert not folder.exists()
        with Facade(workers=1, sqlite=True) as other:
            assert folder_of_metrics(other) != folder_of_metrics(facade)
            assert metric(facade, "facade_workers") == 1


STATE_ON_SMALL = "export FACADE_STATE_DIR=$HOME/small"


def test_without_room_in_the_state_folder_redirects_go_on_and_the_snapshot_comes_with_the_room() -> None:
    small = on_small("$HOME/small", "size=256k", STATE_ON_SMALL)
    with Facade(workers=WORKERS, sqlite=True, within=small, FACADE_SNAPSHOT_SECONDS="0.2") as facade:
        folder = f"{facade.directory}/small"
        ballast = fill(facade, folder)
        written = metric(facade, "facade_snapshot_generation")
        add_mapping(facade)
        wait_until(lambda: "snapshot of the routing table can't be written" in facade.log(), "this is said")
        wait_until(lambda: "state of the regular work can't be written" in facade.log(), "this is said")

        everybody_is_answered(facade)
        assert metric(facade, "facade_snapshot_generation") == written
        assert facade.request("GET", "/readyz").status == 200

        ballast.unlink()
        newest = facade.request("GET", "/readyz").json()["generation"]
        wait_until(lambda: metric(facade, "facade_snapshot_generation") == newest, "the snapshot is written")
        left = {path.name for path in within(facade, folder).iterdir()}
        assert not [name for name in left if name.startswith(".") or name.rpartition(".")[2].isdigit()]
        assert facade.log().count("can't be written") == 2


def test_a_database_without_room_refuses_changes_clearly_and_redirects_go_on() -> None:
    copied = "cp $HOME/state/* $HOME/small && mount --bind $HOME/small $HOME/state"
    with Facade(workers=WORKERS, sqlite=True, within=on_small("$HOME/small", "size=8m", copied)) as facade:
        manage(facade, "add_mapping", HOST, "acme", "ghcr.io/acme", "--redirect-only").checked()
        facade.wait_for(PATH, 307, host=HOST)
        ballast = fill(facade, f"{facade.directory}/state")

        refused = manage(facade, "repoint", HOST, "acme", "quay.io/acme", "--reason", "test")
        while refused.ok:  # What the log has room for is taken.
            refused = manage(facade, "repoint", HOST, "acme", "ghcr.io/acme", "--reason", "test")
        assert "the database has no space left: nothing was changed" in refused.output
        assert "Traceback" not in refused.output
        everybody_is_answered(facade)
        assert facade.request("GET", "/readyz").json()["status"] == "ok"

        ballast.unlink()
        manage(facade, "repoint", HOST, "acme", "quay.io/acme", "--reason", "test").checked()
        facade.wait_for(PATH, 307, host=HOST, location=f"https://quay.io{PATH}")


def manage(facade: Facade, *arguments: str) -> Completed:
    """`manage.py …` where the server sees its files."""
    enter = ["nsenter", "--target", str(facade.pid), "--mount", sys.executable, str(ROOT / "manage.py")]
    return run([*enter, *arguments], env=facade.env)


def test_a_log_that_takes_no_more_stops_nothing() -> None:
    with Facade(workers=WORKERS, sqlite=True, FACADE_ACCESS_LOG="true") as facade:
        add_mapping(facade)
        before = facade.worker_pids()
        for pid in (facade.pid, *before, *facade.control_worker_pids()):
            # No file of theirs grows from now on; control workers write to the same log.
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, 1))
        length = len(facade.log())
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(set(facade.worker_pids()) - {before[0]}) == WORKERS, "another worker has begun")

        everybody_is_answered(facade)
        assert facade.request("GET", "/readyz").status == 200
        assert before[1] in facade.worker_pids()
        assert "GET" not in facade.log()[length:]
