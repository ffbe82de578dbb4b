"""`make sim SEEDS=n`: many seeds on all cores; `make sim SEED=n`: one, twice, made smaller when it fails."""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
import time

import conditions
from sim.storm import coverage
from sim.storm.plan import HABITS, Plan
from sim.storm.pool import Allowed, quiet, tally
from sim.storm.run import FAULTS, Result, simulate
from sim.storm.shrink import Shrinker, command


def _numbers(text: str) -> set[str]:
    return set() if text == "none" else set(text.split(","))


def _chosen(options: argparse.Namespace) -> Plan:
    plan = _whole(options)
    if options.seconds is not None:
        plan = plan.smaller(seconds=options.seconds)
    if options.keep_faults is not None:
        kept = _numbers(options.keep_faults)
        plan = plan.smaller(faults=tuple(fault for fault in plan.faults if str(fault.index) in kept))
    if options.keep_calls is not None:
        kept = _numbers(options.keep_calls)
        plan = plan.smaller(calls=tuple(call for call in plan.calls if str(call.number) in kept))
    if options.keep_agents is not None:
        kept = _numbers(options.keep_agents)
        plan = plan.smaller(agents=tuple(agent for agent in plan.agents if agent.name in kept))
    return plan


def _allowed(options: argparse.Namespace) -> Allowed:
    faults = (
        FAULTS if options.faults is None else tuple(int(word) for word in options.faults.split(",") if word)
    )
    return Allowed(faults, tuple(sorted(_numbers(options.always))), options.brief)


def _whole(options: argparse.Namespace) -> Plan:
    return _allowed(options).draw(options.seed, tuple(sorted(_numbers(options.habits))))


def _describe(result: Result) -> None:
    plan = result.plan
    print(
        f"seed {plan.seed}: {plan.seconds:.1f} s, {plan.nodes} nodes, {len(plan.agents)} agents, "
        f"{result.calls} calls"
    )
    if plan.habits:
        print(f"  habits: {', '.join(plan.habits)}")
    for fault in plan.faults:
        print(
            f"  F{fault.fault} at {fault.at_s:.3f} s for {fault.for_s:.3f} s, node {fault.node}, "
            f"level {fault.level:.2f}"
        )
    for violation in result.violations:
        print(f"  {violation}")
    print(f"  trace {result.fingerprint}")


def _one_seed(options: argparse.Namespace) -> int:
    quiet()
    result, again = simulate(_chosen(options)), simulate(_chosen(options))
    _describe(result)
    if result.fingerprint != again.fingerprint:
        print("  the second run of the same seed was another story")
        return 2
    if not result.violations:
        return 0
    whole = _whole(options)
    smallest = Shrinker(result).shrink()
    if smallest.plan != result.plan:
        print("made smaller:")
        _describe(smallest)
    print(f"again: {command(smallest.plan, whole, str(_allowed(options)))}")
    return 1


def _many_seeds(options: argparse.Namespace) -> int:
    jobs = options.jobs or os.cpu_count() or 1
    begun, commit = time.monotonic(), conditions.commit()  # the tree may move on while it runs
    seeds = range(options.first, options.first + options.seeds)
    allowed = _allowed(options)
    total = tally(seeds, jobs, aloud=True, for_s=60 * options.minutes, allowed=allowed)
    took_s = time.monotonic() - begun
    print(
        f"{total.seeds} seeds, {total.calls} calls, {total.virtual_s / 3600:.0f} virtual hours, "
        f"{total.records} records in {took_s:.0f} s on {jobs} cores "
        f"({platform.machine()}, Python {platform.python_version()}): {total.seeds / took_s:.1f} seeds/s, "
        f"{total.calls / took_s:.0f} calls/s; {len(total.failures)} seeds fail; trace {total.fingerprint}"
    )
    how = f", {allowed}" if str(allowed) else ""
    print(f"{conditions.measured(commit)} Seeds from {options.first}{how}.")
    if total.failures:
        print("seeds that fail: " + " ".join(str(seed) for seed, _what in total.failures))
        print("promises broken, in seeds: " + " ".join(f"{r}:{n}" for r, n in sorted(total.rules.items())))
    print("seeds by fault: " + " ".join(f"F{number}:{total.faults[number]}" for number in FAULTS))
    for number, (why, _test) in coverage.FAULTS_ELSEWHERE.items():
        print(f"elsewhere: F{number}: {why}")
    for number, why in coverage.FAULTS_NOT_YET.items():
        print(f"not yet: F{number}: {why}")
    return 1 if total.failures else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=0, help="processes; as many as cores when not given")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin none after so many minutes")
    parser.add_argument("--seed", type=int, help="one seed, in detail")
    parser.add_argument("--faults", help="only these faults, by number")
    parser.add_argument("--habits", default=",".join(HABITS), help="only these habits, or none")
    parser.add_argument("--always", default="none", help="habits that people of every seed have")
    parser.add_argument("--brief", action="store_true", help="shorter stories with fewer calls")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds of virtual time")
    parser.add_argument("--keep-faults", help="only these of the seed's faults, by index")
    parser.add_argument("--keep-calls", help="only these of its calls")
    parser.add_argument("--keep-agents", help="only these of its agents")
    options = parser.parse_args()
    return _one_seed(options) if options.seed is not None else _many_seeds(options)


if __name__ == "__main__":
    sys.exit(main())
