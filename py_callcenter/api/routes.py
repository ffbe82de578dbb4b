"""/api/v1: queues, agents, calls, configuration, live feed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from py_callcenter.api.feed import Feed, FeedResponse
from py_callcenter.api.json import answer
from py_callcenter.api.port import (
    AgentRow,
    CallRow,
    ControllerPort,
    NodeRow,
    PortError,
    QueueRow,
    Snapshot,
    TraceStep,
    WhyRow,
)
from py_callcenter.config import ROUTING, Change, Config, Exit, Status, explain
from py_callcenter.config.rules import RuleError, parse_exit


class Problem(BaseModel):
    """Every error looks like this."""

    error: str
    hint: str


Seconds = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]


class AgentPatch(BaseModel):
    """What can be changed of an agent at once; what isn't given stays. Lasting settings are in `config`."""

    model_config = ConfigDict(extra="forbid")

    status: Status | None = None
    reason: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """What an agent `On Break` rests for: begins when there is a place, after call and wrap-up."""
    force: bool = False
    """Begin the break though its places are taken."""
    ready_in: Seconds | None = None
    """Offer nothing for so many seconds, whatever else; 0 ends that. What rings goes on."""
    external_calls: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Calls outside the queues, for example counted by a telephone system beside."""


class WrapUp(BaseModel):
    """When a wrap-up that runs is to end."""

    model_config = ConfigDict(extra="forbid")

    seconds: Seconds
    """From now on."""


class CallPatch(BaseModel):
    """What can be changed of a caller who waits; what isn't given stays."""

    model_config = ConfigDict(extra="forbid")

    queue: str | None = None
    """Move the caller there."""
    keep_wait: bool = True
    """Whether the wait so far counts in that queue's order."""
    priority: Annotated[int, Field(ge=-100, le=100)] | None = None
    """Higher is served first, whatever the wait."""
    base_score: Annotated[int, Field(ge=-315_360_000, le=315_360_000)] | None = None
    """Seconds that count as wait."""
    skills: Annotated[str, Field(max_length=500)] | None = None
    """What the agent must be able to do; empty: what the queue's callers need."""


class TransferOrder(BaseModel):
    """Where a caller is sent; give one of the first four."""

    model_config = ConfigDict(extra="forbid")

    queue: Annotated[str, Field(max_length=64)] | None = None
    agent: Annotated[str, Field(max_length=64)] | None = None
    """Through a queue that the agent serves: the caller waits a minute for this agent, then for anybody."""
    to: Annotated[str, Field(max_length=129)] | None = None
    """`exten[@context]` of the dialplan."""
    number: Annotated[str, Field(max_length=21)] | None = None
    """A telephone number, dialled in the context that the configuration names."""
    keep_wait: bool = True
    """Whether the wait so far counts in the queue's order."""

    def target(self) -> tuple[Literal["queue", "agent", "extension", "number"], str]:
        """Raises `PortError` unless it is exactly one."""
        given: list[tuple[Literal["queue", "agent", "extension", "number"], str | None]] = [
            ("queue", self.queue), ("agent", self.agent), ("extension", self.to), ("number", self.number),
        ]  # fmt: skip
        named = [(kind, name) for kind, name in given if name is not None]
        if len(named) != 1:
            raise PortError(400, "where to isn't clear", "give one of: queue, agent, to, number")
        return named[0]


class ConsultOrder(BaseModel):
    """Whom an agent asks; give one."""

    model_config = ConfigDict(extra="forbid")

    agent: Annotated[str, Field(max_length=64)] | None = None
    queue: Annotated[str, Field(max_length=64)] | None = None
    """Whoever of it is free now: the lowest level first, then who has been idle for longest."""
    number: Annotated[str, Field(max_length=21)] | None = None
    """A telephone number, called by the node's `dial-out`."""

    def target(self) -> tuple[Literal["agent", "queue", "number"], str]:
        """Raises `PortError` unless it is exactly one."""
        given: list[tuple[Literal["agent", "queue", "number"], str | None]] = [
            ("agent", self.agent), ("queue", self.queue), ("number", self.number),
        ]  # fmt: skip
        named = [(kind, name) for kind, name in given if name is not None]
        if len(named) != 1:
            raise PortError(400, "whom to consult isn't clear", "give one of: agent, queue, number")
        return named[0]


class DivertOrder(BaseModel):
    """Where callers go: `exten[@context]` or `hangup`."""

    model_config = ConfigDict(extra="forbid")

    to: str


class Routing(BaseModel):
    """Queues, agents, tiers and breaks by the keys of the configuration file."""

    queues: list[dict[str, Any]] = []
    agents: list[dict[str, Any]] = []
    tiers: list[dict[str, Any]] = []
    breaks: dict[str, Any] = {}


class KeyRotated(BaseModel):
    """`earlier_keys` count for callers who are there."""

    earlier_keys: int


class Applied(BaseModel):
    """What an `apply` changed, or would change."""

    dry_run: bool
    changes: list[Change]


v1 = APIRouter(
    responses={
        401: {"model": Problem, "description": "The token is missing or wrong."},
        503: {"model": Problem, "description": "The controller is stopping or doesn't answer."},
    }
)


def _controller(request: Request) -> ControllerPort:
    controller: ControllerPort = request.app.state.controller
    return controller


def _feed(request: Request) -> Feed:
    feed: Feed = request.app.state.feed
    return feed


ControllerDep = Annotated[ControllerPort, Depends(_controller)]
FeedDep = Annotated[Feed, Depends(_feed)]
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such thing."}}


@v1.get("/snapshot", tags=["live"], response_model=Snapshot)
async def get_snapshot(controller: ControllerDep) -> Response:
    """Everything at one moment: what the page shows."""
    return answer(await controller.snapshot())


@v1.get(
    "/events", tags=["live"], response_class=Response, responses={200: {"content": {"text/event-stream": {}}}}
)
async def get_events(feed: FeedDep) -> Response:
    """The live feed (server-sent events): one `snapshot`, then `delta` events, at most four a second.

    A delta holds changed rows under `queues`, `calls`, `agents`, `nodes`, keys of rows that are gone under
    `…_gone` and, when it changed, the order of keys under `…_order`. Keys are `name`, of calls `id`.
    A comment comes every 15 seconds. After a lost connection the feed begins with a snapshot again.
    """
    if feed.full:
        raise PortError(503, "too many listeners on the live feed", "close some pages")
    return FeedResponse(feed)


@v1.get("/queues", tags=["queues"], response_model=list[QueueRow])
async def list_queues(controller: ControllerDep) -> Response:
    return answer((await controller.snapshot()).queues)


@v1.get("/queues/{name}", tags=["queues"], response_model=QueueRow, responses=NOT_FOUND)
async def get_queue(name: str, controller: ControllerDep) -> Response:
    snapshot = await controller.snapshot()
    return answer(_pick("queue", name, {row.name: row for row in snapshot.queues}))


@v1.put("/queues/{name}/divert", tags=["queues"], response_model=list[QueueRow], responses=NOT_FOUND)
async def divert_queue(name: str, order: DivertOrder, controller: ControllerDep) -> Response:
    """Send everybody who is in a queue, and everybody who comes, to a place, until it is taken back.

    Phones that ring for them stop; conversations go on. It holds over a restart of the controller.
    """
    return answer(await controller.divert(name, _place(order.to)))


@v1.delete("/queues/{name}/divert", tags=["queues"], response_model=list[QueueRow], responses=NOT_FOUND)
async def undivert_queue(name: str, controller: ControllerDep) -> Response:
    """Take a queue's divert back."""
    return answer(await controller.divert(name, None))


@v1.put("/divert", tags=["queues"], response_model=list[QueueRow], responses={400: {"model": Problem}})
async def divert_all(order: DivertOrder, controller: ControllerDep) -> Response:
    """Divert all queues at once."""
    return answer(await controller.divert(None, _place(order.to)))


@v1.delete("/divert", tags=["queues"], response_model=list[QueueRow])
async def undivert_all(controller: ControllerDep) -> Response:
    """Take every divert back."""
    return answer(await controller.divert(None, None))


@v1.post("/key", tags=["nodes"], response_model=KeyRotated)
async def rotate_key(controller: ControllerDep) -> Response:
    """Seal what is stamped on callers' channels with a new key, from now on.

    Nobody loses the place: earlier keys count until no caller who is there can carry them.
    """
    return answer({"earlier_keys": await controller.rotate_key()})


@v1.get("/agents", tags=["agents"], response_model=list[AgentRow])
async def list_agents(controller: ControllerDep) -> Response:
    return answer((await controller.snapshot()).agents)


@v1.get("/agents/{name}", tags=["agents"], response_model=AgentRow, responses=NOT_FOUND)
async def get_agent(name: str, controller: ControllerDep) -> Response:
    snapshot = await controller.snapshot()
    return answer(_pick("agent", name, {row.name: row for row in snapshot.agents}))


@v1.patch("/agents/{name}", tags=["agents"], response_model=AgentRow, responses=NOT_FOUND)
async def set_agent(name: str, patch: AgentPatch, controller: ControllerDep) -> Response:
    """Change an agent. A conversation goes on in any status; a phone that rings stops if need be."""
    row: AgentRow | None = None
    if patch.status is None and (patch.reason is not None or patch.force):
        raise PortError(400, "a reason without a status", 'give "status": "On Break" with it')
    if patch.force and patch.reason is None:
        raise PortError(
            400, "a break without a reason needs no force", "it begins at once; leave `force` out"
        )
    if patch.status is not None:
        row = await controller.set_agent_status(
            name, patch.status, reason=patch.reason or "", force=patch.force
        )
    if patch.external_calls is not None:
        row = await controller.set_external_calls(name, patch.external_calls)
    if patch.ready_in is not None:
        row = await controller.hold_agent(name, patch.ready_in)
    if row is None:
        raise PortError(400, "nothing to change", "give one of: status, ready_in, external_calls")
    return answer(row)


@v1.delete("/agents/{name}/break-request", tags=["agents"], response_model=AgentRow, responses=NOT_FOUND)
async def withdraw_break(name: str, controller: ControllerDep) -> Response:
    """Take an agent's request for a break back. 409 when there is none."""
    return answer(await controller.withdraw_break(name))


@v1.put("/agents/{name}/wrap-up", tags=["agents"], response_model=AgentRow, responses=NOT_FOUND)
async def set_wrap_up(name: str, wrap_up: WrapUp, controller: ControllerDep) -> Response:
    """Extend or shorten an agent's wrap-up. 409 when none runs."""
    return answer(await controller.set_wrap_up(name, wrap_up.seconds))


@v1.delete("/agents/{name}/wrap-up", tags=["agents"], response_model=AgentRow, responses=NOT_FOUND)
async def end_wrap_up(name: str, controller: ControllerDep) -> Response:
    """End an agent's wrap-up now. 409 when none runs."""
    return answer(await controller.end_wrap_up(name))


@v1.get("/calls", tags=["calls"], response_model=list[CallRow])
async def list_calls(controller: ControllerDep, queue: str | None = None) -> Response:
    """Calls in queues and with agents; of one queue if it is named."""
    calls = (await controller.snapshot()).calls
    return answer([row for row in calls if queue is None or row.queue == queue])


@v1.get("/calls/{call}", tags=["calls"], response_model=CallRow, responses=NOT_FOUND)
async def get_call(call: str, controller: ControllerDep) -> Response:
    snapshot = await controller.snapshot()
    return answer(_pick("call", call, {row.id: row for row in snapshot.calls}))


@v1.patch("/calls/{call}", tags=["calls"], response_model=CallRow, responses=NOT_FOUND)
async def change_call(call: str, patch: CallPatch, controller: ControllerDep) -> Response:
    """Move a waiting caller to another queue, or change the place. 409 when an agent has answered."""
    row: CallRow | None = None
    if patch.queue is not None:
        row = await controller.move_call(call, patch.queue, keep_wait=patch.keep_wait)
    if (patch.priority, patch.base_score, patch.skills) != (None, None, None):
        row = await controller.rank_call(
            call, priority=patch.priority, base_score=patch.base_score, skills=patch.skills
        )
    if row is None:
        raise PortError(400, "nothing to change", "give one of: queue, priority, base_score, skills")
    return answer(row)


@v1.get("/calls/{call}/trace", tags=["calls"], response_model=list[TraceStep], responses=NOT_FOUND)
async def trace_call(call: str, controller: ControllerDep) -> Response:
    """What happened to a call, in order."""
    return answer(await controller.trace(call))


@v1.get(
    "/calls/{call}/why",
    tags=["calls"],
    response_model=WhyRow,
    responses=NOT_FOUND | {409: {"model": Problem}},
)
async def explain_call(call: str, controller: ControllerDep) -> Response:
    """Why a waiting caller has no agent yet: each agent with the first rule that keeps them away."""
    return answer(await controller.why(call))


@v1.post(
    "/calls/{call}/transfer",
    tags=["calls"],
    status_code=204,
    responses=NOT_FOUND | {400: {"model": Problem}, 409: {"model": Problem}},
)
async def transfer_call(call: str, order: TransferOrder, controller: ControllerDep) -> Response:
    """Send a caller who waits or talks to a queue, an agent, an extension or a number outside.

    The agent who talks with the caller is free at once (wrap-up begins). The call's trace tells the rest.
    """
    kind, name = order.target()
    await controller.transfer_call(call, kind, name, keep_wait=order.keep_wait)
    return Response(status_code=204)


@v1.post(
    "/calls/{call}/consult",
    tags=["calls"],
    status_code=204,
    responses=NOT_FOUND | {400: {"model": Problem}, 409: {"model": Problem}},
)
async def consult(call: str, order: ConsultOrder, controller: ControllerDep) -> Response:
    """Call somebody for the agent who talks with this caller.

    The two go on talking until somebody answers; then the caller hears music. An agent who hangs up hands the
    caller over; when the other side hangs up, the agent has the caller back.
    """
    kind, name = order.target()
    await controller.consult(call, kind, name)
    return Response(status_code=204)


@v1.post(
    "/calls/{call}/consult/complete",
    tags=["calls"],
    status_code=204,
    responses=NOT_FOUND | {409: {"model": Problem}},
)
async def complete_consult(call: str, controller: ControllerDep) -> Response:
    """Connect the caller with whom the agent consults; the agent is free at once."""
    await controller.complete_consult(call)
    return Response(status_code=204)


@v1.delete(
    "/calls/{call}/consult",
    tags=["calls"],
    status_code=204,
    responses=NOT_FOUND | {409: {"model": Problem}},
)
async def end_consult(call: str, controller: ControllerDep) -> Response:
    """Bring the agent back to the caller."""
    await controller.end_consult(call)
    return Response(status_code=204)


@v1.delete("/calls/{call}", tags=["calls"], status_code=204, responses=NOT_FOUND)
async def hang_up(call: str, controller: ControllerDep) -> Response:
    """Hang a caller up."""
    await controller.hang_up(call)
    return Response(status_code=204)


@v1.get("/nodes", tags=["nodes"], response_model=list[NodeRow])
async def list_nodes(controller: ControllerDep) -> Response:
    return answer((await controller.snapshot()).nodes)


@v1.put("/nodes/{name}/drain", tags=["nodes"], response_model=NodeRow, responses=NOT_FOUND)
async def drain_node(name: str, controller: ControllerDep) -> Response:
    """No new offers for a node's callers; who waits there stays, conversations go on."""
    return answer(await controller.drain(name, on=True))


@v1.delete("/nodes/{name}/drain", tags=["nodes"], response_model=NodeRow, responses=NOT_FOUND)
async def undrain_node(name: str, controller: ControllerDep) -> Response:
    """Offers for a node's callers again."""
    return answer(await controller.drain(name, on=False))


@v1.get("/config", tags=["configuration"], response_model=Routing)
async def get_config(controller: ControllerDep) -> Response:
    """Queues, agents and tiers in force."""
    return answer((await controller.configuration()).routing())


@v1.put(
    "/config",
    tags=["configuration"],
    response_model=Applied,
    responses={400: {"model": Problem}, 409: {"model": Problem}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Routing"}}},
        }
    },
)
async def apply_config(request: Request, controller: ControllerDep, dry_run: bool = False) -> Response:
    """Make queues, agents and tiers be as given, all or nothing. No caller is dropped, no counter reset."""
    config = await asyncio.to_thread(_read_routing, await request.body())
    changes = await controller.apply(config, dry_run=dry_run)
    return answer({"dry_run": dry_run, "changes": changes})


def _read_routing(body: bytes) -> Config:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PortError(400, "the body isn't valid JSON", str(error)) from error
    if not isinstance(data, dict) or not data.keys() <= set(ROUTING):
        parts = ", ".join(f"`{part}`" for part in ROUTING)
        raise PortError(400, f"the body must be a table of {parts}", "see /api/docs")
    try:
        return Config.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = explain(error)
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        place, message, hint = problems[0]
        raise PortError(400, f"{place}: {message}{more}" if place else message + more, hint) from error


def _place(text: str) -> Exit:
    try:
        return parse_exit(text)
    except RuleError as error:
        raise PortError(400, f"`to`: {error}", error.hint) from error


def _pick(what: str, name: str, rows: Mapping[str, object]) -> object:
    if name not in rows:
        raise PortError(404, f"there is no {what} of that name", f"GET /api/v1/{what}s lists them")
    return rows[name]
