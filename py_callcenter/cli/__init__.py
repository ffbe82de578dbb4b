"""The command line: `start` is where the program begins, `commands` all that people call, the rest by what it
is about.
"""

from py_callcenter.cli.start import main

__all__ = ["main"]
