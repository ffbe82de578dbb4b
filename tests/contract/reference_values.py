"""What the plain Python router knows of a queue, agent, tier, caller, offer, and what it takes for valid."""

from __future__ import annotations

from dataclasses import dataclass, field

from contract.reference_skills import Expr, Skills, read

from py_callcenter._router import RouterError

MAX_US = 10**17
MAX_NAME = 10_000
MAX_INT = 2**63 - 1
MAX_MISSES = 1_000_000
STRATEGIES = (
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
)
STATUSES = ("Available", "Available (On Demand)", "On Break", "Logged Out")
TAKES_CALLS = ("Available", "Available (On Demand)")
STATES = (
    "waiting",
    "reserved",
    "receiving",
    "in_a_queue_call",
    "wrap_up",
    "idle",
    "busy_elsewhere",
    "on_break",
    "logged_out",
)
REFUSALS = ("busy", "rejected", "no_answer", "unreachable", "unregistered")
COUNTED = {
    "no_answer": "no_answer",
    "unreachable": "no_answer",
    "busy": "busy",
    "rejected": "reject",
    "unregistered": "unregistered",
}
"""The limit that a fault counts towards."""
KINDS = ("no_answer", "busy", "reject", "unregistered")
FAULTS = ("busy", "rejected", "no_answer", "unreachable", "unregistered", "path_error", "withdrawn")
TRIES = 16  # lots drawn among all agents before those who meet a demand are listed
Steps = str | list[tuple[int, str]]
Ladder = list[tuple[int, str, Expr]]  # from which waited time on, demand in canonical form, its meaning


@dataclass(frozen=True)
class Proposal:
    offer: int
    caller: int
    agent: int
    queue: int


@dataclass(frozen=True)
class AgentView:
    name: str
    status: str
    state: str
    state_since_us: int
    idle_since_us: int
    ready_at_us: int
    no_answer_count: int
    busy_count: int
    reject_count: int
    unregistered_count: int
    calls_answered: int
    talk_us: int
    external_calls: int


@dataclass
class Queue:
    id: int
    name: str
    strategy: str
    statuses: dict[str, str]
    ring_progressively_delay_us: int
    ring_count: int
    occupancy_window_us: int
    tier_rules_apply: bool
    tier_rule_wait_us: int
    tier_rule_wait_multiply_level: bool
    tier_rule_no_agent_no_wait: bool
    tier_rules_compatible: bool
    skip_agents_with_external_calls: bool
    refusal_memory: bool
    ladder: Ladder
    queue_priority: int
    queue_weight: int
    service_level_us: int
    overtaking_cap: int | None
    passes: list[int] = field(default_factory=list)  # the newest caller's id at each passing-over


@dataclass
class Agent:
    id: int
    name: str
    settings: dict[str, int]
    limits: dict[str, int]
    reset_counters: bool
    skills: dict[str, int]
    status: str = "Logged Out"
    state: str = "logged_out"
    state_since_us: int = 0
    idle_since_us: int = 0
    served_on_demand: bool = False
    rest: str = ""  # "wrap_up", "delay" or nothing
    rest_until_us: int = 0
    missed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    calls_answered: int = 0
    talk_us: int = 0
    hold_until_us: int = 0
    external_calls: int = 0
    work: list[tuple[int, int]] = field(default_factory=list)
    work_since_us: int | None = None


@dataclass
class Tier:
    level: int
    position: int
    opening_delay_us: int
    weight: int
    last_offer: int = 0


@dataclass
class Caller:
    id: int
    queue: int
    entered_us: int
    priority: int
    base_score_us: int
    ladder: Ladder | None
    claimed_by: int = 0
    held: bool = False
    offered_us: int = 0
    tried: tuple[int, int, int] | None = None
    refused: list[int] = field(default_factory=list)
    preferred: int = 0
    preferred_until_us: int = 0

    @property
    def rank(self) -> tuple[int, int, int]:
        return (-self.priority, self.entered_us - self.base_score_us, self.id)


@dataclass
class Offer:
    id: int
    caller: int
    agent: int
    queue: int
    statuses: dict[str, str]
    step: str = "reserved"  # then "ringing", "claimed", "talking"
    withdrawn: bool = False
    talking_since_us: int = 0


@dataclass
class Timer:
    deadline_us: int
    order: int
    token: int


def check_number(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise RouterError(f"{what} must be {low}…{high}")


def check_text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RouterError("the text is not valid Unicode") from None


def check_word(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise RouterError(f"unknown {what}")


def read_ladder(steps: Steps) -> Ladder:
    """Read and check demands by waited time, as the catalogue of skills does."""
    known = Skills()
    ladder = known.put_ladder([(0, steps)] if isinstance(steps, str) else steps)
    return [(after_us, text, read(text)[1]) for after_us, text in known.ladders.get(ladder)]


def check_name(value: str) -> None:
    check_text(value)
    if not 1 <= len(value) <= MAX_NAME:
        raise RouterError("a name must have 1…10000 characters")


def splitmix(seed: int, number: int) -> int:
    """The number-th lot of a seed, counted from 1: 64 bits by SplitMix64 (Steele, Lea, Flood 2014)."""
    word = (1 << 64) - 1
    mixed = (seed + number * 0x9E3779B97F4A7C15) & word
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & word
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & word
    return mixed ^ (mixed >> 31)
