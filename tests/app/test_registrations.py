"""Which phones are behind `user/…`: asked when something changed, and not for each sign of life."""

import gevent
import pytest
from sim.world import World, agent, everybody, queue

from py_callcenter._router import Event
from py_callcenter.app.registrations import Registrations
from py_callcenter.config import Agent, Config
from py_callcenter.engine.actions import Device, Originate
from py_callcenter.esl.errors import ConnectionFailed
from py_callcenter.esl.values import Reply

pytestmark = pytest.mark.app

DESK = "sofia/internal/sip:1001@192.0.2.7:5060"
APP = "sofia/internal/sip:x7f@192.0.2.9:41234"


class FakeLink:
    def __init__(self):
        self.asked = []
        self.answer = f"{DESK},{APP}"

    def ask(self, data, timeout_s=None):  # noqa: ARG002 - the link's shape
        self.asked.append(data.decode().strip())
        if self.answer is None:
            raise ConnectionFailed("not-connected", "away")
        return Reply(self.answer, self.answer.encode())


@pytest.fixture
def desk():
    link, found = FakeLink(), []
    registrations = Registrations({"fs1": link}, lambda *what: found.append(what))
    registrations.configure(
        Config(
            agents=(
                Agent(name="1001", contacts=("user/1001@example.org",)),
                Agent(name="1002", contacts=("sofia/internal/1002@192.0.2.1",)),
            )
        )
    )
    registrations.start()
    gevent.sleep(0.02)
    link.asked.clear()
    found.clear()
    yield registrations, link, found
    registrations.stop()


def told(subclass, user, contact):
    lines = ("Event-Name: CUSTOM", f"Event-Subclass: {subclass}", f"from-user: {user}", f"contact: {contact}")
    return Event.from_plain(("\n".join(lines) + "\n\n").encode())


def test_a_node_that_is_in_step_is_asked_about_users_only(desk):
    registrations, link, found = desk
    registrations.synchronised("fs1")
    gevent.sleep(0.02)

    assert link.asked == ["api sofia_contact */1001@example.org"]
    assert found == [("fs1", "user/1001@example.org", (DESK, APP))]


def test_a_phone_that_says_again_that_it_is_there_is_no_news(desk):
    registrations, link, _found = desk
    for _ in range(3):
        registrations.on_event("fs1", told("sofia%3A%3Aregister", "1001", "a"))
        gevent.sleep(0.02)
    assert len(link.asked) == 1
    registrations.on_event("fs1", told("sofia%3A%3Aregister", "1001", "b"))
    registrations.on_event("fs1", told("sofia%3A%3Aregister", "stranger", "c"))
    gevent.sleep(0.02)
    assert len(link.asked) == 2
    registrations.on_event("fs1", told("sofia%3A%3Aunregister", "1001", "b"))
    gevent.sleep(0.02)
    registrations.on_event("fs1", told("sofia%3A%3Aregister", "1001", "b"))
    gevent.sleep(0.02)
    assert len(link.asked) == 4


def test_a_switch_that_does_not_answer_is_asked_again_when_it_is_back(desk):
    registrations, link, found = desk
    link.answer = None
    registrations.synchronised("fs1")
    gevent.sleep(0.02)
    assert not found
    link.answer = DESK
    registrations.synchronised("fs1")
    gevent.sleep(0.02)
    assert found == [("fs1", "user/1001@example.org", (DESK,))]


def test_each_registered_phone_is_a_leg_of_its_own_as_long_as_there_are_several():
    world = World(everybody([queue()], [agent("1001", contacts=("user/1001@example.org",))]))

    def devices():
        world.call()
        world.run(20)
        return world.sent(Originate)[-1].devices

    assert [d.contact for d in devices()] == ["user/1001@example.org"]
    world.carry_out(world.engine.on_phones("fs1", "user/1001@example.org", (DESK, APP), world.now_us))
    both = devices()
    assert [(d.contact, d.user) for d in both] == [(DESK, "1001@example.org"), (APP, "1001@example.org")]
    assert len({d.uuid for d in both}) == 2
    world.carry_out(world.engine.on_phones("other", "user/1001@example.org", (DESK,), world.now_us))
    assert len(devices()) == 2, "another switch's phones are another matter"
    world.carry_out(world.engine.on_phones("fs1", "user/1001@example.org", (DESK,), world.now_us))
    assert devices() == (Device(world.sent(Originate)[-1].devices[0].uuid, "user/1001@example.org"),)


def test_more_phones_than_a_command_holds_leave_the_later_ones_as_configured():
    contacts = ("user/1001", "user/1002")
    world = World(everybody([queue()], [agent("1001", contacts=contacts)]))
    for contact in contacts:
        phones = tuple(f"sofia/internal/sip:x@192.0.2.{i}" for i in range(6))
        world.engine.on_phones("fs1", contact, phones, world.now_us)
    world.call()
    world.run(1)
    [ring] = world.sent(Originate)
    assert len(ring.devices) == 7
    assert ring.devices[-1].contact == "user/1002"
