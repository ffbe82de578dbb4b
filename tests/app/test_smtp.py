"""Handing an e-mail to a real mail server that refuses, stalls, breaks off or speaks no TLS.

What must always be known: whether the server has the message, hasn't it, or may have it.
"""

from __future__ import annotations

import socket
import threading
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from app.mail_server import PASSWORD, USER, Authority, MailServer

from py_callcenter.config import Mail
from py_callcenter.reports.mail.smtp import Outcome, send

pytestmark = pytest.mark.app

TO = "boss@example.org"


@pytest.fixture
def server():
    server = MailServer()
    yield server
    server.stop()


def settings(server, **more):
    wanted = {"host": "127.0.0.1", "port": server.port, "security": "none", "sender": "acd@example.org"}
    return Mail(**{**wanted, **more})


def message(text="Hello\r\n.\r\n..dots\r\nRCPT TO:<thief@example.org>\r\n"):
    mail = EmailMessage(SMTP)
    mail["Subject"], mail["From"], mail["To"] = "Report", "acd@example.org", TO
    mail.set_content(text)
    return mail


def deliver(mail, *, begin=lambda: True):
    return send(mail, message(), TO, begin=begin)


def test_a_message_arrives_as_it_was_written(server):
    assert deliver(settings(server)) == Outcome("sent")

    (got,) = server.messages
    assert (got["X-MailFrom"], got["Subject"], got["To"]) == (None, "Report", TO)
    assert got.get_content().splitlines() == ["Hello", ".", "..dots", "RCPT TO:<thief@example.org>"]


@pytest.mark.parametrize(
    ("step", "answer", "state", "reason"),
    [
        ("mail", "451 4.7.1 <acd@example.org> greylisted", "later", "does not take the sender (451 4.7.1)"),
        ("mail", "553 5.1.8 <acd@example.org> unknown", "later", "does not take the sender (553 5.1.8)"),
        ("rcpt", "450 4.2.0 <boss@example.org> later", "later", "does not take the recipient (450 4.2.0)"),
        ("rcpt", "550 5.1.1 <boss@example.org> nobody", "refused", "refuses the recipient (550 5.1.1)"),
        ("data", "451 try again", "later", "does not take the message (451)"),
        ("data", "554 5.7.1 no", "refused", "refuses the message (554 5.7.1)"),
        ("data", "cut", "later", "the connection to the mail server broke (SMTPServerDisconnected)"),
        ("end", "452 4.3.1 disk full", "later", "does not take the message (452 4.3.1)"),
        ("end", "554 5.6.0 spam from boss@example.org", "refused", "refuses the message (554 5.6.0)"),
        ("end", "silent", "unknown", "the server had it and did not answer"),
        ("end", "nonsense", "unknown", "the server had it and gave no answer of use"),
        ("end", "354 go on", "unknown", "the server had it and gave no answer of use"),
    ],
)
def test_each_step_that_goes_wrong_is_known_for_what_it_is(server, step, answer, state, reason):
    server.script[step] = [answer]
    outcome = deliver(settings(server))

    assert outcome.state == state
    assert reason in outcome.reason
    assert "@" not in outcome.reason  # the server's words name people
    assert len(server.got) == (answer in ("silent", "nonsense"))


def test_nothing_is_said_of_a_message_whose_claim_was_lost(server):
    assert deliver(settings(server), begin=lambda: False).state == "later"
    assert server.got == []


def test_what_goes_wrong_before_the_message_is_nobodys_loss(server):
    def fails():
        raise RuntimeError("the database is away")

    with pytest.raises(RuntimeError):
        deliver(settings(server), begin=fails)
    assert server.got == []


def test_nobody_listens():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        mail = Mail(host="127.0.0.1", port=held.getsockname()[1], security="none", sender="acd@example.org")
        outcome = deliver(mail)

    assert outcome == Outcome("later", "the mail server can't be reached (ConnectionRefusedError)")


def test_a_server_that_only_closes():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def close_at_once():
            listener.accept()[0].close()

        thread = threading.Thread(target=close_at_once)
        thread.start()
        mail = Mail(host="127.0.0.1", port=listener.getsockname()[1], security="none", sender="a@example.org")

        assert deliver(mail).state == "later"
        thread.join()


# Encryption and login.


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture(params=["starttls", "tls"])
def secured(request, authority):
    """A server that wants encryption and a login, and settings that know it."""
    server = MailServer(**{request.param: authority.context}, login=True)
    mail = settings(server, security=request.param, ca_file=str(authority.file), user=USER, password=PASSWORD)
    yield server, mail
    server.stop()


def test_encrypted_and_logged_in(secured):
    server, mail = secured

    assert deliver(mail) == Outcome("sent")
    assert len(server.got) == 1


def test_a_wrong_password_is_named_without_being_shown(secured):
    server, mail = secured
    outcome = deliver(mail.model_copy(update={"password": type(mail.password)("wrong-one")}))

    assert outcome == Outcome("later", "the mail server refuses user or password (535 5.7.8)")
    assert server.got == []


def test_a_certificate_that_nobody_vouches_for_ends_it(secured):
    server, mail = secured
    outcome = deliver(mail.model_copy(update={"ca_file": None}))

    assert outcome.state == "later"
    assert outcome.reason.startswith("the mail server's certificate isn't trusted")
    assert server.got == []


def test_a_certificate_of_another_name_ends_it(tmp_path):
    authority = Authority(tmp_path, "mail.example.org")
    server = MailServer(starttls=authority.context)
    outcome = deliver(settings(server, security="starttls", ca_file=str(authority.file)))
    server.stop()

    assert outcome.state == "later"
    assert "isn't trusted" in outcome.reason


def test_a_server_without_starttls_never_gets_the_password():
    """Somebody in between may have taken STARTTLS out of the server's greeting."""
    server = MailServer(login=True)  # it would take the password in the clear
    outcome = deliver(settings(server, security="starttls", user=USER, password=PASSWORD))
    server.stop()

    assert outcome == Outcome("later", "the mail server encrypts nothing (no STARTTLS)")
    assert (server.logins, server.got) == (0, [])


def test_a_server_that_wants_a_login_and_gets_none(authority):
    server = MailServer(starttls=authority.context, login=True)
    outcome = deliver(settings(server, security="starttls", ca_file=str(authority.file)))
    server.stop()

    assert outcome.state == "later"  # the configuration can be mended
    assert server.got == []
