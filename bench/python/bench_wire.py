"""Events a second: greenswitch against our decoder, on the captured plain events, in one interleaved run.

    python bench/python/bench_wire.py [--rounds N]

Every round runs all methods one after the other on the same frames, so that a busy moment of the machine
hits all of them; the ratio is taken from the medians. greenswitch's rows decode only; ours frame the byte
stream as well, as it comes from a socket in pieces of 64 KiB.
"""

import argparse
import importlib.metadata
import io
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gevent.queue import Queue
from greenswitch.esl import ESLEvent, InboundESL

from py_callcenter._router import BUILD_PROFILE, FrameParser, __version__

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from esl import captures

PIECE = 65536

# What the controller reads from an event of a call on the way from PARK to HANGUP.
HEADERS = (
    "Event-Name",
    "Unique-ID",
    "Event-Date-Timestamp",
    "Core-UUID",
    "Call-Direction",
    "Answer-State",
    "Other-Leg-Unique-ID",
    "Hangup-Cause",
    "Caller-Caller-ID-Number",
    "variable_cc_queue",
    "variable_cc_side",
    "variable_cc_offer",
)


def plain_frames() -> list[bytes]:
    return [
        chunk.data
        for scenario in captures.names()
        for chunk in captures.load(scenario)
        if chunk.direction == "server" and b"Content-Type: text/event-plain\n" in chunk.data[:200]
    ]


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    return next(
        (line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line), "unknown"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=15)
    rounds = arguments.parse_args().rounds

    frames = plain_frames()
    stream = b"".join(frames)
    pieces = [stream[at : at + PIECE] for at in range(0, len(stream), PIECE)]
    halves = [frame.split(b"\n\n", 1) for frame in frames]

    def greenswitch_decode() -> None:
        for envelope, body in halves:
            event = ESLEvent(envelope.decode("utf-8"))
            event.parse_data(body.decode("utf-8"))
            get = event.headers.get
            for name in HEADERS:
                get(name)

    def greenswitch_receive() -> None:
        client = InboundESL("127.0.0.1", 8021, "")
        client.sock_file = io.BytesIO(stream)
        queue: Queue[ESLEvent] = Queue()
        client._esl_event_queue = queue  # greenswitch has no other way to the events
        client.receive_events()
        while not queue.empty():
            get = queue.get().headers.get
            for name in HEADERS:
                get(name)

    def ours_needed() -> None:
        feed = FrameParser().feed
        for piece in pieces:
            for frame in feed(piece):
                get = frame.event().get
                for name in HEADERS:
                    get(name)

    def ours_all() -> None:
        feed = FrameParser().feed
        for piece in pieces:
            for frame in feed(piece):
                dict(frame.event().items())

    def ours_frames() -> None:
        feed = FrameParser().feed
        for piece in pieces:
            for frame in feed(piece):
                frame.event()

    methods: dict[str, Callable[[], None]] = {
        "greenswitch: ESLEvent, decoding only": greenswitch_decode,
        "greenswitch: receive loop, from a buffer": greenswitch_receive,
        "ours: framing + index, nothing read": ours_frames,
        f"ours (a): framing + {len(HEADERS)} headers": ours_needed,
        "ours (b): framing + all headers in a dict": ours_all,
    }
    times: dict[str, list[float]] = {name: [] for name in methods}
    for method in methods.values():
        method()
    for _ in range(rounds):
        for name, method in methods.items():
            begin = time.perf_counter()
            method()
            times[name].append(time.perf_counter() - begin)

    lines = sum(body.split(b"\n\n", 1)[0].count(b"\n") + 1 for _, body in halves)
    print(f"machine   {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}")
    print(
        f"versions  Python {platform.python_version()}, "
        f"greenswitch {importlib.metadata.version('greenswitch')}, "
        f"gevent {importlib.metadata.version('gevent')}, py_callcenter {__version__} ({BUILD_PROFILE})"
    )
    print(
        f"input     {len(frames)} captured plain events, {len(stream) / len(frames):.0f} bytes "
        f"and {lines / len(frames):.0f} headers on average"
    )
    print(f"method    {rounds} rounds, methods interleaved, median of rounds, load {os.getloadavg()[0]:.1f}")
    print()
    base = statistics.median(times["greenswitch: ESLEvent, decoding only"])
    print(f"{'':44}{'events/s':>10}{'us/event':>10}{'ratio':>8}{'spread':>9}")
    for name, taken in times.items():
        middle = statistics.median(taken)
        spread = (max(taken) - min(taken)) / middle
        print(
            f"{name:44}{len(frames) / middle:10.0f}{middle / len(frames) * 1e6:10.2f}"
            f"{base / middle:8.1f}{spread:9.0%}"
        )
    if BUILD_PROFILE != "release":
        print("\nThis is no release build: the figures mean nothing.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
