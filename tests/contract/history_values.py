"""Values that histories are made of."""

from __future__ import annotations

from contract.chance import among, mostly, whole
from contract.history_diary import SECOND

number = whole(0, 99)
small = whole(0, 3)
seconds = among(0, 0, 0, 1, 1, 2, 3, 5, 10, 60, -5)
flag = among(False, True)
demands = among(
    "any",
    "fa",
    "fa >= 3",
    "not fa",
    "fa and billing",
    "billing > 1",
    [(0, "fa >= 3"), (SECOND, "fa"), (2 * SECOND, "any")],
    [(0, "fa and billing"), (2 * SECOND, "fa or billing")],
    [(0, "any"), (SECOND, "fa")],
    [],
    "fa and",
)
# A history with skills in every queue shows little else.
queue_demands = mostly("any", 3, demands)
own_demands = mostly(None, 3, demands)
