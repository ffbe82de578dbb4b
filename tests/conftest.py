"""For all tests: a property is judged by what happens, not by how fast this machine is at the moment."""

from hypothesis import HealthCheck, settings

# By default an example that takes more than 200 ms fails, as any does while others use the machine.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
