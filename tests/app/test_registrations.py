"""Which phones are behind `user/…`: asked when something changed, and not for each sign of life."""

import gevent
import pytest
from sim.world import World, agent, everybody, queue

from py_callcenter._router import Event
from py_callcenter.app import registrations as module
from py_callcenter.app.registrations import Registrations
from py_callcenter.config import Agent, Config
from py_callcenter.engine.actions import Device, Originate
from py_callcenter.engine.records import OfferEnded
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


def plain(*lines):
    return Event.from_plain(("\n".join(("Event-Name: CUSTOM", *lines)) + "\n\n").encode())


EXPIRED = plain(  # sofia_reg.c 1.11.1, lines 726-738
    "Event-Subclass: sofia%3A%3Aexpire",
    "profile-name: internal",
    "call-id: 4f7c2b3a",
    "user: 1001",
    "username: 1001",
    "host: example.org",
    "contact: %221001%22%20%3Csip%3A1001%40192.0.2.7%3A5060%3E",
    "expires: 1800000000",
    "user-agent: a%20phone",
    "realm: example.org",
    "network-ip: 192.0.2.7",
    "network-port: 5060",
)
DISCONNECTED = plain(  # sofia.c 1.11.1, lines 2080-2088: no contact, and told before it is deleted
    "Event-Subclass: sofia%3A%3Aunregister",
    "profile-name: internal",
    "from-user: 1001",
    "from-host: example.org",
    "call-id: 4f7c2b3a",
    "rpid: unknown",
    "reason: socket-disconnection",
)


@pytest.mark.parametrize("event", [EXPIRED, DISCONNECTED])
def test_a_registration_that_the_switch_is_about_to_delete_is_asked_about_once_more(desk, monkeypatch, event):
    registrations, link, found = desk
    monkeypatch.setattr(module, "AGAIN_S", 0.05)
    link.answer = DESK
    registrations.on_event("fs1", event)
    gevent.sleep(0.02)
    assert found == [("fs1", "user/1001@example.org", (DESK,))], "still there"
    link.answer = "error/user_not_registered"
    gevent.sleep(0.1)
    assert found[1:] == [("fs1", "user/1001@example.org", ())]

    link.answer = DESK
    registrations.on_event("fs1", told("sofia%3A%3Aregister", "1001", "a"))
    gevent.sleep(0.02)
    assert found[2:] == [("fs1", "user/1001@example.org", (DESK,))]


def test_somebody_else_s_expiry_is_no_news(desk):
    registrations, link, _found = desk
    stranger = plain("Event-Subclass: sofia%3A%3Aexpire", "user: 1002", "host: example.org", "contact: x")
    registrations.on_event("fs1", stranger)
    gevent.sleep(0.02)
    assert not link.asked


def unregistered(outcome="unregistered"):
    head = {"node": "fs1", "epoch": 1, "sequence": 1, "at_us": 0, "call": "c", "queue": "support"}
    return OfferEnded(**head, agent="1001", attempt=1, outcome=outcome, cause="", ring_us=0)


def test_a_switch_that_rings_nobody_has_the_others_asked_and_the_phone_s_return_is_news():
    links = {name: FakeLink() for name in ("fs1", "fs2")}
    registrations = Registrations(links, lambda *_what: None)
    registrations.configure(Config(agents=(Agent(name="1001", contacts=("user/1001@example.org",)),)))
    registrations.start()
    registrations.on_event("fs1", told("sofia%3A%3Aregister", "1001", "a"))
    gevent.sleep(0.05)
    for link in links.values():
        link.asked.clear()

    registrations.on_record(unregistered("busy"))
    gevent.sleep(0.02)
    assert not links["fs2"].asked
    registrations.on_record(unregistered())
    gevent.sleep(0.02)
    assert (len(links["fs1"].asked), len(links["fs2"].asked)) == (0, 1), "what it says itself stands"
    registrations.on_event("fs1", told("sofia%3A%3Aregister", "1001", "a"))
    gevent.sleep(0.02)
    assert len(links["fs1"].asked) == 1, "it had said so before the end that nobody told"
    registrations.stop()


def test_everything_is_asked_anew_now_and_then(monkeypatch):
    """What no event told is known some time, and no switch has to answer everything at once."""
    monkeypatch.setattr(module, "ROUND_S", 0.2)
    link, found = FakeLink(), []
    registrations = Registrations({"fs1": link}, lambda *what: found.append(what))
    agents = (Agent(name="1001", contacts=("user/1001",)), Agent(name="1002", contacts=("user/1002",)))
    registrations.configure(Config(agents=agents))
    registrations.start()
    gevent.sleep(0.05)
    assert len(link.asked) == 2
    link.answer = "error/user_not_registered"
    gevent.sleep(0.1)
    assert len(link.asked) == 3
    gevent.sleep(0.1)
    assert found[2:] == [("fs1", "user/1001", ()), ("fs1", "user/1002", ())]

    registrations.configure(Config())
    gevent.sleep(0.25)
    asked = len(link.asked)
    gevent.sleep(0.3)
    assert len(link.asked) == asked
    registrations.stop()


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
