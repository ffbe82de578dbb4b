"""An ear: receives RTP with PCMU and says how loud it is."""

from __future__ import annotations

import math
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Final


def _expand(code: int) -> int:
    """One G.711 µ-law byte to a 16-bit sample."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


_SAMPLES = [_expand(code) for code in range(256)]


@dataclass
class Ear:
    """Bind first, give `port` to the caller's SDP, then `listen`."""

    sock: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def __post_init__(self) -> None:
        self.sock.bind(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        port: int = self.sock.getsockname()[1]
        return port

    def listen(self, seconds: float) -> list[int]:
        """Samples of the PCMU packets that arrive from now on; earlier ones are thrown away."""
        self.sock.setblocking(False)
        try:
            while True:
                self.sock.recv(2048)
        except BlockingIOError:
            pass
        samples: list[int] = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                packet = self.sock.recv(2048)
            except TimeoutError:
                break
            if len(packet) < 12 or packet[0] >> 6 != 2 or packet[1] & 0x7F != 0:
                continue
            csrc = 4 * (packet[0] & 0x0F)
            extension = 0
            if packet[0] & 0x10:
                extension = 4 + 4 * struct.unpack_from("!H", packet, 12 + csrc + 2)[0]
            samples += [_SAMPLES[b] for b in packet[12 + csrc + extension :]]
        return samples

    def close(self) -> None:
        self.sock.close()


def loudness(samples: list[int]) -> float:
    """Root mean square; silence is below 50, the test tone about 8500."""
    return math.sqrt(sum(s * s for s in samples) / len(samples)) if samples else 0.0


BLOCK: Final = 800


def pitch_share(samples: list[int], hertz: float) -> float:
    """How much of the sound's energy is at one pitch, 0…1 (Goertzel).

    By tenths of a second: where a packet is late the phase jumps, which costs that tenth and no more.
    """
    blocks = [samples[at : at + BLOCK] for at in range(0, len(samples), BLOCK)]
    energy = sum(s * s for s in samples)
    return sum(_at_pitch(block, hertz) for block in blocks) / energy if energy else 0.0


def _at_pitch(samples: list[int], hertz: float) -> float:
    factor = 2 * math.cos(2 * math.pi * hertz / 8000)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    return 2 * (last * last + before * before - factor * last * before) / len(samples)
