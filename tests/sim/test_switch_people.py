"""Traffic on the simulated switch: seeded, plausible, and the same every time."""

import pytest
from sim.desk import START_US, Desk

from py_callcenter.sim import Switch
from py_callcenter.sim.people import (
    AgentStyle,
    CallerStyle,
    Traffic,
    exponential,
    lognormal,
    uniform,
    weibull,
)

pytestmark = pytest.mark.sim


def hour(seed):
    switch = Switch(seed=seed, start_us=START_US)
    line = switch.connect()
    switch.receive(line, b"auth ClueCon\n\nevent plain ALL\n\n")
    traffic = Traffic(
        switch,
        seed=seed,
        calls_per_s=0.5,
        destinations={"queue_support": 3, "queue_billing": 1},
        styles={"queue_support": CallerStyle(patience=exponential(30))},
    )
    traffic.start()
    written = b""
    for minute in range(1, 11):
        switch.run_until(START_US + minute * 60_000_000)
        written += switch.take_output(line)
    return traffic, written


def test_the_same_seed_gives_the_same_bytes():
    assert hour(3)[1] == hour(3)[1]
    assert hour(3)[1] != hour(4)[1]


def test_calls_arrive_at_their_rate_and_go_where_they_should():
    traffic, written = hour(5)
    assert 240 <= traffic.placed <= 360  # 300 expected, a spread of 17
    support = written.count(b"Caller-Destination-Number: queue_support\n")
    billing = written.count(b"Caller-Destination-Number: queue_billing\n")
    assert support > billing > 0


def test_callers_lose_their_patience():
    traffic, _ = hour(6)
    waiting = [call for call in traffic.living if call.leg.profile.destination == "queue_support"]
    assert 3 <= len(waiting) <= 30  # 0.375 calls/s of 30 s


def test_agents_answer_refuse_and_ignore_in_their_proportions():
    desk = Desk("NONE BACKGROUND_JOB")
    style = AgentStyle(ring_to_answer=uniform(1, 2), talk=uniform(1, 2), no_answer=0.2, reject=0.2, busy=0.2)
    desk.switch.add_phone("sofia/internal/a@127.0.0.1:5080", style)
    for number in range(300):
        desk.ring("sofia/internal/a@127.0.0.1:5080", f"leg{number}", "originate_timeout=10")
        desk.wait(0.1)
    desk.wait(60)
    outcomes = [frame.body.split()[1] for frame in desk.seen]
    answered = sum(outcome.startswith("leg") for outcome in outcomes)
    for share, count in (
        (0.2, outcomes.count("NO_ANSWER")),
        (0.2, outcomes.count("CALL_REJECTED")),
        (0.2, outcomes.count("USER_BUSY")),
        (0.4, answered),
    ):
        assert abs(count / 300 - share) < 0.1


def test_agents_hold_and_transfer():
    desk = Desk("CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_PARK")
    style = AgentStyle(
        ring_to_answer=uniform(0.1, 0.2),
        talk=uniform(3, 4),
        hold=1.0,
        transfer=1.0,
        transfer_to=("queue_billing",),
    )
    call = desk.caller()
    desk.agent("a1", behaviour=style)
    desk.wait(1)
    desk.bridge(call, "a1")
    desk.wait(10)
    assert desk.story("a1") == ["PARK", "HOLD", "UNHOLD"]
    assert desk.api(f"uuid_getvar {call.uuid} cc_queue") == "billing"


def test_a_limit_ends_the_arrivals():
    switch = Switch(seed=1, start_us=START_US)
    traffic = Traffic(switch, seed=1, calls_per_s=10, destinations={"queue_a": 1}, limit=7)
    traffic.start()
    switch.run_until(START_US + 60_000_000)
    assert traffic.placed == 7


@pytest.mark.parametrize(
    ("draw", "low", "high"),
    [
        (exponential(10), 8.5, 11.5),
        (uniform(5, 15), 9.5, 10.5),
        (lognormal(10, 0.5), 10.0, 13.0),  # mean = median · e^(σ²/2)
        (weibull(10, 1.0), 8.5, 11.5),
    ],
)
def test_distributions_have_the_mean_that_they_promise(draw, low, high):
    import random

    rng = random.Random(1)
    mean = sum(draw(rng) for _ in range(4000)) / 4000
    assert low < mean < high
