"""Is there enough: agents for the calls, channels for the agents, machine for all of it."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards import parts
from deploy.dashboards.parts import QUEUES, Query, Row, board, lines, mean, number, rate, total

OF = 'queue=~"$queue"'


def dashboard() -> Dashboard:
    return board(
        "capacity",
        "capacity",
        "What is needed beside what is there. Needs the recording rules of deploy/prometheus.",
        _agents(),
        _lines(),
        _machine(),
        variables=(QUEUES,),
        since="now-24h",
        refresh="1m",
    )


def _agents() -> Row:
    entered = rate("callcenter_queue_calls_entered_total", "queue", OF)
    talk, wrap_up = (mean(f"callcenter_{part}_seconds", "queue", OF) for part in ("talk", "wrapup"))
    needed = "max by (queue) (callcenter_queue_agents_needed"
    return Row(
        "Agents for the calls",
        (
            lines(
                "Offered load",
                "Calls that come in a second x (talk + wrap-up): so many agents would be busy if nobody ever"
                " waited or gave up. Fewer agents than this, and the queue grows without end.",
                "short",
                Query(f"{entered} * ({talk} + {wrap_up})", "{{queue}}, load in erlangs"),
                Query(f"queue:callcenter_agents_staffed:sum{{{OF}}}", "{{queue}}, agents"),
            ),
            lines(
                "Agents needed",
                "Fewest for the queue's service level by Erlang A: for what came in the last half hour, and"
                " for what is expected in the next one. Who serves several queues counts in each.",
                "short",
                Query(f'{needed}{{{OF}, when="now"}})', "{{queue}}: now"),
                Query(f'{needed}{{{OF}, when="next"}})', "{{queue}}: in the next half hour"),
                Query(f"queue:callcenter_agents_staffed:sum{{{OF}}}", "{{queue}}: there"),
            ),
            lines(
                "Calls expected",
                "In the next half hour: as in the same of the past four weeks, scaled by how the last half"
                " hour compared with its own past.",
                "short",
                Query(f"max by (queue) (callcenter_queue_calls_forecast{{{OF}}})", "{{queue}}"),
            ),
            lines(
                "Agents of the queues", "Logged in and not on break; one may be in several queues.", "short",
                Query(f"queue:callcenter_agents_staffed:sum{{{OF}}}", "{{queue}}"), stacked=True,
            ),
            lines(
                "Occupancy", "(in a call + wrap-up) / (that + ready + idle), 30 minutes.", "percentunit",
                Query("max(callcenter_agents:occupancy:ratio_rate30m)", "occupancy"), most=1,
            ),
            lines(
                "Calls at once", "Waiting, ringing or talking.", "short",
                Query(f"sum(queue:callcenter_calls_waiting:sum{{{OF}}})", "waiting"),
                Query(total('callcenter_agents{state=~"reserved|receiving"}'), "agents being rung"),
                Query(total('callcenter_agents{state="in_a_queue_call"}'), "talking"),
                stacked=True,
            ),
        ),
    )  # fmt: skip


def _lines() -> Row:
    return Row(
        "Channels for the agents",
        (
            lines(
                "Channels", "On all switches, and how many they take at most.", "short",
                Query(total("callcenter_switch_sessions"), "channels"),
                Query(total("callcenter_switch_sessions_limit"), "limit"),
            ),
            lines(
                "Channels that begin", "A second on all switches, and how many may.", "cps",
                Query(rate("callcenter_switch_sessions_begun_total"), "begin"),
                Query(total("callcenter_switch_sessions_per_second_limit"), "limit"),
            ),
        ),
    )  # fmt: skip


def _machine() -> Row:
    return Row(
        "Machine for the controller",
        (
            number(
                "Processor", "Cores that the controller uses; its main loop is one thread.", "none",
                Query(rate("callcenter_process_cpu_seconds_total"), "cores"),
                width=6, decimals=2, steps=parts.Steps(parts.GREEN, ((0.6, parts.YELLOW), (0.9, parts.RED))),
            ),
            number(
                "Memory", "Of the controller, resident.", "bytes",
                Query(total("callcenter_process_resident_memory_bytes"), "resident"), width=6,
            ),
            number(
                "Open files", "Share of what the system allows, connections included.", "percentunit",
                Query("max(callcenter_process_open_fds / callcenter_process_max_fds)", "open files"),
                width=6, steps=parts.LESS_IS_BETTER,
            ),
            number(
                "Time for a scrape", "What it took to put these metrics together.", "s",
                Query("max(callcenter_collector_duration_seconds)", "scrape"), width=6,
            ),
            lines(
                "Processor over time", "Cores that the controller uses.", "none",
                Query(rate("callcenter_process_cpu_seconds_total"), "cores"),
            ),
            lines(
                "Memory over time", "Of the controller, resident.", "bytes",
                Query(total("callcenter_process_resident_memory_bytes"), "resident"),
            ),
        ),
    )  # fmt: skip
