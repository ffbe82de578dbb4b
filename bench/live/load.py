"""Calls at a rate against a real FreeSWITCH: how soon an agent's phone rings, and is everybody served?

    FREESWITCH_HOME=… .venv/bin/python bench/live/load.py --rival mod_callcenter --rival script

For each contender, on the same switch one after the other: callers dial the queue, agents answer at once,
each call lasts `--talk` seconds. Measured: from the caller's 200 OK to the agent's INVITE, both stamped by
the kernel at the SIP ends on one clock, matched by the caller's number, which is another for every call.
With our controller a page is open (one SSE client) and /metrics is read each second.
Ends with 1 if a caller went unserved, was served twice, an agent was rung after the caller had left, or
the page or /metrics failed.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2] / "tests"), str(Path(__file__).parent)]

from endpoints import FIRST_NUMBER, Endpoints, Tally
from live.product import Controller, Setup, cpu_seconds
from live.sip import until
from live.switch import FreeSwitch, missing

OURS = "callcenter"
RIVALS = ("mod_callcenter", "script")
EXTENSION = {OURS: "queue_support", "mod_callcenter": "rival_mod_callcenter", "script": "queue_support"}
RUN_UP = 20


def contacts(count: int, port: int) -> list[str]:
    return [f"sofia/internal/agent{i}@127.0.0.1:{port}" for i in range(count)]


def rival_configuration(agents: list[str]) -> dict[str, str]:
    """mod_callcenter with the same agents in the same switch."""
    people = "\n".join(
        f'<agent name="r{i}" type="callback" contact="{contact}" status="Available" max-no-answer="0" '
        'wrap-up-time="0" reject-delay-time="0" busy-delay-time="0"/>'
        for i, contact in enumerate(agents)
    )
    tiers = "\n".join(
        f'<tier agent="r{i}" queue="rival" level="1" position="1"/>' for i in range(len(agents))
    )
    return {
        "extra_modules.xml": '<load module="mod_callcenter"/>',
        "extra_configs.xml": f"""<configuration name="callcenter.conf"><settings/>
<queues><queue name="rival">
<param name="strategy" value="longest-idle-agent"/>
<param name="moh-sound" value="local_stream://moh"/>
<param name="time-base-score" value="system"/>
<param name="max-wait-time" value="0"/>
<param name="max-wait-time-with-no-agent" value="0"/>
<param name="tier-rules-apply" value="false"/>
<param name="abandoned-resume-allowed" value="false"/>
</queue></queues>
<agents>
{people}
</agents>
<tiers>
{tiers}
</tiers></configuration>""",
        "extra_dialplan.xml": """<extension name="rival">
<condition field="destination_number" expression="^rival_mod_callcenter$">
<action application="answer"/>
<action application="callcenter" data="rival"/>
</condition></extension>""",
    }


class Audience(threading.Thread):
    """An open page and a scraper."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.going = port, True
        self.scrapes, self.scrape_s, self.page_bytes, self.page_pieces = 0, 0.0, 0, 0
        self.errors = Counter[str]()
        self.page = threading.Thread(target=self._page, daemon=True)

    def _page(self) -> None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/api/v1/events", headers={"Accept": "text/event-stream"})
            answer = connection.getresponse()
            if answer.status != 200:
                self.errors[f"page {answer.status}"] += 1
                return
            while self.going and (data := answer.read1(65536)):
                self.page_bytes += len(data)
                self.page_pieces += 1
            if self.going:
                self.errors["page closed by the controller"] += 1
        except OSError as error:
            self.errors[f"page {type(error).__name__}"] += 1

    def run(self) -> None:
        self.page.start()
        while self.going:
            began = time.monotonic()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/metrics")
                connection.getresponse().read()
                connection.close()
                self.scrapes += 1
                self.scrape_s = max(self.scrape_s, time.monotonic() - began)
            except OSError as error:
                self.errors[f"metrics {type(error).__name__}"] += 1
            time.sleep(max(0.0, 1 - (time.monotonic() - began)))

    def result(self) -> dict[str, Any]:
        self.going = False
        return {
            "metrics_scrapes": self.scrapes,
            "slowest_scrape_ms": round(self.scrape_s * 1000, 1),
            "page_bytes": self.page_bytes,
            "page_pieces": self.page_pieces,
            "errors": dict(self.errors),
        }


def percentile(values: list[float], percent: float) -> float | None:
    """Nearest rank."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 3)


def judge(tally: Tally) -> dict[str, Any]:
    by_number: dict[int, list[Any]] = {}
    for ring in tally.rings:
        by_number.setdefault(ring.number, []).append(ring)
    delays, unserved, twice, late, rung_twice = [], 0, 0, 0, 0
    for caller in tally.callers:
        rings = by_number.get(FIRST_NUMBER + caller.index, [])
        served = [r for r in rings if r.acked_ns]
        unserved += not served
        twice += len(served) > 1
        rung_twice += len(rings) > 1
        gone = caller.left_ns or caller.ended_ns
        late += sum(1 for r in rings if gone and r.rang_ns > gone)
        if rings and caller.answered_ns:
            delays.append((min(r.rang_ns for r in rings) - caller.answered_ns) / 1e6)
    per_agent = Counter(r.agent for r in tally.rings)
    return {
        "calls": len(tally.callers),
        "answered_by_the_switch": sum(1 for c in tally.callers if c.answered_ns),
        "caller_200_to_agent_invite_ms": {
            "p50": percentile(delays, 50),
            "p95": percentile(delays, 95),
            "p99": percentile(delays, 99),
            "max": percentile(delays, 100),
            "n": len(delays),
        },
        "unserved": unserved,
        "served_twice": twice,
        "rung_twice": rung_twice,
        "rung_after_the_caller_left": late,
        "callers_never_ended": sum(1 for c in tally.callers if not c.ended_ns),
        "rings_of_unknown_callers": sum(1 for r in tally.rings if r.number < FIRST_NUMBER),
        "calls_per_agent": [min(per_agent.values(), default=0), max(per_agent.values(), default=0)],
        "sip_resent": tally.resent,
        "sip_unexpected": tally.unexpected,
    }


@contextlib.contextmanager
def contender(
    name: str, switch: FreeSwitch, agents: list[str], folder: Path, result: dict[str, Any]
) -> Iterator[int | None]:
    """Runs it; gives its process id, None when it lives in the switch."""
    if name == OURS:
        setup = Setup().queue()
        for i, contact in enumerate(agents):
            setup.agent(f"agent{i}", wrap_up_time=0, contact=contact)
        controller = Controller(folder / "controller", switch, setup).start()
        until(lambda: switch.api("global_getvar cc_alive") == "true", "the controller says that it is alive")
        audience = Audience(controller.port)
        audience.start()
        assert controller.process is not None
        try:
            yield controller.process.pid
        finally:
            result["audience"] = audience.result()
            with contextlib.suppress(OSError, ValueError):
                result["invariant_violations"] = controller.metric("callcenter_invariant_violations_total")
            controller.stop()
    elif name == "script":
        for task in ("cc_deadman", "cc_lease"):  # a controller that stopped leaves them armed
            switch.api(f"sched_del {task}")
        script = Path(__file__).parent / "rival_script.py"
        with (folder / "script.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(script), str(switch.esl_port), switch.password, *agents],
                stdout=log,
                stderr=log,
            )
        try:
            until(lambda: switch.api("global_getvar cc_alive") == "true", "the script is up")
            yield process.pid
        finally:
            process.kill()
            process.wait()
            switch.api("global_setvar cc_alive=false")
    else:
        yield None


def idle(pid: int | None, switch: int, seconds: float = 5.0) -> dict[str, float]:
    """What waiting costs, agents ready and the page open: percent of a core."""
    before = (cpu_seconds(pid) if pid else 0.0, cpu_seconds(switch))
    time.sleep(seconds)
    after = (cpu_seconds(pid) if pid else 0.0, cpu_seconds(switch))
    return {
        "controller_percent_of_a_core": round(100 * (after[0] - before[0]) / seconds, 1),
        "switch_percent_of_a_core": round(100 * (after[1] - before[1]) / seconds, 1),
    }


def measure(
    name: str, switch: FreeSwitch, ends: Endpoints, options: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    agents = contacts(options.agents, ends.agent_port)
    result: dict[str, Any] = {"contender": name}
    with contender(name, switch, agents, folder, result) as pid:
        result["idle"] = idle(pid, switch.pid)
        hub_before = cpu_seconds(pid, thread=pid) if pid else 0.0
        before = (cpu_seconds(pid) if pid else 0.0, cpu_seconds(switch.pid), time.monotonic())
        tally = ends.run(options.rate, options.seconds, run_up=RUN_UP)
        calls = len(tally.callers) + RUN_UP
        after = (cpu_seconds(pid) if pid else 0.0, cpu_seconds(switch.pid), time.monotonic())
        hub = (cpu_seconds(pid, thread=pid) if pid else 0.0) - hub_before
        result |= judge(tally)
        result["controller_cpu_us_per_call"] = round((after[0] - before[0]) * 1e6 / calls) if pid else None
        result["of_it_main_thread"] = round(hub * 1e6 / calls) if pid else None
        result["switch_cpu_us_per_call"] = round((after[1] - before[1]) * 1e6 / calls)
        result["switch_cpu_percent_of_a_core"] = round(
            100 * (after[1] - before[1]) / (after[2] - before[2]), 1
        )
        result["seconds"] = round(after[2] - before[2], 1)
        until(lambda: switch.channels() == 0, "no leg is left on the switch", 20)
    return result


def machine() -> dict[str, Any]:
    cpu = next(
        (
            x.split(":", 1)[1].strip()
            for x in Path("/proc/cpuinfo").read_text().splitlines()
            if x.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def show(result: dict[str, Any]) -> None:
    ms = result["caller_200_to_agent_invite_ms"]
    print(f"\n{result['contender']}: {result['calls']} calls in {result['seconds']} s")
    print(
        f"  caller's 200 OK -> agent's INVITE  p50 {ms['p50']}  p95 {ms['p95']}"
        f"  p99 {ms['p99']}  max {ms['max']} ms"
    )
    for key in (
        "unserved",
        "served_twice",
        "rung_twice",
        "rung_after_the_caller_left",
        "callers_never_ended",
    ):
        print(f"  {key.replace('_', ' ')}: {result[key]}")
    print(
        f"  CPU a call: controller {result['controller_cpu_us_per_call']} µs"
        f" (main thread {result['of_it_main_thread']}),"
        f" switch {result['switch_cpu_us_per_call']} µs"
        f" (switch {result['switch_cpu_percent_of_a_core']} % of a core)"
    )
    print(f"  idle before: {result['idle']}")
    if "audience" in result:
        print(f"  audience: {result['audience']}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=12, help="calls a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--talk", type=float, default=3, help="seconds a call lasts")
    parser.add_argument("--agent-hangs-up", action="store_true", help="agents end the calls, not callers")
    parser.add_argument("--rival", action="append", choices=RIVALS, default=[])
    parser.add_argument("--only-rivals", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    contenders = [*([] if options.only_rivals else [OURS]), *options.rival]
    results = []
    with tempfile.TemporaryDirectory(prefix="callcenter-load-") as name:
        folder = Path(name)
        ends = {
            c: Endpoints(0, EXTENSION[c], talk_s=options.talk, agent_hangs_up=options.agent_hangs_up)
            for c in contenders
        }
        extra = {}
        if "mod_callcenter" in contenders:
            extra = rival_configuration(contacts(options.agents, ends["mod_callcenter"].agent_port))
        switch = FreeSwitch(folder / "switch", extra=extra, log_level="warning")
        switch.folder.mkdir()
        switch.start()
        version = switch.api("version")
        try:
            for contestant in contenders:
                ends[contestant].switch_port = switch.sip_port
                results.append(measure(contestant, switch, ends[contestant], options, folder))
                show(results[-1])
        finally:
            switch.stop()
            for end in ends.values():
                end.close()
    report = {
        "machine": machine(),
        "switch": version,
        "rate": options.rate,
        "seconds": options.seconds,
        "agents": options.agents,
        "talk_s": options.talk,
        "who_hangs_up": "agent" if options.agent_hangs_up else "caller",
        "run_up_calls_left_out": RUN_UP,
        "method": "kernel receive stamps (SO_TIMESTAMPNS) of the caller's 200 OK and the agent's INVITE;"
        " no RTP from the ends",
        "results": results,
    }
    print(f"\n{report['machine']}\n{version}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    ours = next((r for r in results if r["contender"] == OURS), None)
    bad = ("unserved", "served_twice", "rung_after_the_caller_left", "callers_never_ended")
    return 1 if ours and (ours["audience"]["errors"] or any(ours[key] for key in bad)) else 0


if __name__ == "__main__":
    sys.exit(main())
