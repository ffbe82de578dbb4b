"""The process: wires engine, switches, database and HTTP together. The only place that knows threads."""

from py_callcenter.app.demo import demo
from py_callcenter.app.run import run

__all__ = ["demo", "run"]
