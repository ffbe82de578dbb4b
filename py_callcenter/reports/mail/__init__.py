"""Reports by e-mail: which are due, what they say, and sending each once.

`periods` says what is due, `facts` counts it, `letter` words it, `message` makes an e-mail of it, `smtp`
hands that over, and `courier` sees to it that nobody gets one twice.
"""

from __future__ import annotations
