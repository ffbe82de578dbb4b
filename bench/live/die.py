"""The controller killed, stopped and cut off while callers wait and talk: how soon it goes on.

    FREESWITCH_HOME=… .venv/bin/python bench/live/die.py [--waiting 1000] [--talking 100] [--cuts 50]

So many callers wait, a hundred of them with music, so many talk with agents, some agents are in wrap-up.
Then, one after the other:

- `kill -9` of the controller and a start: every call lives on, the order of the queue, the order of idle
  agents and the wrap-ups are as they were, nothing is counted twice.
- the same, SIGSTOP for 5 and for 30 seconds, which the dead man must bear, and cuts of the connection, evenly
  over a minute, while an agent's phone hangs up: from the start of the new process, from SIGCONT, from the
  last cut to the next phone that rings it takes two seconds at most. It rings once, for the caller who was
  next; all else is as it was.
- as many callers on two switches, half on each, and `kill -9` of one. Meanwhile phones at the other hang up,
  one after the other from the moment of the kill: each rings again for the other's next caller within two
  seconds, the other's calls go on, those of the dead one end once in the books.

Ends with 1 when something of that did not hold or could not be measured.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "tests"), str(Path(__file__).parent)]

import conditions
import httpx
from live.sip import StoryError, until
from live.switch import FreeSwitch, SwitchError
from office import (
    IDLE,
    NEVER_S,
    PTIME_MS,
    RESTING,
    Office,
    Picture,
    in_time,
    rang_after,
    said,
    since,
)
from pair import one_of_two
from stage import MANY_PORTS, Shares, on_a_switch

METHOD = (
    "method: callers and phones are SIP ends in this script, on loopback; an INVITE's moment is the kernel's "
    f"stamp. Packets of {PTIME_MS} ms. Before and after: calls and agents by the API, `show channels`, "
    "counters by /metrics."
)
HangUp = Callable[[], None]


def compare(
    office: Office, before: Picture, counters: tuple[float, ...], what: str, more: tuple[str, ...] = ()
) -> bool:
    """`more`: what is known to be wrong already."""
    found = [*more, *before.differences(Picture.take(office.controller, office.switch))]
    violations = office.controller.metric("callcenter_invariant_violations_total")
    if violations:
        found.append(f"{violations:g} invariant violations")
    if office.counters() != counters:
        found.append(f"counters {counters} → {office.counters()}")
    print(f"{what}: {'all as before PASS' if not found else 'MISS'}")
    for line in found[:8]:
        print(f"  NOT AS BEFORE: {line}")
    return not found


def killed(office: Office) -> bool:
    before = Picture.take(office.controller, office.switch)
    rings = office.rings()
    office.controller.stop(signal.SIGKILL)
    time.sleep(1)
    began = time.time()
    office.controller.start(wait_s=60)
    in_step_s = since(office, began, '"state":"up"')
    # Counters of a process begin at 0: whoever is only taken up is not counted again.
    again = office.rings() - rings
    more = (f"{len(again)} phones rang",) if again else ()
    good = compare(office, before, (0.0, 0.0, 0.0), f"kill -9 and a start, {len(before.legs)} channels", more)
    loaded_s = since(office, began, "controller_started")
    print(
        f"  new process to switch in step: {in_step_s * 1000:.0f} ms, of it {loaded_s * 1000:.0f} ms to load "
        "the program and open the database"
    )
    return good and NEVER_S not in (in_step_s, loaded_s)


class Killed:
    """Each misfortune hangs up for an agent in the middle of it, and gives the moment (ns since the epoch) at
    which it is over, and what has used the processors since then.
    """

    anew = True
    """Counters begin at 0."""
    settles_s = 1.0
    over = "new process"

    def __str__(self) -> str:
        return "kill -9 and a start"

    def befall(self, office: Office, hang_up: HangUp) -> tuple[int, Shares]:
        office.controller.stop(signal.SIGKILL)
        hang_up()
        time.sleep(1)
        over = time.time_ns(), Shares(office.switch)
        office.controller.launch()
        return over


class Stopped:
    anew = False
    settles_s = 8.0
    over = "SIGCONT"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __str__(self) -> str:
        return f"SIGSTOP for {self._seconds:g} s"

    def befall(self, office: Office, hang_up: HangUp) -> tuple[int, Shares]:
        process = office.controller.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        time.sleep(self._seconds - 1)
        hang_up()
        time.sleep(1)
        over = time.time_ns(), Shares(office.switch, office.controller)
        process.send_signal(signal.SIGCONT)
        return over


class CutOff:
    anew = False
    settles_s = 3.0
    over = "last cut"

    def __init__(self, cuts: int, seconds: float) -> None:
        self._cuts, self._seconds = cuts, seconds
        self._took_s = 0.0

    def __str__(self) -> str:
        return f"{self._cuts} cuts in {self._took_s or self._seconds:.0f} s"

    def befall(self, office: Office, hang_up: HangUp) -> tuple[int, Shares]:
        begun = time.monotonic()
        for number in range(1, self._cuts + 1):
            time.sleep(max(0.0, begun + number * self._seconds / self._cuts - time.monotonic()))
            # Only what is connected can be cut.
            until(office.wire.cut, "the controller connects", 20)
        over = time.time_ns(), Shares(office.switch, office.controller)
        hang_up()
        self._took_s = time.monotonic() - begun
        return over


def goes_on(office: Office, misfortune: Killed | Stopped | CutOff) -> bool:
    """An agent hangs up in the middle of a misfortune: the phone rings soon after, and all else stands."""
    before, counters = Picture.take(office.controller, office.switch), office.counters()
    rings, busy = office.rings(), office.busy()
    phone = office.phone_of(before.conversation(busy.agent))
    expected = before.after_hang_up(busy.agent, "support", phone)
    over_ns, shares = misfortune.befall(office, lambda: office.ends._hang_up(busy))
    rang_s = rang_after(office.ends, rings, over_ns)
    told = shares.told(office.controller)
    until(office.controller.ready, "the controller is ready again", 60)
    office.controller.wait_metric("callcenter_agents", office.talking, 10, state="in_a_queue_call")
    time.sleep(misfortune.settles_s)
    again = office.rings() - rings
    more = () if len(again) == 1 else (f"{len(again)} phones rang, one was free",)
    offered, answered, abandoned = (0.0, 0.0, 0.0) if misfortune.anew else counters
    good = compare(
        office, expected, (offered, answered + 1, abandoned), f"{misfortune} while an agent hangs up", more
    )
    print(f"  {misfortune.over} to the next phone that rings: {said(rang_s)} ({told})")
    return good and in_time(rang_s)


def part(play: Callable[[], bool]) -> bool:
    """What can't be measured has not held; the other parts are played all the same."""
    before = conditions.load()
    try:
        good = play()
    except (StoryError, SwitchError, AssertionError, httpx.HTTPError, StopIteration) as error:
        print(f"NOT MEASURED, MISS: {type(error).__name__}: {str(error)[-2000:]}")
        good = False
    print(f"  {before} before, {os.getloadavg()[0]:.2f} after", flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--waiting", type=int, default=1000)
    parser.add_argument("--talking", type=int, default=100)
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--only", choices=("one", "two"), help="one switch or two; both when not given")
    given = parser.parse_args()

    def play(switch: FreeSwitch, folder: Path) -> bool:
        print(METHOD, flush=True)
        good = [] if given.only == "two" else on_one(switch, folder, given)
        if given.only != "one":
            good.append(part(partial(one_of_two, switch, folder, given.waiting, given.talking)))
        print(f"{sum(good)} of {len(good)} parts PASS")
        return all(good)

    return on_a_switch(play, rtp_ports=MANY_PORTS)


def on_one(switch: FreeSwitch, folder: Path, given: argparse.Namespace) -> list[bool]:
    misfortunes = (Killed(), Stopped(5), Stopped(30), CutOff(given.cuts, 60))
    office = Office(switch, folder / "office", given.waiting, given.talking)
    try:
        if not part(partial(opens, office)):
            return [False]
        good = [part(partial(killed, office))]
        return good + [part(partial(goes_on, office, misfortune)) for misfortune in misfortunes]
    finally:
        office.close()


def opens(office: Office) -> bool:
    office.open()
    print(f"{office.waiting} wait, {office.talking} talk, {RESTING} in wrap-up, {len(IDLE)} idle")
    return True


if __name__ == "__main__":
    sys.exit(main())
