"""`docker compose up` as docs/how-to/containers.md and docs/how-to/going-live.md have it, on a real dockerd.

Behind a proxy of the host, with secrets in files, with the database gone, and for any user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.project import Engine, Project, documented, engine
from tests.e2e.front_proxies import HOST, Nginx
from tests.e2e.lab.process import wait_until

pytestmark = pytest.mark.e2e

READY_SECONDS = 180.0
MANIFEST = "/v2/acme/app/manifests/1.0"
#: A compose override that makes PostgreSQL's data unreadable to it is the sharpest way of having no database.
STOPS_POSTGRESQL = "mv /var/lib/postgresql/data/global/pg_control /var/lib/postgresql/data/kept && kill -QUIT 1"


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    with engine() as running:
        yield running


def wait_ready(project: Project) -> None:
    wait_until(lambda: '"source": "database"' in project.readiness(), "the facade is ready", READY_SECONDS)


def map_acme(project: Project, hostname: str = "docker.acme.test") -> None:
    project.manage("add_mapping", hostname, "acme", "ghcr.io/acme", "--redirect-only")
    wait_until(lambda: project.status(MANIFEST, hostname) == 307, "the mapping is served", READY_SECONDS)


def test_a_proxy_on_the_host_with_the_documented_settings(docker: Engine, tmp_path: Path) -> None:
    settings = dict(re.findall(r"^(\w+)=(.*)$", documented("With `docker compose up`, in `.env`:"), re.MULTILINE))
    with Project(docker, tmp_path / "project", **settings) as project:
        project.up()
        wait_ready(project)
        project.manage("add_mapping", HOST, "acme", "ghcr.io/acme")
        with Nginx(project.port) as nginx:
            wait_until(lambda: nginx.get("/v2/").status == 401, "the mapping is served", READY_SECONDS)

            challenge = nginx.get("/v2/").headers["WWW-Authenticate"]
            page = nginx.get("/accounts/login/", Host="facade.acme.com")

        assert f'realm="https://{HOST}:{nginx.port}/token"' in challenge
        assert page.status == 200
        assert "Secure" in page.headers["Set-Cookie"]


def test_a_proxy_that_is_not_named_is_told_by_its_address(docker: Engine, tmp_path: Path) -> None:
    settings = {"FACADE_CONTROL_HOSTS": "facade.acme.com,localhost", "EDGE": "off"}
    with Project(docker, tmp_path / "project", **settings) as project:
        project.up()
        wait_ready(project)

        status, _, page = project.get("/accounts/login/", "facade.acme.com", **{"X-Forwarded-Proto": "https"})

        assert status == 403
        assert re.search(rb"proxy at 172\.\d+\.0\.1, which is not trusted", page)


def tells_the_password(log: str) -> bool:
    """The administrator is made once the database is prepared, which takes longer than the server waits for it."""
    return re.search(r"name admin  password \w{24}", log) is not None


def test_secrets_in_files_and_nothing_is_made_in_silence(docker: Engine, tmp_path: Path) -> None:
    key = "a key of the operator's own, which is long enough: 0123456789"
    with Project(docker, tmp_path / "project") as project:
        project.up()
        wait_ready(project)
        assert "SECRET_KEY is not set: one was made, and is kept in /srv/facade/var/secret_key" in project.logs()
        assert "SECRET_KEY is not set: the one in /srv/facade/var/secret_key is used" in project.logs()
        wait_until(lambda: tells_the_password(project.logs()), "the password is told", READY_SECONDS)

        project.override(documented("Then name them, in `docker-compose.override.yml`:"))
        (project.folder / "secrets").mkdir()
        (project.folder / "secrets" / "secret_key").write_text(f"{key}\n")
        (project.folder / "secrets" / "secret_key").chmod(0o444)
        project.write_settings(
            **dict(re.findall(r"^(\w+)=(.*)$", documented("and say where they are, in `.env`:"), re.MULTILINE))
        )
        project.up()
        wait_ready(project)

        shown = project.manage("shell", "-v0", "-c", "from django.conf import settings as s; print(s.SECRET_KEY)")
        assert shown == f"{key}\n"


def test_a_secret_that_is_not_there_is_told(docker: Engine, tmp_path: Path) -> None:
    with Project(docker, tmp_path / "project", DATABASE_URL_FILE="/run/secrets/none") as project:
        project.up()

        line = "DATABASE_URL_FILE: the file that it names can't be read (/run/secrets/none: No such file or directory)"
        wait_until(lambda: line in project.logs(), "the file is named", READY_SECONDS)


def test_up_with_the_database_gone_leaves_the_facade_serving(docker: Engine, tmp_path: Path) -> None:
    with Project(docker, tmp_path / "project") as project:
        project.up()
        wait_ready(project)
        map_acme(project)
        wait_until(lambda: _has_snapshot(project), "the snapshot has the mapping", READY_SECONDS)
        project.compose("exec", "-T", "postgres", "sh", "-c", STOPS_POSTGRESQL)

        project.write_settings(LOG_LEVEL="DEBUG")
        project.up()

        wait_until(lambda: project.status(MANIFEST, "docker.acme.test") == 307, "redirects go on", READY_SECONDS)
        assert '"source": "snapshot"' in project.readiness()
        # The database comes back, and is prepared for this release meanwhile.
        sources = "{{range .Mounts}}{{.Source}} {{end}}"
        mounted = docker.docker("inspect", "--format", sources, _container(project)).checked().stdout.split()
        (kept,) = [path for source in mounted if (path := Path(source) / "kept").exists()]
        kept.rename(kept.parent / "global" / "pg_control")
        wait_ready(project)
        assert project.status(MANIFEST, "docker.acme.test") == 307


def _has_snapshot(project: Project) -> bool:
    return (
        "snapshot: same as the rows"
        in project.compose("exec", "-T", "app", "python", "manage.py", "check_table").output
    )


def _container(project: Project) -> str:
    return project.compose("ps", "--quiet", "postgres").checked().stdout.strip()


@pytest.mark.parametrize("user", ["23456:34567", "23456"])
def test_any_user_with_compose(docker: Engine, tmp_path: Path, user: str) -> None:
    with Project(docker, tmp_path / "project") as project:
        each = "".join(f'  {service}:\n    user: "{user}"\n' for service in ("app", "maintain"))
        project.override(f"services:\n{each}")
        project.up()
        wait_ready(project)
        map_acme(project)

        owner = project.compose("exec", "-T", "app", "stat", "--format", "%u %a", "var/secret_key").checked().stdout

        assert owner == "23456 600\n"


def test_the_image_alone_serves_from_its_own_database_for_any_user(docker: Engine) -> None:
    """`docker run registry-facade`, with nothing else: SQLite, prepared at the start."""
    started = docker.docker(
        "run", "--detach", "--rm", "--user", "45678", "--read-only", "--tmpfs", "/tmp", "registry-facade"
    )
    container = started.checked().stdout.strip()
    try:
        manage = ["exec", container, "python", "manage.py"]
        wait_until(lambda: docker.docker(*manage, "list_mappings").ok, "the database is prepared", READY_SECONDS)
        healthy = ["exec", container, "python", "-m", "facade_site.healthcheck"]
        wait_until(lambda: docker.docker(*healthy).ok, "the server answers", READY_SECONDS)
        logs = ("logs", container)
        wait_until(lambda: tells_the_password(docker.docker(*logs).output), "the password is told", READY_SECONDS)
    finally:
        docker.docker("rm", "--force", "--volumes", container)


def test_a_folder_of_another_user_is_told_in_one_line(docker: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)

    ended = docker.docker("run", "--rm", "--user", "45678", "--volume", f"{folder}:/srv/facade/var", "registry-facade")

    assert not ended.ok
    assert "SECRET_KEY is not set, and none can be kept in FACADE_STATE_DIR (/srv/facade/var" in ended.output
    assert "for UID 45678" in ended.output
    assert "Traceback" not in ended.output
