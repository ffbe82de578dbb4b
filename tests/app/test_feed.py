"""The live feed: a snapshot, then what changed; nobody slow can hold it up."""

import asyncio
import json

import pytest
from app.fake_controller import FakeController, agent_row, call_row, snapshot

from py_callcenter.api.feed import Feed, FeedResponse

pytestmark = pytest.mark.app


class Listener:
    """An ASGI client of the feed."""

    def __init__(self, feed, *, stuck=False):
        self.feed = feed
        self.stuck = stuck
        self.status = None
        self.inbox = asyncio.Queue()
        self.left = asyncio.Event()
        self.task = asyncio.create_task(FeedResponse(feed)({"type": "http"}, self.receive, self.send))

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
            return
        if self.stuck:
            await asyncio.Event().wait()
        for block in message["body"].decode().split("\n\n"):
            if block:
                self.inbox.put_nowait(block)
        if not message["more_body"]:
            self.inbox.put_nowait(None)

    async def next(self):
        block = await asyncio.wait_for(self.inbox.get(), 5)
        if block is None or block.startswith(":"):
            return block
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        return lines["event"], int(lines["id"]), json.loads(lines["data"])

    async def leave(self):
        self.left.set()
        await asyncio.wait_for(self.task, 5)


def story(tell):
    """Run a story with a controller and a quick feed."""

    async def run():
        controller = FakeController()
        feed = Feed(controller, interval_seconds=0.01, heartbeat_seconds=0.05, send_timeout_seconds=0.05)
        await tell(controller, feed)
        await feed.close()

    asyncio.run(run())


def test_a_listener_gets_a_snapshot_and_then_only_what_changed():
    async def tell(controller, feed):
        one = Listener(feed)
        name, version, data = await one.next()
        assert (name, version) == ("snapshot", 1)
        assert [row["id"] for row in data["calls"]] == ["call-1", "call-2", "call-3"]
        assert one.headers[b"content-type"].startswith(b"text/event-stream")

        now = controller.now
        controller.show(snapshot(2, calls=(call_row("call-2", position=1), now.calls[2], call_row("call-4"))))
        name, version, data = await one.next()
        assert (name, version) == ("delta", 2)
        assert [row["id"] for row in data["calls"]] == ["call-2", "call-4"]
        assert data["calls_gone"] == ["call-1"]
        assert data["calls_order"] == ["call-2", "call-3", "call-4"]
        assert data.keys() & {"queues", "agents", "nodes"} == set()
        await one.leave()

    story(tell)


def test_a_silent_feed_says_that_it_is_alive():
    async def tell(_controller, feed):
        one = Listener(feed)
        await one.next()
        assert await one.next() == ": still here"
        await one.leave()

    story(tell)


def test_a_later_listener_begins_with_a_whole_snapshot():
    async def tell(controller, feed):
        one = Listener(feed)
        await one.next()
        controller.show(snapshot(2))
        assert (await one.next())[0] == "delta"
        two = Listener(feed)
        name, version, _data = await two.next()
        assert (name, version) == ("snapshot", 2)
        await one.leave()
        await two.leave()

    story(tell)


def test_nothing_is_asked_of_the_controller_while_nobody_listens():
    async def tell(controller, feed):
        assert controller.readers == 0
        one, two = Listener(feed), Listener(feed)
        await one.next()
        await two.next()
        assert (controller.readers, feed.clients) == (1, 2)
        await one.leave()
        await two.leave()
        await asyncio.sleep(0.02)
        assert (controller.readers, feed.clients) == (0, 0)

    story(tell)


def test_changes_in_a_burst_are_sent_as_one():
    async def tell(controller, _feed):
        feed = Feed(controller, interval_seconds=0.1)
        one = Listener(feed)
        await one.next()
        for version in range(2, 50):
            controller.show(snapshot(version, agents=(agent_row("1000", since=float(version)),)))
            await asyncio.sleep(0)
        _name, version, data = await one.next()
        assert (version, data["agents"][0]["since"]) == (49, 49.0)
        await one.leave()

    story(tell)


def test_a_listener_that_takes_nothing_is_dropped_and_others_do_not_notice():
    async def tell(controller, feed):
        good, bad = Listener(feed), Listener(feed, stuck=True)
        await good.next()
        await asyncio.wait_for(bad.task, 5)
        assert (feed.dropped, feed.clients) == (1, 1)
        controller.show(snapshot(2, agents=()))
        while (event := await good.next())[0] == ":":
            pass
        assert event[1] == 2
        await good.leave()

    story(tell)


def test_a_listener_who_fell_far_behind_gets_a_snapshot_instead_of_a_long_past():
    async def tell(controller, feed):
        feed.join()
        version, _ = await feed.after(-1)
        for number in range(2, 60):
            controller.show(snapshot(number))
            await feed.after(number - 1)
        newest, events = await feed.after(version)
        assert (newest, len(events)) == (59, 1)
        assert events[0].startswith(b"event: snapshot")
        newest, events = await feed.after(50)
        assert [event.split(b"\n")[0] for event in events] == [b"event: delta"] * 9
        feed.leave()

    story(tell)


def test_when_the_controller_goes_the_feed_ends_and_a_new_one_can_begin():
    async def tell(controller, feed):
        one = Listener(feed)
        await one.next()
        controller.gone = True
        controller.show(snapshot(2))
        while (block := await one.next()) is not None:
            assert block[0] == ":"
        await asyncio.wait_for(one.task, 5)

        controller.gone = False
        two = Listener(feed)
        assert (await two.next())[0] == "snapshot"
        await two.leave()

    story(tell)
