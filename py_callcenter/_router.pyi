"""The compiled half of py_callcenter: the wire decoder and the routing core.

Everything here is written in Rust (`rust_router/`). Ids are small integers that the core hands out;
times are integer microseconds since the epoch and every name says so. No method does I/O, reads a
clock or draws randomness. No method releases the GIL: each takes a few microseconds at most; `SeriesText`
says otherwise.
"""

from collections.abc import Sequence
from typing import Final, Protocol, final

__version__: Final[str]
"""Version of the compiled module; `py_callcenter` refuses to import when it differs from its own."""

BUILD_PROFILE: Final[str]
"""`release` or `debug`: the Cargo profile that this module was built with."""

class FrameError(ValueError):
    """The byte stream broke the event-socket framing. The connection must be closed: bytes after this
    point can't be trusted, and looking for "the next frame" is how events get forged. The message names
    frame, line and fault, never the content.
    """

class EventError(ValueError):
    """A frame's body is not a well-formed event. The message names the place, never the content."""

class RouterError(ValueError):
    """A call to `Router` that can't be carried out: unknown id, unknown name, number out of range, or a
    step that the state doesn't allow. Nothing was changed.
    """

class SnapshotError(ValueError):
    """Bytes from which no `Router` can be restored: of something else, damaged, of another format (the
    message says which), or whole and yet no state that a router could be in.
    """

class DecisionLogError(ValueError):
    """A decision log that gives no decisions: bytes of something else, of another format, cut short, damaged;
    or others than it holds. The message names the first such entry, and what it gave then and gives now.
    """

    entry: int | None
    """Number of that entry, from 1; None when the beginning of the log is what is wrong."""

class EstimateError(ValueError):
    """A fact or question of `Estimator`, `Erlang` or `erlang_b` that can't be: a number out of range, a queue
    without a steady state, a ticket given back when nobody waits. Nothing was changed.
    """

@final
class FrameParser:
    """Cuts a byte stream of FreeSWITCH's event socket into frames.

    A frame is header lines `Name: value`, a blank line, then exactly `Content-Length` bytes when that
    header is present (mod_event_socket.c; `freeswitch-esl.md` 1.3). One parser serves one connection.
    Lines end in LF; a CR before it is dropped. Bytes may arrive in any pieces.
    """

    def __new__(
        cls,
        *,
        max_header_bytes: int = 262144,
        max_body_bytes: int = 16777216,
        max_headers: int = 4096,
    ) -> FrameParser: ...
    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes as they came from the socket; give the frames that they complete, in order.

        Raises `FrameError` on a line without a colon, a name that is empty or has a space or control
        character in it, a Content-Length that is no decimal number or exceeds `max_body_bytes`, a second
        Content-Length or Content-Type, a header block over `max_header_bytes` or with more than
        `max_headers` lines, a NUL byte among the headers, a block without Content-Type, or an
        `api/response`, `log/data`, `text/rude-rejection` or `text/event-…` without Content-Length. Frames
        that were complete before the error in the same `data` are lost with the connection. Each later
        call raises again. Each byte is looked at once, however the stream is cut.
        """

    @property
    def pending_bytes(self) -> int:
        """Bytes held that don't make a whole frame yet."""

@final
class Frame:
    """One frame: envelope headers and body, apart. Immutable."""

    @property
    def content_type(self) -> str:
        """Value of `Content-Type`, for example `text/event-plain`, `api/response`, `command/reply`."""

    @property
    def body(self) -> bytes:
        """The `Content-Length` bytes, raw; empty when the frame has none."""

    def header(self, name: str) -> str | None:
        """Envelope header by name, letter case ignored, the first of several; None when absent. Not
        percent-decoded; bytes that aren't UTF-8 come out as U+FFFD.
        """

    def event(self) -> Event:
        """Decode the body as an event, by content type (`text/event-plain` or `text/event-json`).

        Raises `EventError` for other content types and for malformed bodies.
        """

@final
class Event:
    """One FreeSWITCH event, indexed once and decoded header by header on demand. Immutable.

    Lines are split before anything is percent-decoded, so an encoded newline in a value stays inside that
    value. FreeSWITCH's encoding can't be inverted in every case (a caller's literal `%0A` comes out as a
    newline too): a decoded value is data, never to be parsed again. When a name occurs twice the first one
    counts: FreeSWITCH writes its own headers before the channel's variables. Bytes that aren't UTF-8 come
    out as U+FFFD by `get` and unchanged by `raw`. An array is one value, `ARRAY::a|:b`. At most 64 MiB and
    65536 headers. It shares its bytes with the frame that it came from.
    """

    @staticmethod
    def from_plain(data: bytes) -> Event:
        """Decode `Name: percent-encoded value` lines as in `event plain` or `uuid_dump`. Raises `EventError`.

        Each line ends in LF; a blank line ends the headers (it may be missing when there is no body). When
        `Content-Length` is the last header, exactly so many bytes must follow, else none. `_undef_`,
        FreeSWITCH's empty value, is given as an empty string; a `%` without two hexadecimal digits stays.
        """

    @staticmethod
    def from_json(data: bytes) -> Event:
        """Decode one JSON object as in `event json` or `uuid_dump … json`. Raises `EventError`.

        Members are strings or arrays of strings, which are joined in FreeSWITCH's own `ARRAY::a|:b` form;
        anything else is refused. `_body` becomes the body, the last one when there are several, because
        FreeSWITCH writes its own last. Nothing is percent-decoded. Bytes that aren't UTF-8 and halves of
        surrogate pairs are kept for `raw`; `get` gives U+FFFD for them.
        """

    @property
    def name(self) -> str:
        """`Event-Name`, empty when absent."""

    @property
    def subclass(self) -> str:
        """`Event-Subclass` decoded, empty when absent."""

    @property
    def unique_id(self) -> str:
        """`Unique-ID`, empty when absent."""

    @property
    def timestamp_us(self) -> int:
        """`Event-Date-Timestamp` in microseconds by the switch's clock, 0 when absent or not a number."""

    @property
    def body(self) -> bytes:
        """Body of the event (inner Content-Length), raw; empty when it has none."""

    def get(self, name: str) -> str | None:
        """Decoded value of a header by exact name; None when absent."""

    def raw(self, name: str) -> bytes | None:
        """Percent-decoded bytes of a header by exact name; None when absent."""

    def items(self) -> list[tuple[str, str]]:
        """All headers decoded, in the order of the wire, repeated ones too. Slow; for traces and tests.

        A name with bytes that aren't UTF-8 shows U+FFFD in their place and can't be asked for by that.
        """

    def __contains__(self, name: str, /) -> bool: ...
    def __len__(self) -> int:
        """Number of headers, repeated ones counted."""

@final
class Poker:
    """Newlines on an event connection, from a native thread that never takes the interpreter's lock.

    FreeSWITCH looks at the events of an idle connection every 20 ms, and at once when a byte arrives. The
    thread works on a duplicate of the descriptor; the connection must be non-blocking and nobody else may
    write to it. Full buffers are passed over; any other error ends the thread.
    """

    def __new__(cls, fd: int, *, interval_us: int = 500, hurry_us: int = 150) -> Poker:
        """Rests until wanted.

        Raises `ValueError` for intervals outside 50…1000000 µs, `OSError` when `fd` is not open.
        """

    def want(self, wanted: bool) -> None:
        """Poke every `interval_us` from now on, or rest."""

    def hurry(self, count: int = 16) -> None:
        """The next `count` (at most 1000) pokes follow each other after `hurry_us`: more events are on
        their way. 0 goes back to the usual rhythm.
        """

    def stop(self) -> None:
        """End the thread. Nothing starts it again."""

    @property
    def sent(self) -> int:
        """How many newlines were written."""

@final
class Proposal:
    """A reservation just made: this agent is kept for this caller until `fail` or `finish`. Immutable."""

    @property
    def offer(self) -> int:
        """Id of the reservation; never used twice."""

    @property
    def caller(self) -> int:
        """Id of the caller."""

    @property
    def agent(self) -> int:
        """Id of the agent."""

    @property
    def queue(self) -> int:
        """Id of the queue."""

@final
class AgentView:
    """A copy of what the core knows of one agent at one moment. Immutable."""

    @property
    def name(self) -> str: ...
    @property
    def status(self) -> str:
        """`Available`, `Available (On Demand)`, `On Break` or `Logged Out`."""

    @property
    def state(self) -> str:
        """`waiting` `reserved` `receiving` `in_a_queue_call` `wrap_up` `idle` `busy_elsewhere` `on_break`
        `logged_out`.

        An open offer or conversation comes first, then the status, then wrap-up, then `idle`, then calls
        that aren't the queues' (`busy_elsewhere`). In a delay after a failed offer, or held back by
        `set_ready_at`, the state is `waiting`, with `ready_at_us` set.
        """

    @property
    def state_since_us(self) -> int:
        """Moment of the last change of `state`."""

    @property
    def idle_since_us(self) -> int:
        """End of the last conversation, or the moment of login (leaving `Logged Out` for any status): the
        order of `longest-idle-agent`. 0 before the first login. Failed offers and breaks don't move it.
        """

    @property
    def ready_at_us(self) -> int:
        """End of a wrap-up or delay, or the moment of `set_ready_at`, the later one; 0 when none runs. Runs
        on while on break or logged out.
        """

    @property
    def no_answer_count(self) -> int:
        """Offers that nobody answered since the last conversation, or since becoming `Available`."""

    @property
    def busy_count(self) -> int:
        """The same of `busy`."""

    @property
    def reject_count(self) -> int:
        """The same of `rejected`."""

    @property
    def unregistered_count(self) -> int:
        """The same of `unregistered`."""

    @property
    def calls_answered(self) -> int: ...
    @property
    def talk_us(self) -> int: ...
    @property
    def external_calls(self) -> int: ...

@final
class AgentBreak:
    """A break with a reason, a request for one, or both: who rests may ask for another reason."""

    @property
    def reason(self) -> int | None:
        """Id of the reason for which the agent rests; None: doesn't, or without one."""

    @property
    def since_us(self) -> int:
        """Since when; 0 without a reason."""

    @property
    def limit_us(self) -> int:
        """Until when it may last; 0: no limit."""

    @property
    def overdue(self) -> bool:
        """That moment has passed."""

    @property
    def asked(self) -> int | None:
        """Id of the reason that is asked for."""

    @property
    def asked_us(self) -> int:
        """Since when; 0 when nothing is."""

    @property
    def place(self) -> int:
        """Place in the line, 1 = next; 0: there is a place, the break begins after call and wrap-up."""

@final
class BreakNews:
    """Something that happened to a break."""

    @property
    def step(self) -> str:
        """`asked`; `granted`: there is a place, after call and wrap-up; `begun`; `overdue`: it has lasted as
        long as it may; `over`: for that it ended; `withdrawn`: the request is void; `unnamed`: the reason is
        gone, the agent still rests.
        """

    @property
    def agent(self) -> int: ...
    @property
    def reason(self) -> int:
        """Id of the reason, which may be gone."""

    @property
    def status(self) -> str | None:
        """The new status of a break that is `over`."""

@final
class QueueView:
    """A copy of what the core knows of one queue at one moment. Immutable: it answers as `Router` would, had
    nothing happened since, so another thread can ask.
    """

    @property
    def waiting(self) -> int:
        """Callers in the queue, bridged ones excepted."""

    @property
    def staffed(self) -> int:
        """Agents who aren't logged out."""

    @property
    def can_serve(self) -> int:
        """Agents who could take a call this instant."""

    def expected_wait(self, now_us: int) -> Estimate | None:
        """As `Router.expected_wait`."""

    def expected_wait_behind(self, now_us: int, ahead: int) -> Estimate | None:
        """As `Router.expected_wait_of` for a caller with so many ahead in the queue."""

    @property
    def score(self) -> Score:
        """As `Router.wait_score`."""

@final
class Candidate:
    """One agent of a queue, as one caller sees them at one moment. Immutable."""

    @property
    def agent(self) -> int:
        """Id of the agent."""

    @property
    def reason(self) -> str | None:
        """The first rule that keeps the agent from the caller; None: may be had.

        In the order in which they are asked: `other_caller` (goes to one who is served before) or
        `rings_for_caller` or, by what the agent does for others, `reserved` `receiving`
        `in_a_queue_call`; then `logged_out` `on_break` `wrap_up` `idle` `delay` `not_ready_yet`
        `external_call`; then `preferred_agent` (the caller waits for another one) `opening_delay`
        `tier_level` `skills`; last `overtaking_cap` (a protected caller is before, see `put_queue`).
        """

    @property
    def until_us(self) -> int | None:
        """When that rule ends by waiting alone, if it does; another may hold then."""

    @property
    def other(self) -> int | None:
        """Id of the other caller who gets the agent or has them, if still waiting."""

    @property
    def refused(self) -> bool:
        """Has let this caller ring before, so comes after all others."""

@final
class Explanation:
    """Where a caller stands with each agent of the queue at one moment. Immutable."""

    @property
    def now_us(self) -> int:
        """The moment that it holds for."""

    @property
    def caller(self) -> int:
        """Id of the caller."""

    @property
    def queue(self) -> int:
        """Id of the queue."""

    @property
    def closed(self) -> str | None:
        """Why nobody is looked for now: `claimed` (an agent has answered), `held` (by `hold_caller`) or
        `ringing` (as many phones as the strategy wants).
        """

    @property
    def wanted(self) -> int:
        """So many agents are looked for now; these are the first of the candidates without a reason."""

    @property
    def candidates(self) -> list[Candidate]:
        """All agents with a tier: first those who may be had, the best first, then the others by id. Where
        agents are drawn by lot the one who is drawn is the first, and the others have the same chance next
        time.
        """

@final
class Router:
    """Order of callers, agents, reservations and all timers.

    Pure: the same calls with the same arguments give the same results. Callers are ordered by priority
    (higher first), then by score (time since `entered_us` plus base score; so by
    `entered_us - base_score_us`, smaller first), then by order of `enqueue`. `now_us` may never go back: a
    smaller one counts as the last one seen. All ids count up from 1 and are never used twice. Times and
    durations are 0…10^17 µs, names have 1…10000 characters; anything else raises `RouterError`, as do unknown
    ids and words in every method. An offer that was given to be withdrawn (by `leave`, `claim`, `move` or
    `set_status`) is given once, can't be claimed any more, and keeps its agent until `fail`.
    """

    def __new__(cls, *, seed: int = 0) -> Router:
        """`seed` (64 bits) is what the lots of `random` and `weighted-random` are drawn from."""

    # Configuration.
    def put_queue(
        self,
        now_us: int,
        name: str,
        strategy: str,
        *,
        no_answer_status: str = "On Break",
        busy_status: str = "On Break",
        reject_status: str = "On Break",
        unregistered_status: str = "On Break",
        ring_progressively_delay_us: int = 10000000,
        ring_count: int = 2,
        occupancy_window_us: int = 1800000000,
        tier_rules_apply: bool = False,
        tier_rule_wait_us: int = 0,
        tier_rule_wait_multiply_level: bool = False,
        tier_rule_no_agent_no_wait: bool = True,
        tier_rules_compatible: bool = False,
        skip_agents_with_external_calls: bool = True,
        refusal_memory: bool = True,
        skills: str | list[tuple[int, str]] = "any",
        queue_priority: int = 0,
        queue_weight: int = 1,
        service_level_us: int = 0,
        overtaking_cap: int | None = None,
    ) -> int:
        """Add or change a queue; give its id (kept over changes). A change holds from the next `decide` on
        and costs O(callers and agents of the queue); offers keep the `no_answer_status`, `busy_status`,
        `reject_status` and `unregistered_status` (what an agent gets who reaches max_no_answer, max_busy,
        max_reject, max_unregistered) that they were made with.

        Strategies; lower levels come first in each, and the age of the agent's id breaks ties:
        `longest-idle-agent` (idle time, position), `agent-with-least-talk-time` (talk_us, position),
        `agent-with-fewest-calls` (calls_answered, position), `sequentially-by-agent-order` (position,
        oldest offer), `round-robin` (on the level of the queue's newest offer the positions above it; then
        position, oldest offer), `top-down` (behind the agent whom this caller tried last; then from the top
        again), `random`, `weighted-random` (by the tier's `weight`), `least-occupied` (conversations and
        wrap-ups within `occupancy_window_us`, one minute to one hour, that moves in 32 steps, counted from
        the first such queue on; then position), `ring-k` (`ring_count` phones at a time, longest idle
        first), `ring-all`, `ring-progressively` (by position, one more each `ring_progressively_delay_us`,
        or at once when no phone rings any more; earlier ones ring on). The last three make several offers
        for one caller: the first `claim` wins.

        Tier rules: a level opens to a caller who waited (since `entered_us`) `tier_rule_wait_us`, with
        `…_multiply_level` so many times the level; with `…_no_agent_no_wait` also while nobody is present
        on a lower level. Level 0 never waits. Ours: level 1 never waits either, and who is On Break is not
        present. `tier_rules_compatible`: level 1 waits and On Break counts, as in mod_callcenter.

        `refusal_memory`: an agent whose offer failed (but for `withdrawn` and `path_error`) comes after all
        others for this caller, on whatever level; among several such the earliest first. The last 64 count.

        `skills`: what callers demand who bring no demand of their own: a demand (see `parse_demand`), or
        demands by waited microseconds since `entered_us` as in `Skills.put_ladder`; the last may be `any`,
        which is anybody with a tier here. A bad one raises `SkillError`, what can't be read `DemandError`.
        Only agents who meet the demand of the moment are offered, whatever else holds: levels, opening
        delays and refusals then choose among them as if the others weren't there. So a level is closed though
        nobody on the lower ones has the skill; round-robin goes on from whoever was offered last; a lot that
        falls on an agent without the skill is drawn again, after 16 in vain among those who have it.

        `queue_priority` (-100…100), `queue_weight` (1…1000) and `service_level_us` say who goes first of
        callers of different queues whom one agent may take; within a queue nothing changes. In this order:
        the higher queue priority; the higher priority of the caller; the greater urgency; then as within a
        queue. Urgency is the score minus `service_level_us`, times the weight; when it is below 0 divided
        by the weight. So with the defaults the score decides; a weight of 3 makes a minute of waiting three;
        with service levels those go first who have the least time left to theirs, and a queue without one is
        due at once. Queues of all kinds may be mixed. Only callers whom an agent may take are compared: a
        heavy queue whose callers nobody ready can serve holds nobody back.

        `overtaking_cap` (0…1000; None: no limit) says how often these three may let a caller of this queue
        be overtaken. The queue is passed over when an agent is given to a caller of another queue though
        one of this queue, whom the agent may take, is before in the order of callers (priority, score,
        sequence). Whoever was enqueued before the queue's N-th last passing-over is protected, with 0
        everybody: an agent who may take a protected caller is given to nobody who is behind that caller in
        the order of callers. So no caller is overtaken more than N times while in the queue; somebody may
        be protected earlier than that, when those before in the queue were overtaken and they weren't. Being
        offered counts, whatever becomes of it, and once, however many phones ring at a time. Another cap
        begins to count anew.
        """

    def remove_queue(self, now_us: int, queue: int) -> None:
        """Forget a queue and its tiers. Raises `RouterError` while callers are in it."""

    def put_agent(
        self,
        now_us: int,
        name: str,
        *,
        wrap_up_us: int = 0,
        busy_delay_us: int = 0,
        reject_delay_us: int = 0,
        no_answer_delay_us: int = 0,
        unregistered_delay_us: int = 5000000,
        path_error_delay_us: int = 5000000,
        max_no_answer: int = 0,
        max_busy: int = 0,
        max_reject: int = 0,
        max_unregistered: int = 0,
        reset_counters: bool = False,
        skills: dict[str, int] | None = None,
    ) -> int:
        """Add (as `Logged Out`) or change an agent; give the id. `reset_counters`: becoming `Available` from
        another status clears calls_answered and talk_us, as in mod_callcenter. A change keeps status,
        state, counters and a running wrap-up or delay. Each limit (0…1000000, 0 = none) is of failed offers
        of its kind since the last conversation; no kind forgives another. A delay of 0 makes the agent ready
        at once, and the same caller may be offered again by the next `decide`. `skills`: levels by name as in
        `Skills.put_profile`, none by default; a change holds from the next `decide` on, for callers who wait
        for this agent too. What rings goes on.
        """

    def remove_agent(self, now_us: int, agent: int) -> None:
        """Forget an agent and the tiers. Raises `RouterError` while an offer or conversation holds them."""

    def put_tier(
        self,
        now_us: int,
        queue: int,
        agent: int,
        level: int,
        position: int,
        *,
        opening_delay_us: int = 0,
        weight: int = 1,
    ) -> None:
        """Let an agent serve a queue, for callers who waited `opening_delay_us` at least. Level and position
        0…86400, weight (lots in `weighted-random`) 1…1000. For a known pair all are changed and the agent's
        turn in round-robin is kept.
        """

    def remove_tier(self, now_us: int, queue: int, agent: int) -> None:
        """An agent serves a queue no longer; an open offer of the pair goes on. Raises when none is there."""

    def queue_id(self, name: str) -> int | None: ...
    def agent_id(self, name: str) -> int | None: ...

    # Callers.
    def enqueue(
        self,
        now_us: int,
        queue: int,
        *,
        entered_us: int,
        priority: int = 0,
        base_score_us: int = 0,
        preferred_agent: int | None = None,
        preferred_for_us: int = 0,
        skills: str | list[tuple[int, str]] | None = None,
    ) -> int:
        """Put a caller in a queue; give an id that is never used twice. Priority −100…100, base score
        −10^17…10^17 µs. An `entered_us` in the past lets an earlier wait count, in the order and in tier
        rules.

        For `preferred_for_us` from now the caller is offered to `preferred_agent` only, whatever tier rules
        and opening delay say; then to anybody. That ends early when an offer fails (as in
        `refusal_memory`), and when that agent logs out or doesn't serve the queue. While that agent doesn't
        meet the caller's demand, the caller waits for nobody and may have anybody who does.

        `skills`: an own demand instead of the queue's, by itself or by waited time as in `put_queue`.
        """

    def set_skills(self, now_us: int, caller: int, skills: str | list[tuple[int, str]] | None) -> None:
        """Change what a waiting caller demands, from the next `decide` on; None: what the queue's callers do.
        Steps count from `entered_us`, not from now. Open offers go on.
        """

    def demand(self, caller: int) -> str:
        """What the caller demanded by the last `now_us`, in canonical form."""

    def set_priority(self, now_us: int, caller: int, priority: int) -> None:
        """Change a waiting caller's priority; open offers go on."""

    def set_base_score(self, now_us: int, caller: int, base_score_us: int) -> None:
        """Change a waiting caller's base score; open offers go on."""

    def move(self, now_us: int, caller: int, queue: int, *, keep_entered: bool = True) -> list[int]:
        """Move a caller to a queue (or the same one); the id stays, and priority, base score, refusals and an
        own demand. Who has none demands what callers of that queue do.
        `keep_entered=False`: the wait begins anew. Gives the open offers as `leave` does; until these have
        failed the caller counts as ringing there. Raises when an agent has answered.
        """

    def leave(self, now_us: int, caller: int, *, abandoned: bool = False) -> list[int]:
        """Take a caller out (timed out, lost, gone to an exit). `abandoned`: they gave up, which counts in
        what others may expect. Gives the open offers of this caller, a claimed one too, oldest first: they
        keep their agents until each is ended by `fail(…, "withdrawn")`, when its legs are gone.
        """

    def position(self, caller: int) -> int:
        """Place in the queue, 1 = next. Claimed callers count until they are bridged."""

    def ahead(self, caller: int) -> int | None:
        """Id of the caller who is next before this one in the queue; None for the first. O(log n)."""

    def callers(self, queue: int) -> list[int]:
        """Ids in the queue in order of service."""

    def calls_waiting(self, queue: int) -> int:
        """Length of `callers`: everybody not yet bridged. O(1)."""

    def staffed(self, queue: int) -> int:
        """Agents with a tier in this queue who aren't Logged Out."""

    def can_serve(self, queue: int) -> int:
        """Agents in this queue who could take a call this instant, whatever their skills. O(1)."""

    # The expected wait. Questions change nothing.
    def expected_wait(self, now_us: int, queue: int) -> Estimate | None:
        """How long somebody who came to the end of this queue now would wait for an agent; all 0 when one is
        ready and nobody stands before. None: not known, as in `Estimator.estimate`.

        Each queue has an `Estimator`, which this router tells what happens: joins, conversations, who gave up
        or left, how long calls hold their agents, who takes calls. Entries into service are measured while
        callers are kept waiting (nobody rings for one, or nobody is free after that was so): agents of other
        queues too, skills and ringing count by the part that this queue gets of them.
        """

    def expected_wait_of(self, now_us: int, caller: int) -> Estimate | None:
        """The same for a caller who waits, from now on."""

    def wait_score(self, queue: int) -> Score:
        """How good the queue's answers were; judged are those to callers who found nobody free."""

    def wait_rates(self, queue: int) -> Rates:
        """What was measured in the queue."""

    # Agents.
    def set_status(self, now_us: int, agent: int, status: str) -> list[int]:
        """Set the status by mod_callcenter's name. Gives the agent's ringing offer (not yet claimed) to be
        withdrawn when the new status takes no calls; the caller is open again when that offer has failed.
        Becoming `Available` from another status resets the four counts of failed offers; leaving
        `Logged Out` for any status starts idle time. Setting any status, the same one too, ends `idle`. A
        conversation goes on in any status.
        """

    def set_wrap_up_end(self, now_us: int, agent: int, end_us: int) -> None:
        """Move the end of a running wrap-up; a moment not after `now_us` ends it. Raises when none runs."""

    def set_ready_at(self, now_us: int, agent: int, ready_at_us: int) -> None:
        """Offer this agent nothing before a moment, whatever wrap-up and delays say; a moment not after
        `now_us` ends that. What rings goes on.
        """

    def set_external_calls(self, now_us: int, agent: int, count: int) -> None:
        """Note how many calls that aren't the queues' this agent has. Above 0 the state is `busy_elsewhere`
        instead of `waiting`, and only queues without `skip_agents_with_external_calls` make offers. What
        rings goes on.
        """

    # Breaks with a reason. `On Break` by `set_status` has none: it takes no place and has no limit.
    def put_break_reason(
        self,
        now_us: int,
        name: str,
        *,
        time_limit_us: int = 0,
        quota: int = 0,
        when_over: str | None = None,
    ) -> int:
        """Add a reason or change it by name; give its id. `time_limit_us` (0: none): how long such a break
        may last, then `overdue` is told and the status becomes `when_over`, if there is one. `quota` (0:
        none): how many may be on it at once. A new limit counts from the break's begin; a smaller quota
        sends nobody back.
        """

    def remove_break_reason(self, now_us: int, reason: int) -> None:
        """Forget a reason. Who rests for it stays `On Break` without one; requests for it are void."""

    def set_break_quota(self, now_us: int, quota: int) -> None:
        """How many agents may rest at once, for whatever reason; 0: no limit."""

    def request_break(
        self,
        now_us: int,
        agent: int,
        reason: int,
        *,
        force: bool = False,
        asked_us: int | None = None,
    ) -> None:
        """Ask for a break; `decide` begins it when there is a place and the agent has neither an offer, nor a
        conversation, nor a wrap-up. Places go by the order of asking to the first whom they fit, and are kept
        for who isn't free yet; until then the agent takes calls as ever. `force`: a place whatever the quotas
        say. Asking again for the same keeps the place in the line. Who rests may ask for another reason.
        `Logged Out`, and `On Break` from elsewhere, make a request void. Raises for who is logged out.
        """

    def withdraw_break(self, now_us: int, agent: int) -> None:
        """Take a request back. Raises when there is none."""

    def agent_break(self, agent: int) -> AgentBreak | None:
        """An agent's break with a reason, and request; None without either."""

    def break_counts(self) -> list[tuple[int, int, int, int]]:
        """Of each reason in the order of ids: its id, who rests, who of them for too long, and who has asked.
        Costs by the number of these agents.
        """

    def break_news(self) -> list[BreakNews]:
        """What happened to breaks since the last call, in order: to be asked after `advance` and `decide`.
        Decision logs don't note it, snapshots don't hold it.
        """

    # What outlived a process.
    def restore_agent(
        self,
        now_us: int,
        agent: int,
        *,
        idle_since_us: int,
        state_since_us: int,
        no_answer_count: int = 0,
        busy_count: int = 0,
        reject_count: int = 0,
        unregistered_count: int = 0,
        calls_answered: int = 0,
        talk_us: int = 0,
        served: bool = False,
        rest_until_us: int = 0,
        wrap_up: bool = False,
    ) -> None:
        """Put an agent back to what the books say, after `set_status`. `served`: On Demand and served, so
        `idle`. `rest_until_us`: end of a wrap-up (`wrap_up`) or delay, of none when not after `now_us`.
        Raises while an offer or conversation holds the agent.
        """

    def adopt_offer(self, now_us: int, caller: int, agent: int) -> int:
        """Keep an agent for a waiting caller because the phone rings already, whatever strategy and status
        say; give the offer's id. A wrap-up or delay ends; turns (round-robin, top-down) don't move. Raises
        when the caller is claimed or the agent held.
        """

    def adopt_conversation(self, now_us: int, agent: int, *, since_us: int, counted: bool) -> int:
        """Note that an agent talks to a caller since then; give the offer's id, to be ended by `finish`.
        `counted`: it is in calls_answered already. A wrap-up or delay ends. Raises while an offer or
        conversation holds the agent.
        """

    def restore_break(self, now_us: int, agent: int, reason: int, *, since_us: int, overdue: bool) -> None:
        """Name the break of an agent who is `On Break`, as the books have it. `overdue`: that it has lasted
        too long was told already. Takes a place, whatever the quotas say. Raises unless the agent is on break
        without a reason.
        """

    def hold_caller(self, now_us: int, caller: int, held: bool) -> None:
        """Offer a caller to nobody for the time being (True), or again; place and wait are kept, what rings
        goes on.
        """

    def agent(self, agent: int) -> AgentView: ...
    def queue(self, queue: int) -> QueueView: ...
    def changed_agents(self) -> list[int]:
        """Agents whose view may have changed since the last call, in no order; who was removed isn't named.
        Costs by the number of them. Decision logs don't note it.
        """

    def agent_skills(self, agent: int) -> list[tuple[str, int]]:
        """Skills and levels, sorted by name."""

    def agents_by_state(self) -> list[tuple[str, int]]:
        """How many agents are in each state, all nine states, in a fixed order. O(1)."""

    # Decisions.
    def decide(self, now_us: int) -> list[Proposal]:
        """Begin breaks that were asked for; then match until no eligible pair is left; reserve each pair;
        give them in the order of decision.

        Callers are looked at in rank order over all queues (see `put_queue` for what settings make of it). A
        caller takes the best ready agent of its queue by the queue's strategy among those whom its wait opens
        and who meet its demand; in the strategies that ring several, as many as these want, again as agents
        become ready, until claimed.
        """

    def explain(self, caller: int) -> Explanation:
        """Why the next `decide` gives a waiting caller whom it gives, by the last `now_us` that was told: for
        the moment at which the caller's turn comes, with those served who are before. Who wants several
        phones at once may have those, too, who are kept for protected callers then and free when these have
        been served in the same decision. Changes nothing.

        O(agents of the queue) right after `decide`; O(everything) when something happened since.
        """

    def ringing(self, now_us: int, offer: int) -> None:
        """The phone rings: `reserved` → `receiving`. Nothing when it rang before or was answered."""

    def claim(self, now_us: int, offer: int) -> list[int] | None:
        """The agent answered. None: too late, the caller has left, is another's, or the offer was given to be
        withdrawn; else the offers that lost, oldest first (to be ended by `fail(…, "withdrawn")` when their
        legs are gone). At most one claim a caller holds. Raises when this offer was claimed before.
        """

    def bridged(self, now_us: int, offer: int) -> None:
        """Caller and agent talk: the caller leaves the queue, the agent is `in_a_queue_call`, the counts of
        failed offers are 0. Raises unless the offer is claimed and the caller still there.
        """

    def fail(self, now_us: int, offer: int, fault: str) -> str | None:
        """End an offer without a conversation; its legs are gone. A claimed caller is open again in the same
        place. Fault: `busy` `rejected` `no_answer` `unreachable` `unregistered` `path_error` `withdrawn`;
        each has its delay (withdrawn: none, idle time kept; unreachable counts as no_answer does).
        Gives the new status when the limit of this fault was reached; an agent who meanwhile went on break
        or logged out keeps that. Raises for a conversation: `finish` ends that.
        """

    def finish(self, now_us: int, offer: int) -> None:
        """The conversation is over and the agent's legs are gone: wrap-up, then ready (or `idle` when
        the status is then On Demand). Raises when there was no conversation.
        """

    # Timers.
    def set_timer(self, deadline_us: int, token: int) -> None:
        """Arm or re-arm the engine's own deadline; tokens are opaque and fit in 64 bits, signed."""

    def cancel_timer(self, token: int) -> None:
        """Disarm; an unknown token is no error."""

    def next_deadline_us(self) -> int | None:
        """When `advance` next has something to do: the earliest of all timers, the core's own included."""

    def advance(self, now_us: int) -> list[int]:
        """Let time pass: ends wrap-ups, delays and holds that are due and breaks that have lasted too long
        (nothing else does), and gives the engine's due tokens in order of deadline, then of arming. Call
        `decide` afterwards. What opens to a caller by waiting needs no `advance`: any `now_us` opens it.
        """

    # Snapshots.
    def snapshot(self) -> bytes:
        """The whole state as bytes with format number and checksum; names are in it. O(everything). Two
        routers that will act alike give the same bytes.
        """

    @staticmethod
    def restore(data: bytes, /) -> Router:
        """The router of a snapshot: it gives the same later decisions and ids as the one that was taken.

        Raises `SnapshotError` for anything else, whatever the bytes are, in time and memory that grow with
        their number only. There is one format for each version of the compiled module that changed it; no
        version reads another's.
        """

    # The decision log.
    def start_log(self) -> bytes:
        """Note each call that changes this router, with its arguments and its answer, from now on. The log
        begins with a snapshot of now, so a new file at each start is a log of its own. A log that was being
        written ends; what of it wasn't fetched is given. Calls that are refused change nothing and aren't
        noted. Names are in it. A restored router writes no log.

        While no log is written a call costs one comparison more; noting costs 0.07 µs and some 20 bytes.
        """

    def fetch_log(self) -> bytes:
        """What was noted since the last time; one after the other these bytes are the log.

        Raises `RouterError` when no log is written. A log that isn't fetched ends itself before it is 64 MiB.
        """

    def stop_log(self) -> bytes:
        """Note no more; give what wasn't fetched."""

    @property
    def log_length(self) -> int | None:
        """Bytes to be fetched; None when no log is written."""

    def keep_decisions(self, length: int) -> None:
        """Keep the latest calls in memory, so that `explain_offer` can be asked; 0, as at first, keeps none.
        Held are one to two times so many bytes (0…2^30, some 20 a call), or four to eight times the length of
        a snapshot when that is more. Costs what the decision log does, and now and then a snapshot: 2 ms with
        1000 agents, 30 ms with 10000.
        """

    def explain_offer(self, offer: int) -> Explanation:
        """Where the caller stood with each agent when the turn came in which this offer was made; it may be
        long over. Makes kept calls again on a copy: some 60 ms for each MiB of them.

        Raises `RouterError` when that decision isn't kept, or nobody decided it (`adopt_offer`).
        """

@final
class Replay:
    """Makes the decisions of a log again, entry by entry, and compares each answer with the noted one."""

    def __new__(cls, log: bytes, /) -> Replay:
        """Stand before the first entry. Raises `DecisionLogError`."""

    def run(self, entries: int | None = None) -> int:
        """Make so many calls again, or all that are left; give how many there were.

        Raises `DecisionLogError` at the first entry that is damaged or gives something else; those before it
        have been made.
        """

    def offers(self) -> list[tuple[int, Proposal]]:
        """The reservations that the entries from here on made, with the moment of each, as noted; nothing is
        made again. Raises `DecisionLogError` at an entry that is damaged.
        """

    def explain_offer(self, offer: int) -> Explanation | None:
        """Go on to the decision that made an offer, and explain it as `Router.explain_offer` does; the replay
        stands before it then. None when no decision from here on made it. Raises as `run` does.
        """

    @property
    def entry(self) -> int:
        """How many entries were made again so far."""

    @property
    def now_us(self) -> int:
        """The clock of the router where the replay stands."""

    def snapshot(self) -> bytes:
        """The router where the replay stands, for `Router.restore`."""

class SkillError(ValueError):
    """A call about skills that can't be carried out: a bad name or level, a limit, an id that is not in use.
    Nothing was changed. The message never holds the text that was refused.
    """

class DemandError(SkillError):
    """A text that is no demand. The message is `column N: reason`."""

    column: int
    """Where, in characters from 1; one more than the text has when it ends too early."""

    reason: str
    """What was expected there and what was found, or which limit is passed."""

def parse_demand(text: str, /) -> str:
    """Read a demand; give it in canonical form. Raises `DemandError`.

        demand   = "any" | either
        either   = both { "or" both }
        both     = operand { "and" operand }
        operand  = { "not" } ( "(" either ")" | name [ sign level ] )
        sign     = ">=" | ">" | "<=" | "<" | "=" | "!="
        name     = [A-Za-z0-9_] [A-Za-z0-9_.:-]*      1…64 characters, none of the words above
        level    = 0…100

    Spaces and tabs separate. A skill that an agent doesn't have is at level 0; a name alone is `name >= 1`.
    At most 4096 characters, 256 names and 32 parentheses inside each other, as written and in canonical form.
    A demand that nobody could ever meet, such as `a and not a`, is refused.

    The canonical form has negations in the comparisons, one term for each skill of a list, operands sorted
    (terms by name, then `and` lists, then `or` lists) and different. It reads as itself.
    """

@final
class Skills:
    """Skill sets, demands and ladders in use, and who matches whom: what the router keeps inside.

    Pure. What is put is counted and must be dropped as often; equal things share one id; ids are small and
    used again once they are free. Id 0 is always there and never counted: no skills, `any`, and `any` from
    the beginning. Other ids raise `SkillError` when they aren't in use.
    """

    def __new__(cls) -> Skills: ...
    def put_profile(self, skills: dict[str, int]) -> int:
        """The profile of these skills with levels 0…100; 0 is the same as not having it. At most 100000
        skills an agent, 200000 names, 250000 profiles and 10000000 skills of profiles at once.
        """

    def drop_profile(self, profile: int) -> None: ...
    def profile(self, profile: int) -> list[tuple[str, int]]:
        """Skills and levels, sorted by name."""

    def put_demand(self, demand: str) -> int:
        """Read a demand as `parse_demand` does. At most 200000 different ones at once."""

    def drop_demand(self, demand: int) -> None: ...
    def demand(self, demand: int) -> str:
        """The demand in canonical form."""

    def put_ladder(self, steps: list[tuple[int, str]]) -> int:
        """Demands by waited microseconds from which on they hold: 1…32 steps, the first at 0, each later than
        the one before, at most 10^17 µs, nothing after `any`. Steps with the same demand are one.
        """

    def drop_ladder(self, ladder: int) -> None: ...
    def current(self, ladder: int, waited_us: int) -> int:
        """The demand of a caller who has waited so long."""

    def next_step_us(self, ladder: int, waited_us: int) -> int | None:
        """The waited time at which the demand next changes; None in the last step."""

    def matches(self, profile: int, demand: int) -> bool: ...
    def matching_profiles(self, demand: int) -> list[int]:
        """The profiles in use that meet a demand, sorted."""

    def matching_demands(self, profile: int) -> list[int]:
        """The demands in use that a profile meets, sorted."""

    def explain(self, profile: int, demand: int) -> tuple[str, int | None] | None:
        """The first operand of the demand, in canonical order, that the profile doesn't meet, and the
        profile's level when it is about one skill; None when it meets the demand.
        """

def erlang_b(agents: int, load: float) -> float:
    """Share of calls that find all agents busy when nobody can wait. Agents 1…10^7, load 0…10^21 Erlang.
    Raises `EstimateError`. O(agents).
    """

@final
class Erlang:
    """The steady state of one queue by theory: arrivals at random, exponential handling time and patience,
    first come first served. Immutable.
    """

    def __new__(
        cls, agents: int, *, arrivals_per_s: float, service_per_s: float, abandonment_per_s: float = 0.0
    ) -> Erlang:
        """`service_per_s` is 1 / mean handling time, `abandonment_per_s` 1 / mean patience (Erlang A); 0:
        nobody gives up (Erlang C). Agents 1…10^7, rates 10^-12…10^9. Raises `EstimateError`, also when
        without abandonment more arrives than can be served. O(agents).
        """

    @property
    def wait_share(self) -> float:
        """Share of callers who find no free agent."""

    @property
    def abandon_share(self) -> float:
        """Share of callers who give up."""

    @property
    def mean_wait_s(self) -> float:
        """Mean time in the queue of all callers, those who didn't wait and those who gave up included."""

    @property
    def mean_wait_served_s(self) -> float:
        """Mean time in the queue of those who were served, at once or later."""

    @property
    def mean_waiting(self) -> float:
        """Mean number of callers in the queue."""

    @property
    def occupancy(self) -> float:
        """Mean share of agents who are busy."""

    def served_within(self, seconds: float) -> float:
        """Share of all callers who are served and waited so long at most. Over `1 - abandon_share` it is the
        service level that leaves abandoned calls out. 0…10^15 s; raises `EstimateError`.
        """

@final
class Ticket:
    """What `Estimator.joined` gives for a caller, to be given back once, when the wait ends. Immutable."""

@final
class Estimate:
    """The wait of a caller who stays until served, from now on, as a range. Immutable.

    `p10_us`…`p90_us` holds 80 % of such waits; `p50_us`…`p80_us` is the range to announce: half of the
    callers wait less than its low end, one in five more than its high end.
    """

    @property
    def mean_us(self) -> int: ...
    @property
    def p10_us(self) -> int: ...
    @property
    def p50_us(self) -> int: ...
    @property
    def p80_us(self) -> int: ...
    @property
    def p90_us(self) -> int: ...

@final
class Score:
    """How good the last few hundred answers were, judged by the callers who waited and were served. A copy of
    one moment, immutable. Answers are judged as they stood when the caller joined, told or not. All 0 before
    the first.
    """

    @property
    def answers(self) -> int:
        """How many were judged in all."""

    @property
    def bias(self) -> float:
        """Mean of (estimate − wait) / mean wait; above 0: too long."""

    @property
    def relative_error(self) -> float:
        """Root mean square of (estimate − wait) / mean wait."""

    @property
    def coverage(self) -> float:
        """Share of waits within the range that should hold 0.8 of them."""

    @property
    def error_ratio(self) -> float:
        """Root mean square error in units of what chance explains: 1 when the model is right."""

@final
class Rates:
    """What an `Estimator` has measured, 0 where nothing was seen. A copy of one moment, immutable."""

    @property
    def entries_per_agent_s(self) -> float:
        """Entries into service a second for each staffed agent, while callers waited and nobody was free."""

    @property
    def service_per_s(self) -> float:
        """1 / mean time that a call holds an agent."""

    @property
    def abandonment_per_s(self) -> float:
        """Abandoned calls a second for each waiting caller; smaller than observed while few were."""

    @property
    def effective_agents(self) -> float:
        """Staffed agents, each counted by the part of the time that this queue gets of them."""

@final
class Estimator:
    """Measures one queue and says how long a caller will wait, or that it doesn't know.

    It is told what happens, in order of time; an earlier `now_us` counts as the last one. Moments and
    durations are 0…10^17 µs; anything else raises `EstimateError`. Memory is constant, each call O(1). The
    same calls give the same answers on the same machine (logarithms may differ in the last digit between
    machines).

    The wait with n callers ahead is the sum over k = 0…n of exponential times with rates `s·β + k·θ`: s
    staffed agents, β entries into service for each of them, θ abandonment for each waiting second. β is taken
    from the longest of seven memories (50…6400 entries) that no shorter one contradicts; from the handling
    time while the queue is new. Where β has been seen to grow with the queue, as with agents who serve
    several queues and take whoever has waited longest, it is that of the queue's present length.
    """

    def __new__(cls) -> Estimator: ...
    def agents(self, now_us: int, staffed: int, free: int) -> None:
        """`staffed`: who takes calls of this queue now (logged in, not paused), whatever they do at the
        moment; `free`: those of them who could take one this instant. To be told at each change of either.
        """

    def joined(self, now_us: int, ahead: int) -> Ticket:
        """A caller joined behind so many others."""

    def started(self, now_us: int, ticket: Ticket) -> None:
        """The caller is connected with an agent. Raises when nobody waits."""

    def abandoned(self, now_us: int, ticket: Ticket) -> None:
        """The caller gave up. Raises when nobody waits."""

    def left(self, now_us: int, ticket: Ticket) -> None:
        """The caller was taken elsewhere: timed out, moved, lost. Raises when nobody waits."""

    def ended(self, held_us: int) -> None:
        """A call of this queue has held an agent for so long, ringing and wrap-up included."""

    def estimate(self, now_us: int, ahead: int) -> Estimate | None:
        """The wait from now on with so many callers ahead. None: nobody is staffed; fewer than 20 calls were
        seen; or past answers were too wrong (bias above 35 %, coverage below 50 %, or errors above 2.5 times
        what chance explains, over the last few hundred). Free agents aren't thought of.
        """

    def to_bytes(self) -> bytes:
        """All that was measured, for `from_bytes` of the same version; some 370 bytes."""

    @staticmethod
    def from_bytes(data: bytes) -> Estimator:
        """Raises `EstimateError` for anything that `to_bytes` can't have given."""

    def score(self) -> Score: ...
    def rates(self) -> Rates: ...

class _Histogram(Protocol):
    @property
    def bounds_us(self) -> tuple[int, ...]: ...
    @property
    def counts(self) -> list[int]: ...
    @property
    def sum_us(self) -> int: ...

@final
class SeriesText:
    """Lines of Prometheus's text format for metrics that have a series, or several, for each of many rows.

    A column is what a series has beside its row's labels, `phase="short"` (empty for nothing), and a list of
    values, one for each row. Lines come row by row, in the order of the columns. Numbers look as `repr` has
    them. Immutable. The GIL is released while text is put together, some thousand lines at a time; nothing
    that was handed over may change meanwhile. Raises `ValueError` for columns that are shorter or longer than
    the rows, `OverflowError` for integers of more than 64 bits.
    """

    def __new__(cls, rows: list[str], /) -> SeriesText:
        """`rows`: the labels that all series of a row share, `queue="support"`, escaped."""

    def samples(self, name: str, columns: Sequence[tuple[str, Sequence[float | None]]], /) -> list[bytes]:
        """Counters or gauges, by the name of the sample. None: no line."""

    def histograms(self, name: str, columns: Sequence[tuple[str, Sequence[_Histogram]]], /) -> list[bytes]:
        """Buckets, numbers and sums in seconds. `counts`: of each bucket alone, one more than `bounds_us`."""
