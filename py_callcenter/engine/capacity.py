"""What a switch says that it takes. Apart from `pacing`: links read it before the engine is loaded."""

from __future__ import annotations

import re
from typing import Final

from py_callcenter.value import value


@value
class Capacity:
    """What a switch takes; 0 = not known."""

    sessions_per_second: int = 0
    max_sessions: int = 0
    sessions: int = 0
    up_us: int = 0
    """For how long this run of the switch has lasted, in whole seconds."""

    @classmethod
    def from_status(cls, text: str) -> Capacity:
        """Out of the words of `status`: `UP 0 years, 1 day, …`, `… session(s) per Sec out of max 30, …` and
        `1000 session(s) max`.
        """
        per_second, most, sessions = (
            0 if match is None else int(match[1])
            for match in (
                re.search(pattern, text, re.MULTILINE)
                for pattern in (
                    r"per Sec out of max ([0-9]{1,9})",
                    r"^([0-9]{1,9}) session\(s\) max",
                    r"^([0-9]{1,9}) session\(s\) - peak",
                )
            )
        )
        return cls(per_second, most, sessions, _up_us(text.partition("\n")[0]))


_UNITS_S: Final = {"year": 365 * 86_400, "day": 86_400, "hour": 3600, "minute": 60, "second": 1}


def _up_us(line: str) -> int:
    if not line.startswith("UP "):
        return 0
    parts = re.findall(r"([0-9]{1,9}) (year|day|hour|minute|second)s?\b", line)
    return sum(int(number) * _UNITS_S[unit] for number, unit in parts) * 1_000_000
