"""What a dialplan may ask for: it costs no caller the agent, and no call its end."""

from __future__ import annotations

import pytest
from sim.staging import centre, dialplan
from sim.world import ANSWERS, World, agent, everybody, queue

from py_callcenter.engine.actions import Originate

pytestmark = pytest.mark.sim


@pytest.mark.parametrize(
    "settings",
    [
        ("caller_tier=gold", "cc_export_vars=caller_tier"),
        ("default_language=fa", "cc_export_vars=default_language"),
        ("record_it=1", "cc_export_vars=record_it"),
        ("_x=1", "cc_export_vars=_x"),
        ("9lives=1", "cc_export_vars=9lives"),
        ("my_hook=1", "cc_export_vars=my_hook"),
        ("account=ARRAY::1|:2", "cc_export_vars=account"),
        ("account=a:_:_:b", "cc_export_vars=account"),
        (*(f"v{n}={'x' * 300}" for n in range(16)), "cc_export_vars=" + ",".join(f"v{n}" for n in range(16))),
    ],
    ids=lambda settings: settings[0][:20],
)
def test_an_exported_variable_never_costs_a_caller_the_agent(settings):
    contacts = tuple(f"sofia/internal/{'p' * 60}{n}@{'h' * 100}.example:5085" for n in range(8))
    world = World(everybody([queue()], [agent("1000", contacts=contacts)]))
    for contact in contacts:
        world.phone(contact, ANSWERS, contact)

    world.call(dialplan(world, "own", *settings))
    world.run(1)

    assert world.sent(Originate)
    assert not [action for action, _ in world.failures if isinstance(action, Originate)], world.failures


def test_a_recording_that_has_no_file_name_costs_no_call():
    world = World(everybody([queue(record_template="/rec/{agent}.wav/{call}.wav")], [agent("a..b")]))
    world.phone("a..b", ANSWERS)

    call = world.call()
    world.run(5)

    assert world.talks_with(call) == "a..b"
    assert not world.all("recording-started")


@pytest.mark.parametrize("text", ["-5", ".hidden@default", "5@-x"])
def test_an_exit_override_that_the_switch_would_not_get_leaves_the_queues_own(text):
    world = centre("1000", agents={"status": "Logged Out"}, max_wait_time=5, on_timeout="voicemail")

    call = world.call(dialplan(world, "own", f"cc_exit_exten={text}"))
    world.run(7)

    assert call.alive
    assert call.leg.profile.destination == "voicemail"
    assert world.the("call-left").target == "voicemail@default"
