"""`make steps`: every misfortune at every step of every story (`PAIRS=n`: and n with a second after each)."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time

from sim.steps.explore import Case, Reach, Tally, explore_all, run
from sim.steps.misfortunes import ALL
from sim.steps.stories import STORIES
from sim.steps.tell import tell
from sim.storm.pool import quiet


def _many(options: argparse.Namespace) -> int:
    begun_s = time.monotonic()
    total = Tally()
    jobs = options.jobs or os.cpu_count() or 1
    for story, tally, took_s in explore_all(
        options.story or tuple(STORIES),
        Reach(options.share, tuple(options.more), options.seed, options.slow),
        jobs,
    ):
        total.join(tally)
        print(
            f"{story}: {tally.steps} steps, {tally.runs} runs, {len(tally.failures)} fail, "
            f"{1000 * took_s / tally.runs:.0f} ms each",
            flush=True,
        )
    took_s = time.monotonic() - begun_s
    print(
        f"{len(options.story or STORIES)} stories, {total.steps} steps, {len(ALL)} misfortunes, {total.runs} "
        f"runs in {took_s:.0f} s on {jobs} cores ({platform.machine()}, Python {platform.python_version()}): "
        f"{total.runs / took_s:.1f} runs/s; {len(total.failures)} fail"
    )
    return 1 if total.failures else 0


def _one(options: argparse.Namespace) -> int:
    case = Case(options.story[0], tuple((at, what) for at, what in options.strike), options.slow)
    if options.tell:
        broken = tell(case)
    else:
        outcome = run(case)
        broken = list(outcome.broken)
        print(f"{outcome.struck} of {len(case.blows)} misfortunes struck")
    for line in broken:
        print(line)
    return 1 if broken else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make steps", description=__doc__)
    parser.add_argument("--story", action="append", choices=STORIES, help="only this story; may be repeated")
    parser.add_argument("--share", type=float, default=1.0, help="this part of all cases, always the same")
    parser.add_argument(
        "--more",
        type=int,
        nargs="*",
        default=[],
        help="so many with a second misfortune after each, a third …",
    )
    parser.add_argument("--seed", type=int, default=0, help="others of these")
    parser.add_argument("--jobs", type=int, default=0, help="processes; as many as cores when not given")
    parser.add_argument(
        "--strike",
        action="append",
        nargs=2,
        default=[],
        metavar=("STEP", "MISFORTUNE"),
        help="one case of one story, such as 'CHANNEL_PARK 2' 'lost'",
    )
    parser.add_argument("--slow", action="store_true", help="far from a switch that isn't poked")
    parser.add_argument("--tell", action="store_true", help="tell it step by step")
    options = parser.parse_args()
    quiet()
    return _one(options) if options.strike or options.tell else _many(options)


if __name__ == "__main__":
    sys.exit(main())
