"""A running controller by local HTTP, or the database when none runs."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

import httpx

from py_callcenter.api.token import TokenError, read_token, token_path
from py_callcenter.app import story
from py_callcenter.app.secrets import rotate_seal
from py_callcenter.cli.start import BAD_INPUT, FAILED, CliError
from py_callcenter.config import Agent, Config, Controller, Queue, difference
from py_callcenter.engine.records import AgentStatusChanged, AgentWrapUp, AnyRecord
from py_callcenter.store import Database, StoreError
from py_callcenter.store.store import catch_up

if TYPE_CHECKING:
    from py_callcenter.cli.stopped_history import StoppedHistory
    from py_callcenter.cli.stopped_reports import StoppedReports

TIMEOUT_SECONDS: Final = 10.0
HISTORY_SECONDS: Final = 90.0
_NOBODY: Final = (
    "no controller runs, so nobody could carry that out",
    "callers go to the dialplan's fallback meanwhile; start the controller, then repeat it",
)
_NODE_FACTS: Final = (
    "since", "reason", "drained", "held", "lag_seconds", "heartbeat_age_seconds", "sessions_per_second",
    "max_sessions", "originates_waiting", "originates_refused",
)  # fmt: skip
_BAD_REQUESTS: Final = (400, 404, 422)
_START: Final = "start it with `callcenter run`"


class Running:
    """A controller that runs."""

    live = True

    def __init__(self, controller: Controller) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(controller.listen_host, controller.listen_host)  # noqa: S104
        self._address = (
            f"[{host}]:{controller.listen_port}" if ":" in host else f"{host}:{controller.listen_port}"
        )
        self._token_path = token_path(controller)
        # trust_env: a proxy out of the environment must never see the token.
        self._http = httpx.Client(
            base_url=f"http://{self._address}", timeout=TIMEOUT_SECONDS, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def answers(self) -> bool:
        """Whether anything listens there; its health is another matter."""
        try:
            self._http.get("/healthz")
        except httpx.ConnectError:
            return False
        except httpx.HTTPError as error:
            raise CliError(
                f"the controller at {self._address} doesn't answer properly ({type(error).__name__})",
                "look at its log",
            ) from error
        return True

    def queues(self) -> list[dict[str, Any]]:
        return self._rows("/api/v1/queues")

    def agents(self) -> list[dict[str, Any]]:
        return self._rows("/api/v1/agents")

    def calls(self, queue: str | None) -> list[dict[str, Any]]:
        return self._rows("/api/v1/calls", {} if queue is None else {"queue": queue})

    def trace(self, call: str) -> list[dict[str, Any]]:
        return self._rows(f"/api/v1/calls/{quote(call, safe='')}/trace")

    def why(self, call: str) -> dict[str, Any]:
        return self._one("GET", f"/api/v1/calls/{quote(call, safe='')}/why")

    def set_status(self, agent: str, status: str, *, reason: str = "", force: bool = False) -> dict[str, Any]:
        body: dict[str, Any] = {"status": status}
        if reason:
            body["reason"] = reason
        if force:
            body["force"] = True
        return self._one("PATCH", f"/api/v1/agents/{quote(agent, safe='')}", body)

    def withdraw_break(self, agent: str) -> dict[str, Any]:
        return self._one("DELETE", f"/api/v1/agents/{quote(agent, safe='')}/break-request")

    def end_wrap_up(self, agent: str) -> dict[str, Any]:
        return self._one("DELETE", f"/api/v1/agents/{quote(agent, safe='')}/wrap-up")

    def set_wrap_up(self, agent: str, seconds: float) -> dict[str, Any]:
        return self._one("PUT", f"/api/v1/agents/{quote(agent, safe='')}/wrap-up", {"seconds": seconds})

    def change_agent(self, agent: str, key: str, value: float) -> dict[str, Any]:
        return self._one("PATCH", f"/api/v1/agents/{quote(agent, safe='')}", {key: value})

    def transfer(self, call: str, key: str, where: str) -> None:
        self._ask("POST", f"/api/v1/calls/{quote(call, safe='')}/transfer", body={key: where})

    def consult(self, call: str, what: str, whom: str) -> None:
        path = f"/api/v1/calls/{quote(call, safe='')}/consult"
        if what == "complete":
            self._ask("POST", f"{path}/complete")
        elif what == "return":
            self._ask("DELETE", path)
        else:
            self._ask("POST", path, body={what: whom})

    def change_call(self, call: str, changes: dict[str, Any]) -> dict[str, Any]:
        return self._one("PATCH", f"/api/v1/calls/{quote(call, safe='')}", changes)

    def divert(self, queue: str | None, to: str | None) -> list[dict[str, Any]]:
        path = "/api/v1/divert" if queue is None else f"/api/v1/queues/{quote(queue, safe='')}/divert"
        method, body = ("DELETE", None) if to is None else ("PUT", {"to": to})
        rows: list[dict[str, Any]] = self._ask(method, path, body=body)
        return rows

    def nodes(self) -> list[dict[str, Any]]:
        return self._rows("/api/v1/nodes")

    def drain(self, node: str, *, on: bool) -> dict[str, Any]:
        return self._one("PUT" if on else "DELETE", f"/api/v1/nodes/{quote(node, safe='')}/drain")

    def rotate_key(self) -> int:
        return int(self._one("POST", "/api/v1/key")["earlier_keys"])

    def routing(self) -> dict[str, Any]:
        return self._one("GET", "/api/v1/config")

    def apply(self, config: Config, *, dry_run: bool) -> list[dict[str, Any]]:
        path = f"/api/v1/config?dry_run={str(dry_run).lower()}"
        changes: list[dict[str, Any]] = self._one("PUT", path, config.routing())["changes"]
        return changes

    def report_emails(self, limit: int) -> list[dict[str, Any]]:
        return self._rows("/api/v1/report-emails", {"limit": str(limit)})

    def send_report(self, order: dict[str, Any]) -> dict[str, Any]:
        return self._one("POST", "/api/v1/report-emails", order)

    def preview_report(self, wanted: dict[str, str]) -> str:
        return self._request("GET", "/api/v1/report-emails/preview", query=wanted).text

    def report(self, what: str, wanted: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._request("GET", f"/api/v1/reports/{what}", query=_named(wanted)).json()
        return found

    def report_csv(self, what: str, wanted: dict[str, Any]) -> bytes:
        query = {**_named(wanted), "format": "csv"}
        return self._request("GET", f"/api/v1/reports/{what}", query=query).content

    def erase(self, number: str) -> dict[str, Any]:
        return self._one("POST", "/api/v1/erasures", {"number": number})

    def _rows(self, path: str, query: dict[str, str] | None = None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._ask("GET", path, query=query)
        return rows

    def _one(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        row: dict[str, Any] = self._ask(method, path, body=body)
        return row

    def _ask(
        self, method: str, path: str, *, body: object = None, query: dict[str, str] | None = None
    ) -> Any:
        answer = self._request(method, path, body=body, query=query)
        return answer.json() if answer.content else None

    def _request(
        self, method: str, path: str, *, body: object = None, query: dict[str, Any] | None = None
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._token()}"}
        try:
            answer = self._http.request(
                method, path, json=body, params=query, headers=headers, timeout=_patience(path)
            )
        except httpx.HTTPError as error:
            raise CliError(
                f"the controller at {self._address} didn't answer ({type(error).__name__})", "look at its log"
            ) from error
        if answer.is_success:
            return answer
        message, hint = _reasons(answer)
        raise CliError(message, hint, code=BAD_INPUT if answer.status_code in _BAD_REQUESTS else FAILED)

    def _token(self) -> str:
        try:
            return read_token(self._token_path)
        except (OSError, TokenError) as error:
            raise CliError(
                f"the token can't be read: {getattr(error, 'strerror', None) or error}",
                f"run this as the user that the controller runs as, who may read {self._token_path}",
            ) from error


class Stopped:
    """No controller runs: the database holds what the next one starts with."""

    live = False

    def __init__(self, config: Config) -> None:
        self._config = config
        try:
            self._database = Database.open(config.controller.database)
            catch_up(self._database, Path(config.controller.state))
            applied = self._database.load_config()
        except StoreError as error:
            raise CliError(str(error), "check `database` under [controller]") from error
        # An empty database is filled from the file by the next start.
        self._in_force = config.with_routing(applied.routing) if applied else config
        self._empty = applied is None
        self._statuses = self._database.statuses()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def queues(self) -> list[dict[str, Any]]:
        return [_queue_row(queue) for queue in self._in_force.queues]

    def agents(self) -> list[dict[str, Any]]:
        queues: dict[str, list[str]] = {}
        for tier in self._in_force.tiers:
            queues.setdefault(tier.agent, []).append(tier.queue)
        return [
            _agent_row(agent, self._statuses.get(agent.name, agent.status), queues.get(agent.name, []))
            for agent in self._in_force.agents
        ]

    def calls(self, queue: str | None) -> list[dict[str, Any]]:  # noqa: ARG002 - none of any queue
        return []

    def trace(self, call: str) -> list[dict[str, Any]]:
        steps = [
            asdict(story.step(record.kind, record.at_us, record.body))
            for record in self._database.read_call(call)
        ]
        if not steps:
            raise CliError(
                "nothing is known of this call", "`callcenter call list` shows calls", code=BAD_INPUT
            )
        return steps

    def why(self, call: str) -> dict[str, Any]:  # noqa: ARG002 - none is known
        raise CliError("no controller runs, so nobody waits", "start it with `callcenter run`")

    def set_status(self, agent: str, status: str, *, reason: str = "", force: bool = False) -> dict[str, Any]:
        row = self._agent(agent)
        if reason or force:
            raise CliError("no controller runs, so there is no break to ask for", _START)
        if row["status"] != status:
            now_us = time.time_ns() // 1000
            self._write(AgentStatusChanged(**_head(now_us), agent=agent, status=status, reason="set"))
            row = self._agent(agent)
            if row["status"] != status:
                raise CliError(
                    f'"{agent}" stays {row["status"]}: the database holds a later change of the status',
                    "is the clock of this machine right?",
                )
        return row

    def withdraw_break(self, agent: str) -> dict[str, Any]:
        raise CliError(f'"{agent}" has asked for no break: no controller runs', _START)

    def end_wrap_up(self, agent: str) -> dict[str, Any]:
        row = self._agent(agent)
        now_us = time.time_ns() // 1000
        self._write(AgentWrapUp(**_head(now_us), agent=agent, until_us=now_us))
        return row

    def divert(self, queue: str | None, to: str | None) -> list[dict[str, Any]]:  # noqa: ARG002 - see below
        raise CliError(*_NOBODY)

    def nodes(self) -> list[dict[str, Any]]:
        return [{"name": node.name, "up": None, **dict.fromkeys(_NODE_FACTS)} for node in self._config.nodes]

    def drain(self, node: str, *, on: bool) -> dict[str, Any]:  # noqa: ARG002 - likewise
        raise CliError(*_NOBODY)

    def _agent(self, name: str) -> dict[str, Any]:
        rows = self.agents()
        for row in rows:
            if row["name"] == name:
                return row
        known = ", ".join(row["name"] for row in rows) or "none"
        raise CliError(f'there is no agent "{name}"', f"known: {known}", code=BAD_INPUT)

    def _write(self, record: AnyRecord) -> None:
        try:
            self._database.append([record])
            self._statuses = self._database.statuses()
        except StoreError as error:
            raise CliError(str(error), "nothing was changed; try again") from error

    def set_wrap_up(self, agent: str, seconds: float) -> dict[str, Any]:  # noqa: ARG002 - none to set
        raise CliError(f'"{agent}" has no wrap-up to extend: no controller runs', _START)

    def change_agent(self, agent: str, key: str, value: float) -> dict[str, Any]:  # noqa: ARG002 - not lasting
        raise CliError(f'"{agent}" can\'t be held back: no controller runs', _START)

    def change_call(self, call: str, changes: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - no calls
        raise CliError("no controller runs, so nobody waits", _START)

    def transfer(self, call: str, key: str, where: str) -> None:  # noqa: ARG002 - no calls
        raise CliError("no controller runs, so there is nobody to transfer", _START)

    def rotate_key(self) -> int:
        try:
            keys = rotate_seal(Path(self._config.controller.state), time.time_ns() // 1000)
        except (OSError, ValueError) as error:
            raise CliError(f"the key can't be changed: {error}", "look at the state folder") from error
        return len(keys.old_seals)

    def consult(self, call: str, what: str, whom: str) -> None:  # noqa: ARG002 - no calls
        raise CliError("no controller runs, so nobody talks", _START)

    def routing(self) -> dict[str, Any]:
        return self._in_force.routing()

    def report_emails(self, limit: int) -> list[dict[str, Any]]:
        return self._reports().emails(limit)

    def send_report(self, order: dict[str, Any]) -> dict[str, Any]:
        return self._reports().send(order)

    def preview_report(self, wanted: dict[str, str]) -> str:
        return self._reports().preview(wanted)

    def _reports(self) -> StoppedReports:
        # Its libraries take longer to load than the other commands take to run.
        from py_callcenter.cli.stopped_reports import StoppedReports  # noqa: PLC0415 - see above

        return StoppedReports(self._database, self._in_force)

    def report(self, what: str, wanted: dict[str, Any]) -> dict[str, Any]:
        return self._history().report(what, wanted)

    def report_csv(self, what: str, wanted: dict[str, Any]) -> bytes:
        return self._history().report_csv(what, wanted)

    def erase(self, number: str) -> dict[str, Any]:
        return self._history().erase(number)

    def _history(self) -> StoppedHistory:
        from py_callcenter.cli.stopped_history import StoppedHistory  # noqa: PLC0415 - likewise

        return StoppedHistory(self._database, self._in_force)

    def apply(self, config: Config, *, dry_run: bool) -> list[dict[str, Any]]:
        base = self._in_force.with_routing({}) if self._empty else self._in_force
        changes = difference(base, base.with_routing(config.routing()))
        if changes and not dry_run:
            try:
                self._database.apply(config, now_us=time.time_ns() // 1000)
            except StoreError as error:
                raise CliError(str(error), "nothing was changed; try again") from error
        return [
            {"kind": change.kind, "name": change.name, "what": change.what, "fields": list(change.fields)}
            for change in changes
        ]


def _patience(path: str) -> float:
    """Reports and erasures read much."""
    return HISTORY_SECONDS if path.startswith(("/api/v1/reports", "/api/v1/erasures")) else TIMEOUT_SECONDS


def _named(wanted: dict[str, Any]) -> dict[str, Any]:
    """What `reports.ask` takes by the names of the API."""
    names = {"first": "from", "last": "to", "size": "interval", "only": "name"}
    return {names.get(name, name.replace("_", "-")): value for name, value in wanted.items()}


def _head(now_us: int) -> dict[str, Any]:
    """The head of a record that no controller writes: its epoch is the moment itself."""
    return {"node": "cli", "epoch": now_us // 1_000_000, "sequence": now_us % 1_000_000, "at_us": now_us}


def _queue_row(queue: Queue) -> dict[str, Any]:
    counts = dict.fromkeys(
        (
            *("waiting", "oldest_at", "offered", "answered", "abandoned", "overflowed", "lost"),
            *("expected_wait", "expected_wait_error", "staffing"),
        )
    )
    goal = {"seconds": queue.service_level.seconds, "percent": queue.service_level.percent}
    return {
        "name": queue.name,
        "strategy": queue.strategy,
        "service_level": {**goal, "now_percent": None},
        "agents": {},
        **counts,
    }


def _agent_row(agent: Agent, status: str, queues: list[str]) -> dict[str, Any]:
    live = (
        "state", "since", "ready_at", "queue", "call", "number", "calls_answered", "talk_seconds", "rest",
    )  # fmt: skip
    return {"name": agent.name, "status": status, "queues": queues, **dict.fromkeys(live)}


def _reasons(answer: httpx.Response) -> tuple[str, str]:
    try:
        body = answer.json()
        return str(body["error"]), str(body.get("hint", ""))
    except (ValueError, KeyError, TypeError):
        return f"the answer was HTTP {answer.status_code}", "is that port really the controller's?"
