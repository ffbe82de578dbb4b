"""From the log of a router come the same decisions again, whatever happened."""

from __future__ import annotations

import pytest
from contract.test_random_histories import Histories
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from py_callcenter._router import DecisionLogError, Replay, Router, RouterError

pytestmark = pytest.mark.contract


class Logged(Histories):
    """The histories of `test_random_histories`, written down and made again at the end of each."""

    @initialize()
    def begin(self):
        self.log = self.routers[0].start_log()

    @rule()
    def fetch(self):
        self.log += self.routers[0].fetch_log()

    @rule(new=st.booleans())
    def check(self, new):
        router = self.routers[0]
        self.log += router.start_log() if new else router.fetch_log()
        replay = Replay(self.log)
        replay.run()
        assert replay.snapshot() == router.snapshot()
        if new:
            self.log = b""

    def teardown(self):
        if hasattr(self, "log"):
            self.check(new=False)


profile = settings.get_profile("router")
Logged.TestCase.settings = settings(profile, max_examples=profile.max_examples // 3)
TestLogged = Logged.TestCase


def test_a_log_is_written_when_asked_for_only():
    router = Router()
    assert router.log_length is None
    with pytest.raises(RouterError, match="no decision log"):
        router.fetch_log()
    assert router.stop_log() == router.start_log() == b""
    assert router.log_length == len(router.fetch_log())
    assert Router.restore(router.snapshot()).log_length is None


def test_what_was_refused_is_not_in_the_log():
    router = Router()
    router.start_log()
    router.fetch_log()
    with pytest.raises(RouterError):
        router.set_status(0, 5, "Available")
    assert router.fetch_log() == b""


def test_a_replay_stops_where_it_is_told_to():
    router = Router()
    router.start_log()
    for number in range(5):
        router.put_queue(number, f"queue {number}", "ring-all")
    replay = Replay(router.fetch_log())
    assert (replay.entry, replay.now_us) == (0, 0)
    assert (replay.run(3), replay.entry, replay.now_us) == (3, 3, 2)
    assert Router.restore(replay.snapshot()).queue_id("queue 3") is None
    assert (replay.run(), replay.entry) == (2, 5)


def test_a_log_that_is_cut_or_damaged_names_the_entry():
    router = Router()
    router.start_log()
    begin = len(router.fetch_log())
    router.start_log()
    for number in range(3):
        router.put_queue(number, "support", "ring-all")
    log = router.fetch_log()
    for wrong, entry in ((log[:-1], 3), (log[: begin + 3], 1), (log[:5], None), (b"", None)):
        with pytest.raises(DecisionLogError) as caught:
            Replay(wrong).run()
        assert caught.value.entry == entry
        assert "support" not in str(caught.value)
    torn = bytearray(log)
    torn[begin + 8] ^= 1
    replay = Replay(bytes(torn))
    with pytest.raises(DecisionLogError, match="entry 1 is damaged"):
        replay.run()
    assert replay.entry == 0
