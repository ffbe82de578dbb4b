"""A snapshot as of a busy hour, for the page."""

from __future__ import annotations

from app.fake_controller import NOW, agent_row, call_row, queue_row, service_level, snapshot

from py_callcenter.api import NodeRow, Snapshot
from py_callcenter.api.port import StaffingRow, WaitRow

STATES = (
    ("in_a_queue_call",) * 9 + ("waiting",) * 2 + ("receiving",) * 2 + ("wrap_up",) * 3 + ("on_break",) * 2
)


def _needed(now: int, soon: int) -> StaffingRow:
    return StaffingRow(
        agents_now=now,
        agents_next=soon,
        calls_now=60,
        calls_next=66.0,
        handle_seconds=240.0,
        patience_seconds=300.0,
    )


def busy_hour(at: float = NOW) -> Snapshot:
    def ago(seconds: float) -> float:
        return at - seconds

    queues = (
        queue_row(
            "support",
            5,
            ago(74),
            service_level=service_level(71.4),
            offered=412,
            answered=371,
            abandoned=24,
            overflowed=9,
            expected_wait=WaitRow(low=75.0, high=210.0, p10=40.0, p90=330.0),
            staffing=_needed(12, 13),
            agents={"in_a_queue_call": 6, "wrap_up": 2, "receiving": 1, "on_break": 1},
        ),
        queue_row(
            "sales",
            1,
            ago(8),
            service_level=service_level(93.1),
            offered=188,
            answered=182,
            abandoned=4,
            overflowed=1,
            expected_wait=WaitRow(low=0.0, high=0.0, p10=0.0, p90=4.0),
            staffing=_needed(5, 5),
            agents={"in_a_queue_call": 2, "waiting": 2, "receiving": 1},
        ),
        queue_row(
            "billing",
            2,
            ago(31),
            service_level=service_level(81.0),
            strategy="round-robin",
            offered=97,
            answered=88,
            abandoned=6,
            overflowed=0,
            expected_wait=WaitRow(low=50.0, high=130.0, p10=20.0, p90=240.0),
            agents={"in_a_queue_call": 1, "wrap_up": 1, "on_break": 1},
        ),
        queue_row(
            "night",
            0,
            None,
            service_level=service_level(None),
            strategy="ring-all",
            offered=0,
            answered=0,
            abandoned=0,
            overflowed=0,
            agents={"logged_out": 4},
        ),
    )
    waits = (("support", 74), ("support", 52), ("billing", 31), ("support", 22), ("support", 14))
    calls = [
        call_row(
            f"call-{n}",
            queue,
            position=1 + sum(q == queue for q, _ in waits[:n]),
            entered_at=ago(waited),
            since=ago(waited),
            number=f"+49{'•' * 6}{411 + 37 * n}",
            expected_wait=WaitRow(low=35.0 * n, high=150.0 * n, p10=15.0 * n, p90=260.0 * n),
        )
        for n, (queue, waited) in enumerate(waits)
    ]
    calls += [
        call_row(
            "call-r",
            "support",
            5,
            state="ringing",
            agents=("Mara Lind",),
            entered_at=ago(9),
            number="+44••••••207",
        ),
        call_row(
            "call-s",
            "sales",
            1,
            state="ringing",
            agents=("1014",),
            entered_at=ago(8),
            number="+98••••••••651",
        ),
        call_row("call-t", "billing", 2, entered_at=ago(3), number="•••12"),
    ]
    agents = []
    for n, state in enumerate(STATES + ("logged_out",) * 6):
        queue = ("support", "sales", "billing")[n % 3]
        talking = state in {"in_a_queue_call", "receiving"}
        agents.append(
            agent_row(
                {3: "Mara Lind", 7: "Omid R."}.get(n, str(1000 + n)),
                state,
                since=ago(5 + 37 * n % 400),
                ready_at=at + 4 + n if state == "wrap_up" else None,
                queue=queue if talking else None,
                call=f"t{n}" if talking else None,
                number=f"+49{'•' * 6}{100 + 31 * n}" if talking else None,
                calls_answered=(41 * n) % 37,
                queues=(queue,),
            )
        )
    nodes = (NodeRow(name="fs1", up=True, since=ago(86400)), NodeRow(name="fs2", up=True, since=ago(4000)))
    return snapshot(1, at=at, queues=queues, calls=tuple(calls), agents=tuple(agents), nodes=nodes)
