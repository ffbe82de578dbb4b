"""One FreeSWITCH for all live tests, SIPp ends and a controller for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live.product import Controller, Setup
from live.sip import Sip, until
from live.switch import FreeSwitch, missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a switch every live test skips, and says what is missing."""
    reason = missing()
    if reason is None:
        return
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeSwitch]:
    freeswitch = FreeSwitch(tmp_path_factory.mktemp("freeswitch"))
    freeswitch.start()
    yield freeswitch
    freeswitch.stop()


@pytest.fixture
def sip(switch: FreeSwitch, tmp_path: Path) -> Iterator[Sip]:
    """Callers and phones of one test; afterwards the switch is empty again."""
    folder = tmp_path / "sip"
    folder.mkdir()
    ends = Sip(folder, switch.sip_port)
    yield ends
    ends.stop()
    switch.api("hupall NORMAL_CLEARING")
    until(lambda: switch.channels() == 0, "no leg is left on the switch")


@pytest.fixture
def open_for_business(switch: FreeSwitch, tmp_path: Path) -> Iterator[Callable[[Setup], Controller]]:
    """Start a controller with a setup; at the end of the test it is stopped as an operator would."""
    started: list[Controller] = []

    def start(setup: Setup) -> Controller:
        controller = Controller(tmp_path / f"controller-{len(started)}", switch, setup)
        started.append(controller)
        return controller.start()

    yield start
    for controller in started:
        controller.stop()
