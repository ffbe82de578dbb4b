"""What a switch says that it takes. Apart from `pacing`: links read it before the engine is loaded."""

from __future__ import annotations

import re

from py_callcenter.value import value


@value
class Capacity:
    """What a switch takes; 0 = not known."""

    sessions_per_second: int = 0
    max_sessions: int = 0
    sessions: int = 0

    @classmethod
    def from_status(cls, text: str) -> Capacity:
        """Out of the words of `status`: `… session(s) per Sec out of max 30, …` and `1000 session(s) max`."""
        found = [
            re.search(pattern, text, re.MULTILINE)
            for pattern in (
                r"per Sec out of max ([0-9]{1,9})",
                r"^([0-9]{1,9}) session\(s\) max",
                r"^([0-9]{1,9}) session\(s\) - peak",
            )
        ]
        return cls(*(0 if match is None else int(match[1]) for match in found))
