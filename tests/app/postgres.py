"""A PostgreSQL of our own for the tests: from the Debian package, on a free port, gone afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

WHY_NOT = "no PostgreSQL server on this machine; hint: apt-get install postgresql"


def binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, the newest version's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def die_with_us() -> None:
    """A server whose tests were killed must not stay behind (Linux: PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


class Postgres:
    """One server. It refuses to run as root, so root starts it as the package's user."""

    def __init__(self, bin_folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._bin = bin_folder
        self._settings = settings or {}
        self._user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        self.folder = Path(tempfile.mkdtemp(prefix="callcenter-pg-"))
        if self._user:
            shutil.chown(self.folder, "postgres", "postgres")
        self._databases = 0
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N", "--locale=C")
        self.process = self._start()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._bin / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._user,
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def _start(self, port: int = 0) -> subprocess.Popen[bytes]:
        for _ in range(3):  # somebody else may take the port in between
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                self.port = probe.getsockname()[1]
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": str(self.port),
                "unix_socket_directories": str(self.folder),
                "fsync": "off",
                "full_page_writes": "off",
                "max_connections": "50",
                **self._settings,
            }
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            with (self.folder / "log").open("ab") as log:
                process = subprocess.Popen(
                    [self._bin / "postgres", "-D", "data", *options],
                    cwd=self.folder, stdout=log, stderr=log, **self._user,
                    preexec_fn=die_with_us,  # noqa: PLW1509 - one system call, no lock to wait for
                )  # fmt: skip
            if self._answers(process):
                return process
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                create_engine(self.url("postgres"), poolclass=NullPool).connect().close()
            except Exception:  # noqa: BLE001 - not yet
                time.sleep(0.05)
            else:
                return True
        process.kill()
        process.wait()
        return False

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """URL of a fresh, empty database."""
        self._databases += 1
        name = f"test{self._databases}"
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)

    def pause(self) -> None:
        """Every process of it stands still: connections are taken by the kernel and never answered."""
        self._signal_all(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal_all(signal.SIGCONT)

    def kill(self) -> None:
        """As when its machine loses power."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(60)

    def start_again(self) -> None:
        """At the same address."""
        self.process = self._start(self.port)

    def _signal_all(self, what: signal.Signals) -> None:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in (self.process.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, what)

    def stop(self) -> None:
        """Immediate shutdown: what it holds is thrown away anyhow."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server of its own while the block lasts; the tests skip, and say why, where there is none."""
    folder = binaries()
    if folder is None:
        pytest.skip(WHY_NOT)
    server = Postgres(folder)
    try:
        yield server
    finally:
        server.go_on()
        server.stop()
