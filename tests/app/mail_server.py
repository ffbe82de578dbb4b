"""A real mail server on a free port of loopback, that can be told to misbehave at any step."""

from __future__ import annotations

import asyncio
import email
import ssl
import threading
from email.policy import default

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "acd", "hush-hush"


class Authority:
    """Certificates that only who trusts this authority accepts."""

    def __init__(self, folder, name="127.0.0.1"):
        authority = trustme.CA()
        self.file = folder / f"ca-{name}.pem"
        authority.cert_pem.write_to_path(self.file)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(self.context)


class MailServer:
    """`got` holds what arrived. `script`: answers by step, each used once, `None` = as usual:

    `mail`, `rcpt`, `data` (before the message), `end` (after the last dot). `cut` closes the connection
    there; `silent` takes the message, then closes without an answer, `nonsense` answers with no number.
    """

    def __init__(self, *, tls=None, starttls=None, login=False):
        self.got = []
        self.script = {}
        self.sessions = self.logins = 0
        self.entered = threading.Event()
        """Somebody is at the last dot."""
        self.go_on = threading.Event()
        self.go_on.set()
        """While clear, the answer to the last dot is held back."""
        options = {"require_starttls": starttls is not None, "tls_context": starttls}
        if login:
            options |= {
                "authenticator": self._authenticate,
                # It knows of no TLS but that of STARTTLS.
                "auth_required": starttls is not None,
                "auth_require_tls": starttls is not None,
            }
        server = self

        class Server(SMTP):
            async def smtp_DATA(self, arg):  # noqa: N802 - aiosmtpd's name
                answer = server._next("data")
                if answer is None:
                    await super().smtp_DATA(arg)
                elif answer == "cut":
                    self.transport.abort()
                else:
                    await self.push(answer)

        def session():
            server.sessions += 1
            return Server(server, loop=server._loop, **options)

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listener = self._do(self._loop.create_server(session, "127.0.0.1", 0, ssl=tls))
        self.port = self._listener.sockets[0].getsockname()[1]

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def stop(self):
        """Close everything; nobody answers at the port afterwards."""
        self.go_on.set()
        if self._loop.is_closed():
            return
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self):
        self._listener.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @property
    def messages(self):
        return [email.message_from_bytes(raw, policy=default) for raw in self.got]

    def _next(self, step):
        answers = self.script.get(step, [])
        return answers.pop(0) if answers else None

    def _authenticate(self, _server, _session, _envelope, _mechanism, data):
        self.logins += 1
        good = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    # aiosmtpd's handler.

    async def handle_MAIL(self, _server, _session, envelope, address, _options):  # noqa: N802 - likewise
        if (answer := self._next("mail")) is not None:
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - likewise
        if (answer := self._next("rcpt")) is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - likewise
        self.entered.set()
        await asyncio.to_thread(self.go_on.wait, 30)
        answer = self._next("end")
        if answer is None or answer in ("silent", "nonsense"):
            self.got.append(envelope.original_content)
        if answer in ("cut", "silent"):
            server.transport.abort()
            return "250 too late"
        if answer == "nonsense":
            return "hello there"
        return answer or "250 2.0.0 taken"
