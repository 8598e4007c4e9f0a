"""A streaming standby of a test's PostgreSQL, and PgBouncer before it: both real, each in a folder of its own."""

import os
import shutil
from pathlib import Path
from typing import Self

from tests.e2e.lab import process
from tests.e2e.lab.process import Daemon
from tests.e2e.postgresql import OutagePostgresql


class Standby:
    """Follows a server from a base backup on. `url` names its copy of the database."""

    def __init__(self, primary: OutagePostgresql) -> None:
        self._primary = primary
        self._folder = process.short_directory("standby")
        if os.getuid() == 0:
            shutil.chown(self._folder, "postgres")
        source = [f"--host={primary.folder}", "--username=facade", "--checkpoint=fast", "--no-sync"]
        primary.run_program("pg_basebackup", f"--pgdata={self._data}", "--write-recovery-conf", *source)
        # A standby takes no fewer connections than the server that it follows.
        options = (
            f"-c listen_addresses='' -c unix_socket_directories={self._folder} -c fsync=off -c max_connections=200"
        )
        self._control(f"--log={self._log}", f"--options={options}", "start")
        self.url = f"postgres://facade@/facade?host={self._folder}"

    def promote(self) -> None:
        """It is a server of its own from now on."""
        self._control("promote")

    def log(self) -> str:
        """What the server has logged."""
        return self._log.read_text(errors="replace")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _control(self, *arguments: str) -> None:
        self._primary.run_program("pg_ctl", f"--pgdata={self._data}", "--silent", "--wait", *arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._control("--mode=immediate", "stop")
        process.remove(self._folder)


class PgBouncer:
    """Debian's, in transaction mode, with few connections to the server. `url` leads through it."""

    def __init__(self, server: OutagePostgresql) -> None:
        self._folder = process.short_directory("bouncer")
        config = self._folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\nfacade = host={server.folder} user=facade dbname=facade\n"
            f"[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {self._folder}\nauth_type = any\n"
            "pool_mode = transaction\ndefault_pool_size = 3\n"
        )
        argv = ["pgbouncer", str(config)]
        if os.getuid() == 0:
            # It refuses to stay root.
            shutil.chown(self._folder, "postgres")
            argv[1:1] = ["-u", "postgres"]
        self._daemon = Daemon(argv, self._folder, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        self.url = f"postgres://facade@/facade?host={self._folder}&port=6432"
        self._daemon.wait_ready(lambda: (self._folder / ".s.PGSQL.6432").exists())

    def log(self) -> str:
        """What it has logged."""
        return self._daemon.log.read_text(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._daemon.stop()
        process.remove(self._folder)
