"""A day counted naively, from the rows of `cc_records` and the words of docs/reports.md alone.

Nothing of `py_callcenter` is imported: whatever it gets wrong, this doesn't.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import create_engine, text

SECOND = 1_000_000
ENDS = ("answered", "abandoned", "overflowed", "callback", "lost", "waiting")
END_OF = {
    "call-answered": "answered",
    "call-abandoned": "abandoned",
    "call-left": "overflowed",
    "call-lost": "lost",
}


def raw_records(url: str) -> list[dict[str, Any]]:
    """Every record as it lies in the database, in order."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT epoch, sequence, at_us, kind, fields FROM cc_records ORDER BY epoch, sequence")
        ).all()
    engine.dispose()
    return [{**json.loads(row.fields), "at": row.at_us, "kind": row.kind, "epoch": row.epoch} for row in rows]


def queue_legs(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each stay in a queue with how it ended."""
    legs: dict[tuple[str, int], dict[str, Any]] = {}
    last: dict[str, dict[str, Any]] = {}
    gone: dict[str, int] = {}
    for record in records:
        call = record.get("call", "")
        key = (call, record.get("leg", 0))
        kind = record["kind"]
        if kind == "queue-entered":
            last[call] = legs[key] = {
                "call": call, "queue": record["queue"], "at": record["at"], "end": "waiting", "wait": 0,
                "missed": 0, "offers": 0,
            }  # fmt: skip
        elif kind in END_OF and key in legs:
            legs[key] |= {"end": END_OF[kind], "wait": record["wait_us"]}
            legs[key] |= {
                "why": record.get("phase") or record.get("reason") or "",
                "agent": record.get("agent"),
            }
            legs[key]["voice"] = record.get("voice_us", 0)
            legs[key]["rang"] = record.get("phase") == "ringing"
        elif kind == "offer-made":
            last[call]["offers"] += 1
        elif kind == "offer-ended" and record["outcome"] in {"no_answer", "busy", "rejected"}:
            last[call]["missed"] += 1
        elif kind == "offer-ended" and last[call].get("why") == "short" and record["ring_us"]:
            last[call]["rang"] = True  # until the caller, who gave up soon, was gone
        elif kind == "conversation-ended" and key in legs:
            legs[key] |= {"by": record["ended_by"], "talk": record["talk_us"], "hold": record["hold_us"]}
            legs[key]["moved"] = record["transferred"]
        elif kind == "call-ended":
            gone[call] = record["at"]
    for leg in legs.values():
        if leg["end"] == "waiting" and leg["call"] in gone:
            leg |= {"end": "lost", "wait": gone[leg["call"]] - leg["at"]}
    return list(legs.values())


def figures(
    legs: list[dict[str, Any]], threshold_s: float, now_us: int = 0, short_s: float = 5
) -> dict[str, float]:
    """What a report says of these legs; short is below `short_s` waited or 10 s talked, late two seconds more
    than the threshold waited and still waiting.
    """
    out: dict[str, float] = {"offered": len(legs), "missed": 0, "offers": 0, "voice_seconds": 0.0}
    for end in ENDS:
        some = [leg for leg in legs if leg["end"] == end]
        out[end] = len(some)
        if end in {"answered", "abandoned", "overflowed", "callback"}:
            out[f"{end}_in_time"] = sum(leg["wait"] <= threshold_s * SECOND for leg in some)
        if end in {"answered", "abandoned", "overflowed"}:
            out[f"{end}_wait_seconds"] = sum(leg["wait"] for leg in some) / SECOND
    out["waiting_late"] = sum(
        leg["end"] == "waiting" and now_us - leg["at"] > (threshold_s + 2) * SECOND for leg in legs
    )
    gave_up = [leg for leg in legs if leg["end"] == "abandoned"]
    talks = [leg for leg in legs if leg.get("by")]
    out["abandoned_short"] = sum(leg["wait"] < short_s * SECOND for leg in gave_up)
    late = [leg for leg in gave_up if leg["wait"] >= short_s * SECOND]
    for name, rang in (("ringing", True), ("waiting", False)):
        out[f"abandoned_{name}"] = sum(leg["rang"] is rang for leg in late)
    out["answered_short"] = sum(leg["end"] == "answered" and leg["talk"] < 10 * SECOND for leg in talks)
    for side in ("caller", "agent", "system"):
        out[f"hung_up_by_{side}"] = sum(leg["by"] == side and not leg["moved"] for leg in talks)
    out["talk_seconds"] = sum(leg["talk"] for leg in talks) / SECOND
    out["hold_seconds"] = sum(leg["hold"] for leg in talks) / SECOND
    out["transferred"] = sum(leg["moved"] for leg in talks)
    for end in ("answered", "abandoned", "overflowed"):
        waits = [leg["wait"] for leg in legs if leg["end"] == end]
        out[f"longest_{end}_seconds"] = max(waits, default=0) / SECOND
    for name in ("missed", "offers"):
        out[name] = sum(leg[name] for leg in legs)
    out["voice_seconds"] = sum(leg["voice"] for leg in legs if leg["end"] == "answered") / SECOND
    for name, whys in (("timeout", ("timeout",)), ("full", ("full", "expected-wait"))):
        out[f"overflowed_{name}"] = sum(leg["end"] == "overflowed" and leg["why"] in whys for leg in legs)
    return out


def service_levels(found: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Numerator and denominator of formulas, from reference tables of other systems."""
    a, b, t = found["answered"], found["abandoned"], found["overflowed"]
    over = a + b + t + found["callback"] + found["lost"]
    judged = over + found["waiting_late"]
    good, gone, short = found["answered_in_time"], found["abandoned_in_time"], found["abandoned_short"]
    return {
        "callcenter": (good, over - short),
        "app_queue-sl": (good, a),
        "app_queue-sl2": (good + gone + found["overflowed_in_time"], a + b + t),
        "connect": (good + gone + found["callback_in_time"], over),
        "genesys-abandons": (good, a + b),
        "genesys-abandons-without-short": (good, a + b - short),
        "genesys-flow-outs": (good, a + t),
        "genesys-all-without-short": (good, a + b + t - short),
        "cisco-ignore-abandons": (good, judged - gone),
        "cisco-abandons-negative": (good, judged),
        "cisco-abandons-positive": (good + gone, judged),
        "queuemetrics-inclusive": (good, over),
        "vonage": (good, a + b + t),
        "xcally": (good, a + (b - gone)),
        "offered": (good, found["offered"]),
    }


def hour_of(at_us: int, zone: tzinfo) -> str:
    """Beginning of the local hour, as reports write it."""
    local = datetime.fromtimestamp(at_us // SECOND, zone)
    return local.replace(minute=0, second=0, microsecond=0).isoformat()


def callers_again(records: list[dict[str, Any]], legs: list[dict[str, Any]], days: float) -> dict[str, int]:
    """Calls of known callers; repeated ones; first ones that were answered; those that needed no second."""
    served = {leg["call"] for leg in legs if leg["end"] == "answered"}
    known = [record for record in records if record["kind"] == "call-offered" and record["caller"]]
    window = timedelta(days=days) // timedelta(microseconds=1)
    out = {"known": 0, "repeated": 0, "first": 0, "resolved": 0}
    for one in known:
        others = [r["at"] - one["at"] for r in known if r["caller"] == one["caller"] and r is not one]
        again = any(-window <= gap <= 0 for gap in others)
        first = one["call"] in served and not again
        out["known"] += 1
        out["repeated"] += again
        out["first"] += first
        out["resolved"] += first and not any(0 <= gap <= window for gap in others)
    return out


def talked(records: list[dict[str, Any]]) -> dict[str, int]:
    """Microseconds in conversations with callers by agent, also with those whom somebody connected."""
    out: dict[str, int] = {}
    for record in records:
        if record["kind"] == "conversation-ended":
            out[record["agent"]] = out.get(record["agent"], 0) + record["talk_us"]
    return out


Span = tuple[int, int]


def logged_in(records: list[dict[str, Any]], until_us: int) -> dict[str, list[Span]]:
    """From when to when each agent was logged in; whoever logs out while talking finishes first."""
    out: dict[str, list[Span]] = {}
    since: dict[str, int] = {}
    talks: dict[str, bool] = {}
    leaving: set[str] = set()

    def ends(agent: str, at_us: int) -> None:
        out.setdefault(agent, []).append((since.pop(agent), at_us))

    for record in records:
        agent, kind = record.get("agent", ""), record["kind"]
        if kind == "offer-ended" and record["outcome"] == "answered":
            talks[agent] = True
        elif kind in {"conversation-ended", "bridge-undone"}:
            talks[agent] = False
            if agent in leaving:
                leaving.discard(agent)
                ends(agent, record["at"])
        elif kind == "agent-status":
            if record["status"] != "Logged Out":
                leaving.discard(agent)
                since.setdefault(agent, record["at"])
            elif agent in since:
                if talks.get(agent) and record["reason"] != "initial":
                    leaving.add(agent)
                else:
                    ends(agent, record["at"])
    for agent in list(since):
        ends(agent, until_us)
    return out


def on_calls(records: list[dict[str, Any]]) -> dict[str, list[Span]]:
    """From when to when each agent had a caller on the line: from the phone's answer to the end."""
    out: dict[str, list[Span]] = {}
    since: dict[str, int] = {}
    for record in records:
        agent, kind = record.get("agent", ""), record["kind"]
        if kind == "offer-ended" and record["outcome"] == "answered":
            since[agent] = record["at"]
        elif kind in {"conversation-ended", "bridge-undone"} and agent in since:
            out.setdefault(agent, []).append((since.pop(agent), record["at"]))
    return out


def wrap_ups(records: list[dict[str, Any]], now_us: int) -> dict[str, list[Span]]:
    """From when to when each agent was in wrap-up: from the record that begins it to the end that was last
    set, less what they rested or were logged out for meanwhile.
    """
    out: dict[str, list[Span]] = {}
    until: dict[str, int] = {}
    since: dict[str, int] = {}
    away: dict[str, bool] = {}
    talks: set[str] = set()

    def stop(agent: str, at_us: int) -> None:
        if agent in since:
            out.setdefault(agent, []).append((since.pop(agent), min(at_us, until[agent])))

    for record in records:
        agent, kind, at_us = record.get("agent", ""), record["kind"], record["at"]
        if kind == "agent-wrap-up":
            if agent in since and until[agent] <= at_us:
                stop(agent, at_us)
            until[agent] = record["until_us"]
            if agent in since and record["until_us"] <= at_us:
                out.setdefault(agent, []).append((since.pop(agent), at_us))
        elif kind == "agent-status":
            away[agent] = record["status"] in {"On Break", "Logged Out"}
        elif kind == "offer-made" or (kind == "offer-ended" and record["outcome"] == "answered"):
            stop(agent, at_us)
            until[agent] = 0
            talks.add(agent)
        elif kind in {"conversation-ended", "bridge-undone", "offer-ended"}:
            talks.discard(agent)
        if away.get(agent):
            stop(agent, at_us)
        elif agent not in since and agent not in talks and until.get(agent, 0) > at_us:
            since[agent] = at_us
    for agent in list(since):
        stop(agent, now_us)
    return out


def overlap(spans: list[Span], begin_us: int, end_us: int) -> int:
    """Microseconds of the spans between two moments."""
    return sum(max(0, min(end, end_us) - max(begin, begin_us)) for begin, end in spans)


def moment(text: str) -> int:
    """What a report writes as begin or end, in microseconds."""
    return int(datetime.fromisoformat(text).timestamp()) * SECOND
