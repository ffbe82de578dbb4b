"""Who may do what, from where."""

import pytest
from app.fake_controller import FakeController
from app.test_api import AUTH, TOKEN, Api

pytestmark = pytest.mark.app

ELSEWHERE = "192.0.2.7"


@pytest.fixture
def api():
    return Api(FakeController())


@pytest.mark.parametrize(
    "path", ["/api/v1/queues", "/api/v1/events", "/api/openapi.json", "/api/docs", "/api/nothing"]
)
def test_from_elsewhere_all_of_the_api_needs_the_token(api, path):
    answer = api.get(path, client=ELSEWHERE)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["error"] == "this needs the token"


def test_with_the_token_the_api_can_be_used_from_elsewhere(api):
    assert api.get("/api/v1/queues", client=ELSEWHERE, headers=AUTH).status_code == 200


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-real-ip", "via"])
def test_a_proxy_on_this_machine_does_not_make_the_world_local(api, header):
    assert api.get("/api/v1/queues", headers={header: "for=203.0.113.9"}).status_code == 401


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN]
)
def test_only_the_whole_token_opens(api, value):
    assert api.get("/api/v1/queues", client=ELSEWHERE, headers={"authorization": value}).status_code == 401


def test_a_token_that_is_no_ascii_is_just_wrong(api):
    headers = {b"authorization": "Bearer ümlaut".encode()}

    assert api.get("/api/v1/queues", client=ELSEWHERE, headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/static/page.css"])
def test_health_metrics_and_the_empty_page_are_open(api, path):
    assert api.get(path, client=ELSEWHERE).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_changing_needs_the_token_on_this_machine_too(api, method):
    assert api(method, "/api/v1/agents/1000").status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "169.254.169.254"]
)
def test_a_browser_here_that_was_sent_under_a_foreign_name_is_refused(api, host):
    for path in ("/api/v1/queues", "/", "/metrics"):
        assert api.get(path, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.0.0.2:1"])
def test_local_names_are_served(api, host):
    assert api.get("/api/v1/queues", headers={"host": host}).status_code == 200


def test_a_request_that_is_too_large_is_refused_unread(api):
    headers = {**AUTH, "content-length": str(10**9)}

    assert api("PUT", "/api/v1/config", headers=headers, content=b"{}").status_code == 413


@pytest.mark.parametrize("path", ["/", "/api/v1/queues", "/nothing", "/healthz"])
def test_every_answer_carries_the_headers_that_keep_browsers_safe(api, path):
    headers = api.get(path).headers

    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_answers_of_the_api_are_not_kept(api):
    assert api.get("/api/v1/queues").headers["cache-control"] == "no-store"
