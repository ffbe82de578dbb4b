"""Requests are counted by what was asked for in general, never by what exactly."""

from __future__ import annotations

import re

import pytest
from app.fake_controller import FakeController
from app.test_api import Api

pytestmark = pytest.mark.app


@pytest.fixture
def api():
    return Api(FakeController())


def counted(api) -> dict[tuple[str, str], int]:
    found = re.findall(
        r'callcenter_http_requests_total\{route="([^"]*)",status="([^"]*)"\} (\d+)', api.get("/metrics").text
    )
    return {(route, status): int(count) for route, status, count in found}


def test_requests_are_counted_by_the_template_of_their_route_and_how_they_ended(api):
    call = api.get("/api/v1/calls").json()[0]["id"]
    api.get("/healthz")
    api.get("/api/v1/queues")
    api.get(f"/api/v1/calls/{call}/trace")
    api.get("/api/v1/queues", client="192.0.2.9", base="http://192.0.2.1:8080")
    api.get("/secret-of-a-scanner")
    api.get("/static/page.js")
    api.get("/")

    found = counted(api)
    assert found["/healthz", "2xx"] == 1
    assert found["/api/v1/queues", "2xx"] == 1
    assert found["/api/v1/calls/{call}/trace", "2xx"] == 1
    assert found["/static", "2xx"] == 1
    assert found["/", "2xx"] == 1
    assert found["none", "4xx"] == 2, "turned away, and nothing there"
    assert not [route for route, _ in found if call in route or "secret" in route]
    assert counted(api)["/metrics", "2xx"] == 1, "the one before; its own is not over yet"


def test_a_fault_of_ours_is_counted_as_one(api):
    api.app.state.controller.snapshot = None
    answer = api.get("/api/v1/queues", crash=False)
    assert answer.status_code == 500
    assert counted(api)["/api/v1/queues", "5xx"] == 1


def test_the_time_of_requests_is_counted(api):
    api.get("/healthz")
    text = api.get("/metrics").text
    assert re.search(r"callcenter_http_request_duration_seconds_count 1(\.0)?$", text, re.MULTILINE)
