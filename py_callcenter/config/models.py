"""The configuration as frozen models. Attributes are Python's names, keys of the file have hyphens.

What routes calls is in `routing`, mail in `mail`; here is the rest, and the whole.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from py_callcenter.config import rules
from py_callcenter.config.base import Model
from py_callcenter.config.mail import Mail, Recipient
from py_callcenter.config.relations import check_relations
from py_callcenter.config.routing import Agent, BreakReason, Breaks, ExitField, Name, Queue, Tier
from py_callcenter.config.rules import RuleError

ROUTING: Final = ("queues", "agents", "tiers", "breaks")
"""The parts that `apply` changes under way and the database keeps."""


class Controller(Model):
    """Where the controller listens and what it keeps. Changes take effect at the next start."""

    listen: str = "127.0.0.1:8080"
    """Address of the page, the API, /metrics, /healthz and /readyz, as host:port."""

    database: Annotated[str, AfterValidator(rules.check_database)] = "sqlite:///callcenter.db"
    """SQLAlchemy URL. A relative SQLite file belongs to the folder of the configuration file."""

    state: str = "state"
    """Folder for the token and other private files; relative to the folder of the configuration file."""

    token_file: str | None = None
    """File with the token that changes are made with. Without it one is made up in `state`."""

    on_unknown_queue: ExitField = rules.HANGUP
    """Where a caller goes whose `cc_queue` names no queue."""

    keep_records_days: Annotated[int, Field(ge=2, le=3660)] = 90
    """Days to keep the records of what happened: 3 MB for 1 000 calls."""

    keep_calls_days: Annotated[int, Field(ge=2, le=3660)] = 400
    """Days to keep call records and agents' time, which reports are made of; not fewer than the records."""

    queue_log: str | None = None
    """File to write Asterisk's `queue_log` into, for report tools that read it; relative to the folder of the
    configuration file."""

    outside_context: Annotated[str, AfterValidator(rules.check_context)] | None = None
    """Context of the dialplan in which a number outside is dialled when a caller is transferred to one by the
    API. Absent: nobody can be. The dialplan decides which numbers are allowed and what they are shown."""

    outside_number: Annotated[str, AfterValidator(rules.check_number)] = "anonymous"
    """The number that somebody outside is shown whom an agent consults."""

    allow_default_password: bool = False
    """Accept FreeSWITCH's default password on a node that isn't on loopback."""

    seed: Annotated[int, Field(ge=0, le=2**64 - 1)] | None = None
    """What the lots of `random` and `weighted-random` are drawn from. Absent: another one at each start."""

    decision_log: bool = False
    """Write each input of the routing core to `decisions` in the state folder, so that decisions can be made
    again and explained with `callcenter decisions`. Files of two weeks are kept; they hold agents' names."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """`auto` is `console` on a terminal and `json` elsewhere."""

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, value: str) -> str:
        rules.split_listen(value)
        return value

    @property
    def listen_host(self) -> str:
        return rules.split_listen(self.listen)[0]

    @property
    def listen_port(self) -> int:
        return rules.split_listen(self.listen)[1]

    @property
    def listens_on_loopback(self) -> bool:
        return rules.is_loopback(self.listen_host)


class Node(Model):
    """One FreeSWITCH and its event socket. Changes take effect at the next start."""

    name: Name
    host: Annotated[str, AfterValidator(rules.check_host)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8021
    password: SecretStr | None = None
    """Password of the event socket. One of `password` and `password-file` is needed."""

    password_file: str | None = None
    """File that holds the password in its first line; relative to the folder of the configuration file."""

    dial: Annotated[str, AfterValidator(rules.check_dial)] | None = None
    """How this node reaches a phone that is registered elsewhere, with `{number}` in it."""

    dial_out: Annotated[str, AfterValidator(rules.check_dial)] | None = None
    """How this node calls a number outside when an agent consults somebody, with `{number}` in it."""

    originates_per_second: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Phones of agents that may begin to ring in a second; 0 = half of what the switch's own
    `sessions-per-second` lets through, so that callers find room."""

    @property
    def secret(self) -> str:
        """The password in clear, empty when none is set."""
        return self.password.get_secret_value() if self.password is not None else ""

    @field_validator("password", mode="before")
    @classmethod
    def _wrap(cls, value: object) -> object:
        return SecretStr(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_password(self) -> Node:
        if self.password is None and self.password_file is None:
            raise RuleError(*rules.NO_PASSWORD)
        if "\n" in self.secret or "\r" in self.secret or "\0" in self.secret:
            raise RuleError("the password holds a line break", "write it in one line")
        return self


class Config(Model):
    """A whole configuration, consistent in itself."""

    controller: Controller = Controller()
    nodes: Annotated[tuple[Node, ...], Field(strict=False)] = ()
    queues: Annotated[tuple[Queue, ...], Field(strict=False)] = ()
    agents: Annotated[tuple[Agent, ...], Field(strict=False)] = ()
    tiers: Annotated[tuple[Tier, ...], Field(strict=False)] = ()
    breaks: Breaks = Breaks()
    mail: Mail | None = None
    recipients: Annotated[tuple[Recipient, ...], Field(strict=False, max_length=1000)] = ()

    @model_validator(mode="after")
    def _check_relations(self) -> Config:
        for _path, message, hint in check_relations(self.model_dump(by_alias=True)):
            raise RuleError(message, hint)
        return self

    def queue(self, name: str) -> Queue | None:
        return next((queue for queue in self.queues if queue.name == name), None)

    def agent(self, name: str) -> Agent | None:
        return next((agent for agent in self.agents if agent.name == name), None)

    def break_reason(self, name: str) -> BreakReason | None:
        return next((reason for reason in self.breaks.reasons if reason.name == name), None)

    def node(self, name: str) -> Node | None:
        return next((node for node in self.nodes if node.name == name), None)

    def routing(self) -> dict[str, Any]:
        """Queues, agents, tiers and breaks as plain JSON values by the file's keys: what the database keeps.

        Nodes, controller, mail server and recipients stay in the file: they hold secrets and addresses, and
        some of them precede any database.
        """
        return self.model_dump(mode="json", by_alias=True, include=set(ROUTING))

    def with_routing(self, stored: dict[str, Any]) -> Config:
        """The same controller, nodes and mail, the rest as `routing` gave it."""
        other = Config.model_validate({key: stored[key] for key in ROUTING if key in stored})
        return self.model_copy(update={key: getattr(other, key) for key in ROUTING})
