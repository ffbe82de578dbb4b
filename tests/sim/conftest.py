"""What several stories in virtual time ask for."""

from __future__ import annotations

import pytest
import structlog

from py_callcenter.app import notable


@pytest.fixture
def quiet(monkeypatch):
    """Hundreds of thousands of calls need no log."""
    monkeypatch.setattr(notable, "NOTABLE", {})
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.configure(**before)
