"""A letter as an e-mail: headers, text and HTML beside each other (RFC 2046 §5.1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

from py_callcenter.reports.mail.letter import Letter
from py_callcenter.reports.mail.periods import Period

_POLICY = SMTP.clone(cte_type="7bit")
"""Not every server on the way takes 8 bits."""


@dataclass(frozen=True, slots=True)
class Key:
    """One report of one period for one recipient: what is sent at most once."""

    recipient: str
    period: Period

    @property
    def id(self) -> str:
        """The same for the same report, period and recipient, and telling nothing of them."""
        period = self.period
        words = "\0".join((period.report, str(period.first), str(period.last), self.recipient))
        return sha256(words.encode()).hexdigest()[:32]


def message_id(key: Key, sender: str) -> str:
    """A copy that arrives a second time has the same, so mail programs can tell."""
    return f"<{key.id}@{sender.rpartition('@')[2]}>"


def compose(
    letter: Letter, key: Key, *, sender: str, sender_name: str, address: str, now_us: int
) -> EmailMessage:
    """All of `letter`'s words are ours or escaped; no queue's or agent's name is in a header."""
    message = EmailMessage(_POLICY)
    message["Subject"] = letter.subject
    message["From"] = Address(sender_name, addr_spec=sender)
    message["To"] = Address(addr_spec=address)
    message["Date"] = datetime.fromtimestamp(now_us / 1e6, UTC)
    message["Message-ID"] = message_id(key, sender)
    # RFC 3834: nobody's absence note answers it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text, charset="utf-8")
    message.add_alternative(letter.html, subtype="html", charset="utf-8")
    message["Content-Language"] = letter.language  # earlier it would have gone to the first part
    return message
