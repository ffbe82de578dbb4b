"""A real FreeSWITCH for the length of a test session: own ports, own folders, our own copy-in files."""

from __future__ import annotations

import math
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPO = Path(__file__).parents[2]
SNIPPETS = REPO / "freeswitch_conf"
CONF = Path(__file__).parent / "conf-minimal"
PASSWORD = "live-tests-only"


def missing() -> str | None:
    """Why live tests can't run here, or None."""
    if binary() is None:
        return "no FreeSWITCH: set FREESWITCH_HOME to its prefix, or put freeswitch on PATH"
    if shutil.which("sipp") is None:
        return "no SIPp: install it (Debian: sip-tester)"
    return None


def binary() -> str | None:
    home = os.environ.get("FREESWITCH_HOME")
    if home:
        return shutil.which(str(Path(home) / "bin" / "freeswitch"))
    return shutil.which("freeswitch")


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def write_tone(path: Path, *, hertz: int = 440, seconds: int = 4) -> None:
    """Music that is loud enough to be told from silence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(
            b"".join(
                struct.pack("<h", int(12000 * math.sin(2 * math.pi * hertz * i / 8000)))
                for i in range(8000 * seconds)
            )
        )


class SwitchError(Exception):
    """FreeSWITCH did not start, or refused what a test needs."""


class Esl:
    """The smallest event-socket client that can ask a question. For looking on, never for the product."""

    def __init__(self, port: int, password: str = PASSWORD, timeout: float = 5.0) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout)
        self._file = self._sock.makefile("rb")
        self._frame()
        self._sock.sendall(f"auth {password}\n\n".encode())
        reply = self._frame()[0].get("Reply-Text", "")
        if not reply.startswith("+OK"):
            raise SwitchError(f"event socket said {reply!r}")

    def _frame(self) -> tuple[dict[str, str], str]:
        headers: dict[str, str] = {}
        while True:
            line = self._file.readline()
            if not line:
                raise SwitchError("event socket closed")
            text = line.decode(errors="replace").rstrip("\n")
            if not text:
                break
            name, _, value = text.partition(": ")
            headers[name] = value
        body = self._file.read(int(headers.get("Content-Length", "0")))
        return headers, body.decode(errors="replace")

    def api(self, command: str) -> str:
        return self.apis([command])[0].strip()

    def apis(self, commands: list[str]) -> list[str]:
        """Several in one breath."""
        self._sock.sendall("".join(f"api {command}\n\n" for command in commands).encode())
        return [self._frame()[1] for _ in commands]

    def tell(self, command: str) -> None:
        """A whole command with its headers, whose reply says nothing."""
        self._sock.sendall(f"{command}\n\n".encode())
        self._frame()

    def close(self) -> None:
        self._file.close()
        self._sock.close()


@dataclass
class FreeSwitch:
    folder: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    log_level: str = "info"
    esl_port: int = 0
    sip_port: int = 0
    password: str = PASSWORD
    instance: int = 0
    """Several at a time need different ones: their RTP ports follow from it."""
    rtp_ports: int = 998
    """Two a channel."""
    _process: subprocess.Popen[bytes] | None = None
    _esl: Esl | None = None

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    def write_configuration(self) -> None:
        self.esl_port = self.esl_port or free_port(socket.SOCK_STREAM)
        self.sip_port = self.sip_port or free_port()
        shutil.copytree(CONF, self.conf)
        for part in ("autoload_configs", "dialplan"):
            shutil.copytree(SNIPPETS / part, self.conf / part)
        shutil.copytree(SNIPPETS / "scripts", self.folder / "scripts")
        for name in ("extra_modules.xml", "extra_configs.xml", "extra_dialplan.xml"):
            (self.conf / name).write_text(f"<include>\n{self.extra.get(name, '')}\n</include>\n")
        (self.conf / "autoload_configs/callcenter/password.xml").write_text(
            f'<include>\n<param name="password" value="{PASSWORD}"/>\n</include>\n'
        )
        socket_conf = self.conf / "autoload_configs/event_socket.conf.xml"
        text = socket_conf.read_text()
        if text.count('value="8021"') != 1:
            raise SwitchError("event_socket.conf.xml names its port otherwise than expected")
        socket_conf.write_text(text.replace('value="8021"', f'value="{self.esl_port}"'))
        rtp_first = 20000 + (os.getpid() % 10) * 3000 + self.instance * 1000
        if self.rtp_ports > 998:
            rtp_first = 6000 + self.instance * self.rtp_ports
        variables = {
            "sip_port": self.sip_port,
            "rtp_first_port": rtp_first,
            "rtp_last_port": rtp_first + self.rtp_ports,
            "moh_dir": self.folder / "moh",
            "test_log_level": self.log_level,
            "local_ip_v4": "127.0.0.1",
            "domain": "127.0.0.1",
        }
        lines = [f'<X-PRE-PROCESS cmd="set" data="{k}={v}"/>' for k, v in variables.items()]
        (self.conf / "vars.xml").write_text("<include>\n" + "\n".join(lines) + "\n</include>\n")
        write_tone(self.folder / "moh/tone.wav")

    def start(self, wait_s: float = 30.0) -> None:
        if not self.conf.exists():
            self.write_configuration()
        for name in ("log", "db", "run"):
            (self.folder / name).mkdir(exist_ok=True)
        program = binary()
        if program is None:
            raise SwitchError("no freeswitch")
        folders = [f"-{n}" for n in ("conf", "log", "db", "run", "scripts")]
        arguments = [x for n in folders for x in (n, str(self.folder / n[1:]))]
        with (self.folder / "stdout.log").open("ab") as out:
            self._process = subprocess.Popen(
                [program, "-nonat", "-nf", "-nc", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        deadline = time.monotonic() + wait_s
        while True:
            if self._process.poll() is not None:
                raise SwitchError(f"FreeSWITCH ended at start, see {self.folder}/stdout.log")
            try:
                self._esl = Esl(self.esl_port, self.password)
                if "RUNNING" in self.api("sofia status") and self.api("status").startswith("UP"):
                    return
            except (OSError, SwitchError):
                pass
            if time.monotonic() > deadline:
                self.stop()
                raise SwitchError(
                    f"FreeSWITCH not ready after {wait_s} s, see {self.folder}/log/freeswitch.log"
                )
            time.sleep(0.1)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise SwitchError("not started")
        return self._process.pid

    def api(self, command: str) -> str:
        if self._esl is None:
            raise SwitchError("not started")
        return self._esl.api(command)

    def channels(self) -> int:
        return int(self.api("show channels count").split()[0])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._esl is not None:
            self._esl.close()
            self._esl = None
        if self._process is not None:
            self._process.send_signal(how)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
