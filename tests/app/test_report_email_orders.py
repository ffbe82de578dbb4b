"""Reports by e-mail as an operator meets them: the running controller, its API and metrics, the command."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
import structlog
from app.fake_controller import FakeController
from app.mail_server import MailServer
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from py_callcenter.api import create_app
from py_callcenter.api.server import ApiServer
from py_callcenter.app.mailer import StoredMails
from py_callcenter.cli.commands import app as command
from py_callcenter.config import Mail, Recipient, load
from py_callcenter.reports.mail.periods import last_over
from py_callcenter.store import Store

pytestmark = pytest.mark.app

TOKEN = "a-token-for-the-tests"
CALLCENTER = Path(sys.executable).parent / "callcenter"
CONFIG = """\
[controller]
listen = "127.0.0.1:{port}"
[[nodes]]
name = "fs1"
password = "ClueCon"
[[queues]]
name = "support"
[mail]
host = "127.0.0.1"
port = {mail}
security = "none"
sender = "acd@example.org"
[[recipients]]
name = "boss"
address = "boss@example.org"
language = "fa"
zone = "Asia/Tehran"
"""
TODAY = datetime.now(ZoneInfo("Asia/Tehran")).date()
"""The recipient's."""
YESTERDAY = last_over("daily", "gregorian", datetime.now(UTC).date()).first


def until(look, what, *not_yet):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(*not_yet):
            if found := look():
                return found
        time.sleep(0.05)
    raise AssertionError(f"not within 30 s: {what}")


@pytest.fixture
def mail_server():
    server = MailServer()
    yield server
    server.stop()


class Clock:
    def now_us(self):
        return time.time_ns() // 1000


class Controller(FakeController):
    def __init__(self, config):
        super().__init__()
        self.clock = Clock()
        self.config = config


class Running:
    """A controller's e-mail, database and API."""

    def __init__(self, config, folder):
        self.config = config
        self.store = Store.open(f"sqlite:///{folder}/callcenter.db")
        self.controller = Controller(config)
        self.mails = StoredMails(self.controller, self.store)
        self.app = create_app(self.controller, token=TOKEN, mails=self.mails)

    def stop(self):
        self.mails.stop()
        self.store.close()

    def ask(self, method, path, **more):
        async def ask():
            transport = httpx.ASGITransport(self.app, client=("127.0.0.1", 5000))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                headers = {"authorization": f"Bearer {TOKEN}"}
                return await http.request(method, path, headers=headers, **more)

        return asyncio.run(ask())

    def rows(self):
        return {
            (row["recipient"], row["first"]): row for row in self.ask("GET", "/api/v1/report-emails").json()
        }


@pytest.fixture
def running(tmp_path, mail_server):
    file = tmp_path / "callcenter.toml"
    file.write_text(CONFIG.format(port=8080, mail=mail_server.port))
    running = Running(load(file), tmp_path)
    yield running
    running.stop()


ORDER = {"recipient": "boss", "report": "daily", "day": str(YESTERDAY)}


def test_a_report_that_is_asked_for_goes_out_at_once_and_only_once(running, mail_server):
    running.mails.start()
    asked = running.ask("POST", "/api/v1/report-emails", json=ORDER)

    assert asked.status_code == 202
    assert asked.json()["state"] == "waiting"
    key = ("boss", str(YESTERDAY))
    row = until(lambda: (r := running.rows().get(key)) and r["state"] == "sent" and r, "sent")
    assert (row["attempts"], row["reason"], row["next_at"]) == (1, "", None)
    (message,) = mail_server.messages
    assert message["Message-ID"].startswith(f"<{row['id']}")
    assert message["Content-Language"] == "fa"

    refused = running.ask("POST", "/api/v1/report-emails", json=ORDER)
    assert refused.status_code == 409
    assert "was sent already" in refused.json()["error"]
    again = running.ask("POST", "/api/v1/report-emails", json={**ORDER, "again": True})
    assert again.status_code == 202
    until(lambda: len(mail_server.got) == 2, "sent again")
    assert "boss@" not in str(running.rows())


def test_metrics_count_what_became_of_attempts(running, mail_server):
    mail_server.script["rcpt"] = ["450 later"]

    def counted():
        text = running.ask("GET", "/metrics").text
        return {
            sample.labels["outcome"]: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "callcenter_report_emails_total"
        }

    assert counted() == {"sent": 0, "retried": 0, "failed": 0, "unknown": 0}
    running.ask("POST", "/api/v1/report-emails", json=ORDER)
    running.mails.start()
    until(lambda: counted()["retried"] == 1, "tried")
    running.ask("POST", "/api/v1/report-emails", json=ORDER)  # not in a minute: now
    until(lambda: counted()["sent"] == 1, "sent")


@pytest.mark.parametrize(
    ("order", "status", "words"),
    [
        ({"recipient": "bos"}, 400, "there is no recipient `bos`"),
        ({"recipient": "boss", "report": "yearly"}, 400, "report"),
        ({"recipient": "boss", "day": "tomorrow"}, 400, "day"),
        ({"recipient": "boss", "day": str(TODAY), "report": "monthly"}, 400, "isn't over"),
        ({"recipient": "boss", "day": "2099-01-01"}, 400, "is in the future"),
        ({"recipient": "boss", "day": "9999-12-31", "report": "monthly"}, 400, "is in the future"),
        ({"recipient": "boss", "day": "0001-01-01", "report": "weekly"}, 400, "is too long ago"),
        ({"recipient": "boss", "day": "2000-01-01", "report": "monthly"}, 400, "is too long ago"),
        ({"recipient": "boss", "to": "thief@example.org"}, 400, "to"),
    ],
)
def test_an_order_that_can_not_be_is_refused(running, mail_server, order, status, words):
    answer = running.ask("POST", "/api/v1/report-emails", json=order)

    assert (answer.status_code, words in answer.json()["error"]) == (status, True)
    assert running.rows() == {}


def test_a_preview_is_what_would_be_sent_and_can_do_no_harm_in_a_browser(running, mail_server):
    persian = running.ask("GET", "/api/v1/report-emails/preview", params={"recipient": "boss"})
    plain = running.ask(
        "GET",
        "/api/v1/report-emails/preview",
        params={"report": "weekly", "language": "uk", "zone": "Europe/Kyiv", "format": "text"},
    )

    assert '<html lang="fa" dir="rtl">' in persian.text
    assert persian.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    )
    assert plain.text.startswith("Щотижневий звіт\n")
    assert mail_server.got == []
    for wrong in ({"zone": "Mars"}, {"formula": "best"}, {"recipient": "x"}, {"day": "2099-01-01"}):
        answer = running.ask("GET", "/api/v1/report-emails/preview", params=wrong)
        assert answer.status_code == 400, answer.text
        assert answer.json()["hint"]


def test_a_controller_without_mail_says_so_and_still_previews(tmp_path):
    file = tmp_path / "callcenter.toml"
    file.write_text(CONFIG.format(port=8080, mail=25).partition("[mail]")[0])
    running = Running(load(file), tmp_path)
    running.mails.start()

    assert running.ask("GET", "/api/v1/report-emails").status_code == 409
    assert running.ask("POST", "/api/v1/report-emails", json=ORDER).status_code == 409
    assert running.ask("GET", "/api/v1/report-emails/preview").status_code == 200
    running.stop()


def test_a_stop_does_not_wait_for_a_mail_server_that_says_nothing(running, mail_server):
    mail_server.go_on.clear()
    running.ask("POST", "/api/v1/report-emails", json=ORDER)
    running.mails.start()
    assert mail_server.entered.wait(45)
    done = threading.Thread(target=running.mails.stop)
    done.start()
    done.join(45)

    assert not done.is_alive()
    assert running.rows()["boss", str(YESTERDAY)]["state"] == "sending"  # and later unknown
    mail_server.go_on.set()


def test_passwords_are_shown_nowhere():
    mail = Mail(host="h", sender="a@b", user="u", password="hush-hush")
    boss = Recipient(name="boss", address="boss@example.org")

    assert "hush" not in repr(mail) + str(mail.model_dump()) + mail.model_dump_json()
    assert boss.model_dump()["address"] == "boss@example.org"


# A process of its own.


class Process:
    """`callcenter run` without a switch: its e-mail is what matters here."""

    def __init__(self, file):
        self.file = file
        self.log = (file.parent / "log").open("ab")
        self.process = subprocess.Popen([CALLCENTER, "run", "-c", file], stdout=self.log, stderr=self.log)

    def command(self, *words):
        return subprocess.Popen(
            [CALLCENTER, "report", *words, "-c", self.file], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def rows(self):
        done = self.command("list", "--json")
        out, _ = done.communicate(timeout=30)
        return {row["first"]: row for row in json.loads(out)} if done.returncode == 0 else {}

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.log.close()


@pytest.mark.timeout(120)
def test_a_controller_killed_while_the_server_has_the_message_sends_no_second_one(tmp_path, mail_server):
    file = tmp_path / "callcenter.toml"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file.write_text(CONFIG.format(port=port, mail=mail_server.port))
    mail_server.go_on.clear()
    first = Process(file)
    try:
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz").is_success, "served", httpx.ConnectError)
        asked = first.command("send", "--to", "boss", "--day", str(YESTERDAY))
        assert mail_server.entered.wait(30)
    finally:
        first.kill()
    asked.communicate(timeout=90)
    mail_server.go_on.set()

    second = Process(file)
    try:
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz").is_success, "served", httpx.ConnectError)
        row = until(lambda: second.rows().get(str(YESTERDAY)), "known")
        assert row["state"] == "sending"  # `unknown` when twenty minutes are over
        again = second.command("send", "--to", "boss", "--day", str(YESTERDAY))
        _, words = again.communicate(timeout=60)
        assert again.returncode == 1
        assert b"is being sent at this moment" in words
        assert mail_server.sessions == 1  # nobody came a second time
    finally:
        second.kill()
    assert "boss@" not in (tmp_path / "log").read_text()


# The command line.


class Shell:
    def __init__(self, file):
        self.file = file

    def __call__(self, *words, code=0):
        result = CliRunner().invoke(command, list(words), env={"CALLCENTER_CONFIG": str(self.file)})
        assert result.exit_code == code, (result.output, result.exception)
        return result


@pytest.fixture(params=["running", "stopped"])
def shell(request, tmp_path, mail_server):
    """The command beside a running controller, and with none."""
    file = tmp_path / "callcenter.toml"
    server = ApiServer("127.0.0.1", 0)
    file.write_text(CONFIG.format(port=server.port, mail=mail_server.port))
    if request.param == "stopped":
        server.stop()
        yield Shell(file)
        structlog.reset_defaults()
        logging.getLogger().handlers.clear()
        return
    running = Running(load(file), tmp_path)
    running.mails.start()
    server.start(running.app)
    (tmp_path / "state").mkdir(0o700)
    (tmp_path / "state/token").touch(0o600)
    (tmp_path / "state/token").write_text(TOKEN + "\n")
    yield Shell(file)
    server.stop()
    running.stop()


def test_report_send_says_what_became_of_it(shell, mail_server):
    day = str(YESTERDAY)

    said = shell("report", "send", "--to", "boss", "--day", day).stdout.splitlines()
    assert said[-1] == f"sent: daily report, {day} to {day}, for boss"
    assert len(mail_server.got) == 1
    twice = shell("report", "send", "--to", "boss", "--day", day, code=1)
    assert "was sent already" in twice.stderr
    shell("report", "send", "--to", "boss", "--day", day, "--again")
    assert len(mail_server.got) == 2

    rows = json.loads(shell("report", "list", "--json").stdout)
    assert [row["state"] for row in rows if row["first"] == day] == ["sent"]
    assert "sent" in shell("report", "list").stdout


def test_report_send_names_what_the_server_did_not_take(shell, mail_server):
    mail_server.script["rcpt"] = ["550 5.1.1 <boss@example.org> nobody"]
    found = shell("report", "send", "--to", "boss", "--day", str(YESTERDAY), code=1)

    assert "not sent: the server refuses the recipient (550 5.1.1)" in found.stderr
    mail_server.script["end"] = ["452 full"]
    found = shell("report", "send", "--to", "boss", "--day", str(YESTERDAY), code=1)
    assert "not sent: the server does not take the message (452)" in found.stderr
    assert "it is tried again at" in found.stderr


def test_report_preview_goes_to_stdout(shell, mail_server):
    assert shell("report", "preview", "--language", "fa", "--text").stdout.startswith("گزارش روزانه\n")
    assert shell("report", "preview", "--to", "boss", "--period", "monthly").stdout.startswith(
        "<!DOCTYPE html>"
    )
    assert mail_server.got == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("send", "--to", "bos"), "there is no recipient `bos`"),
        (("send", "--to", "boss", "--period", "yearly"), '--period: "yearly" isn\'t known'),
        (("send", "--to", "boss", "--day", "2026-13-01"), '--day: "2026-13-01" is no day'),
        (("preview", "--language", "de"), '--language: "de" isn\'t known'),
        (("preview", "--zone", "Mars"), "is no time zone"),
        (("preview", "--day", "2099-01-01"), "is in the future"),
        (("preview", "--day", "9999-12-31", "--period", "weekly"), "is in the future"),
        (
            ("preview", "--day", "9999-12-31", "--period", "monthly", "--calendar", "persian"),
            "is in the future",
        ),
        (("preview", "--day", "0001-01-01", "--period", "monthly"), "is too long ago"),
        (
            ("preview", "--day", "0621-03-20", "--period", "monthly", "--calendar", "persian"),
            "is too long ago",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(shell, words, error):
    found = shell("report", *words, code=2)

    assert error in found.stderr
    assert "hint: " in found.stderr
