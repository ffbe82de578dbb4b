"""A simulated FreeSWITCH: a model for tests in virtual time, and a real event-socket server for the demo."""

from py_callcenter.sim.dialplan import Dialplan, Extension, Step
from py_callcenter.sim.phones import Act, Behaviour, Call, Phone
from py_callcenter.sim.switch import Switch

__all__ = ["Act", "Behaviour", "Call", "Dialplan", "Extension", "Phone", "Step", "Switch"]
