"""One case, told step by step: what the switches did (`.`), what was told (`<`) and sent (`>`), what was
written down (`=`), what struck (`***`) and what was broken (`!!!`).
"""

from __future__ import annotations

from typing import Any

from sim.steps.explore import Case
from sim.steps.stage import Stage, WatchedLink

_DULL = frozenset({"execute", "complete", "display", "soft-a", "soft-b", "flip", "originate"})


def tell(case: Case) -> list[str]:
    """Play and print it. Gives what was broken."""
    stage = case.stage()
    _listen(stage)
    return stage.play()


def _listen(stage: Stage) -> None:
    centre: Any = stage.centre
    watched: Any = stage

    def say(text: str) -> None:
        print(f"{(centre.now_us - centre.start_us) / 1e6:10.4f} {text}")

    def told(link: WatchedLink, kind: str, subject: Any, take: Any) -> None:
        before = stage.struck
        if kind == "event":
            say(f"< {subject.name} {subject.unique_id[:8]} {subject.get('Hangup-Cause') or ''}")
        else:
            say(f"> {subject}")
        try:
            step(link, kind, subject, take)
        finally:
            if stage.struck > before:
                say(f"*** struck at {stage.last_struck}")

    step = watched.step
    watched.step = told

    def kept(records: Any) -> Any:
        for record in records:
            say(f"= {record}")
        return put(records)

    put = centre.books.put
    centre.books.put = kept

    def bad(rule: str, key: str, what: str) -> None:
        say(f"!!! {rule} {what}")
        broken(rule, key, what)

    broken = stage.rules.broken
    stage.rules.broken = bad  # type: ignore[method-assign]

    def started(controller: Any) -> None:
        say("--- a controller starts")
        start(controller)

    def died() -> None:
        say("--- it dies")
        die()

    start, die = stage.truth.controller_started, stage.truth.controller_died
    stage.truth.controller_started = started  # type: ignore[method-assign]
    stage.truth.controller_died = died  # type: ignore[method-assign]
    for switch in centre.switches:
        switch.observers.append(
            lambda kind, leg: kind in _DULL or say(f"    . {kind} {leg.uuid[:8]} {leg.profile.channel_name}")
        )
    centre.on_look = lambda link, dumps: say(
        f"--- {link.name} shows {[dump.unique_id[:8] for dump in dumps]}"
    )
