"""Queues, agents and tiers as frozen models: what `apply` changes and the database keeps.

Attributes are Python's names, keys of the file are mod_callcenter's. Times are seconds in the file; `*_us`
properties give integer microseconds, the only unit inside.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    field_validator,
)

from py_callcenter.config import rules
from py_callcenter.config.base import Model
from py_callcenter.config.rules import Exit, RuleError

MICROSECONDS = 1_000_000

Strategy = Literal[
    "longest-idle-agent",
    "round-robin",
    "top-down",
    "agent-with-least-talk-time",
    "agent-with-fewest-calls",
    "sequentially-by-agent-order",
    "random",
    "weighted-random",
    "least-occupied",
    "ring-all",
    "ring-progressively",
    "ring-k",
]
Status = Literal["Available", "Available (On Demand)", "On Break", "Logged Out"]

Name = Annotated[str, AfterValidator(rules.check_name), Field(min_length=1, max_length=64)]
Seconds = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]
ExitField = Annotated[
    Exit,
    PlainValidator(rules.parse_exit),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["hangup", "voicemail@default"]}),
]


def _microseconds(seconds: float) -> int:
    return round(seconds * MICROSECONDS)


def _as_tuple(value: object) -> object:
    """One dial string or a list of them."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


class ServiceLevel(Model):
    """Target of a queue: this share of its callers is answered within this time."""

    seconds: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)] = 20
    percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 80

    @property
    def us(self) -> int:
        return _microseconds(self.seconds)


class Relaxation(Model):
    """From so many seconds of waiting on, a queue's callers need only this."""

    after: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]
    skills: Annotated[str, AfterValidator(rules.check_demand), Field(max_length=500)]

    @property
    def after_us(self) -> int:
        return _microseconds(self.after)


class Queue(Model):
    """A line of callers. Names and meanings are mod_callcenter's where it has them."""

    name: Name
    strategy: Strategy = "longest-idle-agent"
    ring_progressively_delay: Seconds = 10
    """`ring-progressively`: seconds until one more phone rings; 0 = 10, as in mod_callcenter."""

    ring_count: Annotated[int, Field(ge=1, le=1000)] = 2
    """`ring-k`: phones that ring at once for one caller."""

    occupancy_window: Annotated[float, Field(ge=60, le=3600, allow_inf_nan=False)] = 1800
    """`least-occupied`: seconds back that conversations and wrap-ups count."""

    tier_rules_apply: bool = False
    """Whether higher levels open only after some waiting."""

    tier_rule_wait_second: Seconds = 0
    """Seconds a caller waits until the next level opens."""

    tier_rule_wait_multiply_level: bool = False
    """Whether these seconds are multiplied by the level; if not, all levels open at once."""

    tier_rule_no_agent_no_wait: bool = True
    """Whether a level is open while nobody is present on a lower one."""

    tier_rules_compatible: bool = False
    """Whether level 1 waits too and agents on break count as present, as in mod_callcenter."""

    skip_agents_with_external_calls: bool = True
    """Whether agents on calls outside the queues are passed over."""

    refusal_memory: bool = True
    """Whether an agent who let a caller ring is tried last for this caller."""

    service_level: ServiceLevel = ServiceLevel()
    moh_sound: Annotated[str, AfterValidator(rules.check_sound)] | None = None
    """What callers hear while they wait; silence when absent."""

    max_wait_time: Seconds = 0
    """Longest wait from the caller's PARK; 0 = no limit. Then `on-timeout`."""

    max_wait_time_with_no_agent: Seconds = 0
    """Longest wait while nobody is logged in; 0 = no limit. Then `on-no-agent`."""

    max_wait_time_with_no_agent_time_reached: Seconds = 5
    """Grace for callers who come when that limit has passed already."""

    max_callers: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Callers at most at once; 0 = no limit. Who comes on top goes to `on-full`."""

    max_expected_wait: Seconds = 0
    """Longest wait that a caller may have to expect; 0 = no limit. Who would wait longer, more likely than
    not, goes to `on-full`; nobody does while the expected wait isn't known."""

    agent_originate_timeout: Annotated[int, Field(ge=1, le=3600)] = 20
    """Seconds that an agent's phones ring."""

    compatible: bool = False
    """Whether an offer that failed on the way to the phone counts as unanswered, as in mod_callcenter."""

    agent_no_answer_status: Status = "On Break"
    """Status of an agent who reached `max-no-answer`."""

    agent_busy_status: Status = "On Break"
    """Status of an agent who reached `max-busy`."""

    agent_reject_status: Status = "On Break"
    """Status of an agent who reached `max-reject`."""

    agent_unregistered_status: Status = "Logged Out"
    """Status of an agent who reached `max-unregistered`."""

    record_template: Annotated[str, AfterValidator(rules.check_record_template)] | None = None
    """File name of recordings on the switch; nothing is recorded when absent."""

    skills: Annotated[str, AfterValidator(rules.check_demand), Field(max_length=500)] | None = None
    """What its callers need who bring no demand of their own; anybody when absent."""

    relax: Annotated[tuple[Relaxation, ...], Field(strict=False, max_length=31)] = ()
    """What they need instead after some waiting, in order of time. The last may need `any`."""

    queue_priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Its callers go before those of queues with less, whatever the wait, as far as the agents serve both."""

    queue_weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many times the wait of its callers counts against callers of other queues."""

    urgent_by_service_level: bool = False
    """Compare its callers with others by the time that is left to the service level's seconds."""

    overtaking_cap: Annotated[int, Field(ge=0, le=1000)] | None = None
    """How often callers of other queues may go before one of this by these three; no limit when absent."""

    preferred_agent_wait: Seconds = 30
    """Seconds a caller waits for the agent whom `cc_preferred_agent` names; 0 = not at all."""

    last_agent_wait: Seconds = 0
    """Seconds a caller waits for the agent who last talked with them; 0 = not at all."""

    last_agent_memory: Seconds = 86400
    """How long ago that talk may be."""

    time_base_score: Literal["queue", "system", "first-queue"] = "queue"
    """Since when a caller's wait counts in the order: this queue's PARK, the channel's answer, or the call's
    first queue.
    """

    abandoned_resume_allowed: bool = False
    """Whether who hung up, or was lost with the switch, and calls again soon gets the place back."""

    discard_abandoned_after: Seconds = 60
    """How soon."""

    on_timeout: ExitField = rules.HANGUP
    on_no_agent: ExitField = rules.HANGUP
    on_full: ExitField = rules.HANGUP
    on_exit_key: ExitField = rules.HANGUP
    after_call: ExitField = rules.HANGUP
    """Where the caller goes when the conversation is over and the caller hasn't hung up."""

    @field_validator("moh_sound", mode="before")
    @classmethod
    def _no_sound(cls, value: object) -> object:
        return None if value == "" else value

    @property
    def demand_steps(self) -> list[tuple[int, str]]:
        """Demands by waited microseconds."""
        steps = [(step.after_us, step.skills) for step in self.relax]
        return [(0, self.skills or "any"), *steps]

    @property
    def preferred_agent_wait_us(self) -> int:
        return _microseconds(self.preferred_agent_wait)

    @property
    def last_agent_wait_us(self) -> int:
        return _microseconds(self.last_agent_wait)

    @property
    def last_agent_memory_us(self) -> int:
        return _microseconds(self.last_agent_memory)

    @property
    def discard_abandoned_after_us(self) -> int:
        return _microseconds(self.discard_abandoned_after)

    @property
    def ring_progressively_delay_us(self) -> int:
        return _microseconds(self.ring_progressively_delay) or 10 * MICROSECONDS

    @property
    def occupancy_window_us(self) -> int:
        return _microseconds(self.occupancy_window)

    @property
    def tier_rule_wait_us(self) -> int:
        return _microseconds(self.tier_rule_wait_second)

    @property
    def max_wait_time_us(self) -> int:
        return _microseconds(self.max_wait_time)

    @property
    def max_expected_wait_us(self) -> int:
        return _microseconds(self.max_expected_wait)

    @property
    def max_wait_time_with_no_agent_us(self) -> int:
        return _microseconds(self.max_wait_time_with_no_agent)

    @property
    def max_wait_time_with_no_agent_time_reached_us(self) -> int:
        return _microseconds(self.max_wait_time_with_no_agent_time_reached)

    @property
    def agent_originate_timeout_us(self) -> int:
        return self.agent_originate_timeout * MICROSECONDS


class Agent(Model):
    """Somebody who takes calls, on one phone or on several that ring together."""

    name: Name
    type: Literal["callback", "uuid-standby"] = "callback"
    contacts: Annotated[
        tuple[Annotated[str, AfterValidator(rules.check_contact)], ...],
        BeforeValidator(_as_tuple),
        Field(alias="contact", min_length=1, max_length=8, strict=False),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 8},
                ],
                "examples": ["user/1000@example.org"],
            }
        ),
    ]
    """A dial string, or a list of them: all the agent's phones."""

    status: Status = "Logged Out"
    """Status when the agent is new. Later only the agent or `callcenter agent set` changes it."""

    wrap_up_time: Seconds = 10
    """Rest after a conversation, in seconds."""

    max_no_answer: Annotated[int, Field(ge=0, le=1000)] = 3
    """Unanswered offers in a row that bring the queue's `agent-no-answer-status`; 0 = never."""

    max_busy: Annotated[int, Field(ge=0, le=1000)] = 0
    """Offers to a busy phone, without a conversation between them, that bring `agent-busy-status`."""

    max_reject: Annotated[int, Field(ge=0, le=1000)] = 0
    """Refused offers, without a conversation between them, that bring `agent-reject-status`."""

    max_unregistered: Annotated[int, Field(ge=0, le=1000)] = 0
    """Offers to a phone that isn't registered that bring `agent-unregistered-status`."""

    busy_delay_time: Seconds = 60
    """Rest after the phone was busy."""

    reject_delay_time: Seconds = 10
    """Rest after the agent refused a call."""

    no_answer_delay_time: Seconds = 5
    """Rest after an unanswered offer."""

    unregistered_delay_time: Seconds = 5
    """Rest after the phone wasn't registered."""

    reset_counters: bool = False
    """Whether becoming `Available` from another status clears the calls and talk time that
    `agent-with-fewest-calls` and `agent-with-least-talk-time` go by, as in mod_callcenter."""

    skills: dict[Annotated[str, AfterValidator(rules.check_skill)], Annotated[int, Field(ge=0, le=100)]] = (
        Field(default_factory=dict)
    )
    """Skills with levels, 0…100."""

    warning_tone: Annotated[str, AfterValidator(rules.check_sound)] | None = "tone_stream://%(200,0,640)"
    """`uuid-standby`: what the agent hears before a caller is joined; nothing when empty."""

    @field_validator("warning_tone", mode="before")
    @classmethod
    def _no_tone(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("contacts")
    @classmethod
    def _check_contacts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise RuleError("names the same phone twice", "name each phone once")
        return value

    @property
    def wrap_up_time_us(self) -> int:
        return _microseconds(self.wrap_up_time)

    @property
    def busy_delay_time_us(self) -> int:
        return _microseconds(self.busy_delay_time)

    @property
    def reject_delay_time_us(self) -> int:
        return _microseconds(self.reject_delay_time)

    @property
    def no_answer_delay_time_us(self) -> int:
        return _microseconds(self.no_answer_delay_time)

    @property
    def unregistered_delay_time_us(self) -> int:
        return _microseconds(self.unregistered_delay_time)


class Tier(Model):
    """An agent serves a queue. Lower levels first, then lower positions."""

    queue: Name
    agent: Name
    level: Annotated[int, Field(ge=0, le=86400)] = 1
    position: Annotated[int, Field(ge=0, le=86400)] = 1
    opening_delay: Seconds = 0
    """The agent serves only callers who waited so many seconds."""

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """`weighted-random`: how many times the chance of an agent of weight 1."""

    @property
    def opening_delay_us(self) -> int:
        return _microseconds(self.opening_delay)


class BreakReason(Model):
    """What agents may take a break for. `On Break` without a reason has no limit and isn't counted."""

    name: Name
    time_limit: Seconds = 0
    """Seconds that such a break may last; 0 = no limit. Then it is shown and counted as overdue."""

    when_over: Literal["Available", "Logged Out"] | None = None
    """Status of an agent whose break has lasted so long; when absent the break goes on."""

    quota: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Agents who may be on it at once; 0 = no limit. Who asks for it then stands in line."""

    @property
    def time_limit_us(self) -> int:
        return _microseconds(self.time_limit)


class Breaks(Model):
    """Breaks with a reason."""

    quota: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Agents who may rest at once, for whatever reason; 0 = no limit."""

    reasons: Annotated[tuple[BreakReason, ...], Field(strict=False, max_length=100)] = ()
