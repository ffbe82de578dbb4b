"""Handing one e-mail to a mail server, and knowing exactly what came of it (RFC 5321).

A server has taken a message when it says so after the last dot. Until all of it is on the wire nothing can
have been delivered; between that and the answer nobody knows. The steps are made one by one to tell these
apart. `smtplib` of the standard library speaks the protocol: it blocks, which is fine in a thread of its own.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, Literal

from py_callcenter.config import Mail

STEP_S: Final = 60.0
"""For each step, the connection too."""
ANSWER_S: Final = 600.0
"""For the answer to the last dot (RFC 5321 §4.5.3.2.6)."""

_ENHANCED = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_DOTS = re.compile(rb"^\.", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`sent`: the server has it. `later`: it has not, and may take it later. `refused`: it never will.
    `unknown`: it may have it. `reason` holds no word of the server's, for those name people.
    """

    state: Literal["sent", "later", "refused", "unknown"]
    reason: str = ""


class _Stopped(Exception):
    """The conversation ended before the message was handed over."""

    def __init__(self, state: Literal["later", "refused"], reason: str) -> None:
        super().__init__(reason)
        self.outcome = Outcome(state, reason)


def send(mail: Mail, message: EmailMessage, address: str, *, begin: Callable[[], bool]) -> Outcome:
    """Send one message to one address.

    `begin` is called when the server waits for the message; only if it says True is any of it sent. Raises
    nothing of the network's; what `begin` raises goes through.
    """
    try:
        server = _connect(mail)
    except _Stopped as stopped:
        return stopped.outcome
    try:
        return _talk(server, mail, message, address, begin)
    except _Stopped as stopped:
        return stopped.outcome
    except (OSError, smtplib.SMTPException) as error:
        return Outcome("later", f"the connection to the mail server broke ({type(error).__name__})")
    finally:
        with suppress(OSError, smtplib.SMTPException):
            server.close()


def _connect(mail: Mail) -> smtplib.SMTP:
    """A connection that is as safe as it should be, before anything was said."""
    try:
        if mail.security == "tls":
            return smtplib.SMTP_SSL(mail.host, mail.at_port, timeout=STEP_S, context=_context(mail))
        return smtplib.SMTP(mail.host, mail.at_port, timeout=STEP_S)
    except ssl.SSLError as error:
        raise _Stopped("later", _tls_problem(error)) from error
    except smtplib.SMTPConnectError as error:
        raise _Stopped("later", f"the mail server refuses us {_code(error)}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise _Stopped("later", f"the mail server can't be reached ({type(error).__name__})") from error


def _talk(
    server: smtplib.SMTP, mail: Mail, message: EmailMessage, address: str, begin: Callable[[], bool]
) -> Outcome:
    _greet(server, mail)
    # Who refuses our sender for good has been told wrongly by the configuration, and that can be mended.
    _check(server.mail(mail.sender), "the sender", final=False)
    _check(server.rcpt(address), "the recipient", final=True)
    _check(server.docmd("DATA"), "the message", wanted=354, final=True)
    if not begin():
        return Outcome("later", "another controller sends it")
    server.send(_DOTS.sub(b"..", message.as_bytes()) + b".\r\n")
    try:
        if server.sock is not None:
            server.sock.settimeout(ANSWER_S)
        code, words = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        kind = type(error).__name__
        return Outcome("unknown", f"the server had it and did not answer ({kind}); it may have arrived")
    if code < 200 or 300 <= code < 400:
        return Outcome(
            "unknown", f"the server had it and gave no answer of use ({code}); it may have arrived"
        )
    _check((code, words), "the message", final=True)
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
    return Outcome("sent")


def _greet(server: smtplib.SMTP, mail: Mail) -> None:
    try:
        server.ehlo_or_helo_if_needed()
        if mail.security == "starttls":
            server.starttls(context=_context(mail))
            server.ehlo_or_helo_if_needed()
        if mail.user is not None:
            server.login(mail.user, mail.secret)
    except ssl.SSLError as error:
        raise _Stopped("later", _tls_problem(error)) from error
    except smtplib.SMTPAuthenticationError as error:
        raise _Stopped("later", f"the mail server refuses user or password {_code(error)}") from error
    except smtplib.SMTPNotSupportedError as error:
        what = "encrypts nothing (no STARTTLS)" if not _is_encrypted(server) else "lets nobody log in"
        raise _Stopped("later", f"the mail server {what}") from error
    except smtplib.SMTPResponseException as error:
        raise _Stopped("later", f"the mail server refuses us {_code(error)}") from error


def _is_encrypted(server: smtplib.SMTP) -> bool:
    return isinstance(server.sock, ssl.SSLSocket)


def _context(mail: Mail) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=mail.ca_file)


def _tls_problem(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the mail server's certificate isn't trusted ({error.verify_message})"
    return f"the mail server and we don't agree on encryption ({error.reason or type(error).__name__})"


def _check(answer: tuple[int, bytes], what: str, *, final: bool, wanted: int = 250) -> None:
    code, words = answer
    if code != wanted and not (wanted == 250 and 200 <= code < 300):
        raise _refusal(code, words, what, final=final)


def _refusal(code: int, words: bytes, what: str, *, final: bool) -> _Stopped:
    found = _ENHANCED.match(words)
    numbers = f"{code} {found[0].decode()}" if found else str(code)
    for_good = final and 500 <= code <= 599
    return _Stopped(
        "refused" if for_good else "later",
        f"the server {'refuses' if for_good else 'does not take'} {what} ({numbers})",
    )


def _code(error: smtplib.SMTPResponseException) -> str:
    words = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
    found = _ENHANCED.match(words)
    return f"({error.smtp_code} {found[0].decode()})" if found else f"({error.smtp_code})"
