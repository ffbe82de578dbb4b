"""The API as a program sees it."""

import asyncio

import httpx
import pytest
from app.fake_controller import NOW, FakeController, agent_row, call_row, queue_row, snapshot

from py_callcenter.api import Health, WaitErrorRow, WaitRow, create_app, ensure_token, mask_number
from py_callcenter.api.token import TokenError
from py_callcenter.config import Config, Controller, Queue
from py_callcenter.metrics import render

pytestmark = pytest.mark.app

TOKEN = "a-token-for-the-tests"
AUTH = {"authorization": f"Bearer {TOKEN}"}


class Api:
    def __init__(self, controller):
        self.controller = controller
        self.app = create_app(controller, token=TOKEN)

    def __call__(
        self, method, path, *, client="127.0.0.1", base="http://127.0.0.1:8080", crash=True, **options
    ):
        async def ask():
            transport = httpx.ASGITransport(self.app, client=(client, 5000), raise_app_exceptions=crash)
            async with httpx.AsyncClient(transport=transport, base_url=base) as http:
                return await http.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path, **options):
        return self("GET", path, **options)


@pytest.fixture
def controller():
    return FakeController()


@pytest.fixture
def api(controller):
    return Api(controller)


def test_queues_agents_and_calls_can_be_read_here_without_a_token(api):
    queues = api.get("/api/v1/queues").json()
    assert [(row["name"], row["waiting"], row["service_level"]["now_percent"]) for row in queues] == [
        ("support", 2, 87.5),
        ("sales", 0, 87.5),
    ]
    assert api.get("/api/v1/queues/support").json() == queues[0]
    assert [row["state"] for row in api.get("/api/v1/agents").json()] == ["waiting", "in_a_queue_call"]
    assert api.get("/api/v1/agents/1001").json()["call"] == "call-3"
    assert len(api.get("/api/v1/calls").json()) == 3
    assert api.get("/api/v1/calls?queue=sales").json() == []
    assert api.get("/api/v1/calls/call-2").json()["position"] == 2
    assert api.get("/api/v1/nodes").json()[0]["up"] is True
    assert api.get("/api/v1/snapshot").json()["queues"] == queues


def test_the_service_level_names_its_formula(api):
    level = api.get("/api/v1/queues/support").json()["service_level"]

    assert level["window_seconds"] == 1800
    assert level["formula"].startswith("answered in time / ")


def test_a_changed_status_needs_the_token(api, controller):
    body = {"status": "On Break"}
    assert api("PATCH", "/api/v1/agents/1000", json=body).status_code == 401
    assert controller.asked == []

    row = api("PATCH", "/api/v1/agents/1000", json=body, headers=AUTH).json()
    assert (row["status"], row["state"]) == ("On Break", "on_break")
    assert controller.asked == [("set_agent_status", "1000", "On Break")]


@pytest.mark.parametrize(
    "body", [{"status": "Here"}, {}, {"status": 3}, {"status": "On Break", "name": "x"}, []]
)
def test_a_status_that_does_not_exist_changes_nothing(api, controller, body):
    answer = api("PATCH", "/api/v1/agents/1000", json=body, headers=AUTH)

    assert answer.status_code == 400
    assert answer.json().keys() == {"error", "hint"}
    assert controller.asked == []


def test_a_break_has_a_reason_and_may_be_forced_or_taken_back(api, controller):
    body = {"status": "On Break", "reason": "lunch"}
    for more in ({}, {"force": True}):
        assert api("PATCH", "/api/v1/agents/1000", json={**body, **more}, headers=AUTH).status_code == 200
    assert api("DELETE", "/api/v1/agents/1000/break-request", headers=AUTH).status_code == 200
    assert controller.asked == [
        ("set_agent_status", "1000", "On Break", "lunch"),
        ("set_agent_status", "1000", "On Break", "lunch", True),
        ("withdraw_break", "1000"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "lunch"},
        {"force": True},
        {"status": "On Break", "force": True},
        {"status": "On Break", "reason": ""},
        {"status": "On Break", "reason": "x" * 65},
    ],
)
def test_half_a_break_changes_nothing(api, controller, body):
    answer = api("PATCH", "/api/v1/agents/1000", json=body, headers=AUTH)

    assert answer.status_code == 400
    assert answer.json().keys() == {"error", "hint"}
    assert controller.asked == []


def test_wrap_up_can_be_ended_only_when_one_runs(api, controller):
    assert api("DELETE", "/api/v1/agents/1000/wrap-up", headers=AUTH).status_code == 409
    controller.now = snapshot(agents=(agent_row("1000", "wrap_up"),))
    assert api("DELETE", "/api/v1/agents/1000/wrap-up", headers=AUTH).json()["state"] == "waiting"


def test_a_caller_can_be_hung_up(api, controller):
    assert api("DELETE", "/api/v1/calls/call-1", headers=AUTH).status_code == 204
    assert api("DELETE", "/api/v1/calls/call-9", headers=AUTH).status_code == 404
    assert controller.asked == [("hang_up", "call-1"), ("hang_up", "call-9")]


def test_a_call_is_transferred_by_whoever_has_the_token(api, controller):
    path = "/api/v1/calls/call-1/transfer"
    assert api("POST", path, json={"queue": "sales"}).status_code == 401
    assert controller.asked == []
    for body in (
        {"queue": "sales"},
        {"agent": "a2", "keep_wait": False},
        {"to": "voicemail"},
        {"number": "+15550"},
    ):
        assert api("POST", path, json=body, headers=AUTH).status_code == 204
    assert controller.asked == [
        ("transfer_call", "call-1", "queue", "sales", True),
        ("transfer_call", "call-1", "agent", "a2", False),
        ("transfer_call", "call-1", "extension", "voicemail", True),
        ("transfer_call", "call-1", "number", "+15550", True),
    ]
    assert api("POST", "/api/v1/calls/x/transfer", json={"queue": "sales"}, headers=AUTH).status_code == 404


@pytest.mark.parametrize("body", [{}, {"queue": "a", "agent": "b"}, {"inline": "x"}, {"number": "1" * 30}])
def test_a_transfer_to_nowhere_in_particular_is_refused(api, controller, body):
    assert api("POST", "/api/v1/calls/call-1/transfer", json=body, headers=AUTH).status_code in (400, 422)
    assert controller.asked == []


def test_an_agent_consults_somebody_and_comes_back_or_hands_over(api, controller):
    path = "/api/v1/calls/call-1/consult"
    assert api("POST", path, json={"agent": "a2"}).status_code == 401
    assert api("DELETE", path).status_code == 401
    assert controller.asked == []
    assert api("POST", path, json={"agent": "a2"}, headers=AUTH).status_code == 204
    assert api("POST", path, json={"number": "+15550"}, headers=AUTH).status_code == 204
    assert api("POST", path, json={"queue": "sales"}, headers=AUTH).status_code == 204
    assert api("POST", f"{path}/complete", headers=AUTH).status_code == 204
    assert api("DELETE", path, headers=AUTH).status_code == 204
    assert controller.asked == [
        ("consult", "call-1", "agent", "a2"),
        ("consult", "call-1", "number", "+15550"),
        ("consult", "call-1", "queue", "sales"),
        ("complete_consult", "call-1"),
        ("end_consult", "call-1"),
    ]
    for body in ({}, {"agent": "a", "number": "1"}, {"agent": "a", "queue": "b"}, {"to": "x"}):
        assert api("POST", path, json=body, headers=AUTH).status_code in (400, 422)


def test_a_queue_is_diverted_and_taken_back(api, controller):
    order = {"to": "voicemail"}
    assert api("PUT", "/api/v1/queues/support/divert", json=order).status_code == 401
    rows = api("PUT", "/api/v1/queues/support/divert", json=order, headers=AUTH).json()
    assert [(row["name"], row["divert"]) for row in rows] == [("support", "voicemail@default")]
    assert api("DELETE", "/api/v1/queues/support/divert", headers=AUTH).json()[0]["divert"] is None
    assert api("PUT", "/api/v1/queues/nobody/divert", json=order, headers=AUTH).status_code == 404
    everywhere = api("PUT", "/api/v1/divert", json=order, headers=AUTH).json()
    assert [row["name"] for row in everywhere] == ["support", "sales"]
    assert api("DELETE", "/api/v1/divert", headers=AUTH).status_code == 200
    assert controller.asked == [
        ("divert", "support", "voicemail@default"),
        ("divert", "support", None),
        ("divert", "nobody", "voicemail@default"),
        ("divert", None, "voicemail@default"),
        ("divert", None, None),
    ]


@pytest.mark.parametrize("to", ["../x", "a b", "", 'x"', "voicemail@"])
def test_a_place_that_is_none_diverts_nobody(api, controller, to):
    answer = api("PUT", "/api/v1/divert", json={"to": to}, headers=AUTH)

    assert answer.status_code == 400
    assert answer.json()["hint"]
    assert controller.asked == []


def test_a_node_is_drained_and_taken_back(api, controller):
    assert api("PUT", "/api/v1/nodes/fs1/drain").status_code == 401
    assert api("PUT", "/api/v1/nodes/fs1/drain", headers=AUTH).json()["drained"] is True
    assert api("DELETE", "/api/v1/nodes/fs1/drain", headers=AUTH).json()["drained"] is False
    assert api("PUT", "/api/v1/nodes/fs9/drain", headers=AUTH).status_code == 404
    assert controller.asked == [("drain", "fs1", True), ("drain", "fs1", False), ("drain", "fs9", True)]


def test_the_trace_of_a_call(api):
    assert [step["kind"] for step in api.get("/api/v1/calls/call-1/trace").json()] == [
        "queue-entered",
        "offer-made",
    ]
    assert api.get("/api/v1/calls/call-9/trace").status_code == 404


def test_why_a_caller_still_waits(api):
    found = api.get("/api/v1/calls/call-2/why").json()
    assert (found["queue"], found["wanted"], found["closed"]) == ("support", 1, None)
    assert [(one["agent"], one["reason"]) for one in found["agents"]] == [("1000", "wrap_up")]
    assert api.get("/api/v1/calls/call-9/why").status_code == 404


def test_apply_shows_the_difference_and_makes_it_only_without_dry_run(api, controller):
    routing = controller.config.routing()
    routing["queues"][0]["strategy"] = "ring-all"

    dry = api("PUT", "/api/v1/config?dry_run=true", json=routing, headers=AUTH).json()
    assert dry["dry_run"] is True
    assert dry["changes"] == [{"kind": "queue", "name": "support", "what": "changed", "fields": ["strategy"]}]
    assert controller.config.queues[0].strategy == "longest-idle-agent"

    assert api("PUT", "/api/v1/config", json=routing, headers=AUTH).json()["changes"] == dry["changes"]
    assert api.get("/api/v1/config").json()["queues"][0]["strategy"] == "ring-all"


def test_apply_that_would_drop_callers_is_refused(api):
    answer = api("PUT", "/api/v1/config", json={}, headers=AUTH)

    assert answer.status_code == 409
    assert answer.json() == {
        "error": 'queue "support" still has callers',
        "hint": "wait until it is empty, then apply again",
    }


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "the body isn't valid JSON"),
        (b"[]", "the body must be a table of `queues`, `agents`, `tiers`, `breaks`"),
        (b'{"nodes": []}', "the body must be a table of `queues`, `agents`, `tiers`, `breaks`"),
        (b'{"queues": [{"name": "a", "strategy": "x"}]}', 'queues[0].strategy: "x" isn\'t known'),
        (
            b'{"queues": [{"name": 1, "x": 2}]}',
            "queues[0].name: must be text in quotes, not a whole number (and 1 more)",
        ),
        (b'{"tiers": [{"queue": "a", "agent": "b"}]}', 'there is no queue "a"'),
        (b"NaN", "the body isn't valid JSON"),
        (b"[" * 5000, "the body isn't valid JSON"),
    ],
)
def test_a_bad_configuration_is_refused_with_the_first_reason(api, controller, body, error):
    answer = api("PUT", "/api/v1/config", content=body, headers=AUTH)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert controller.asked == []


def test_health_tells_a_balancer_by_its_status(api, controller):
    assert api.get("/healthz").status_code == 200
    assert api.get("/readyz").json() == {"ok": True, "reasons": [], "notes": []}

    controller.routing = Health(ok=False, reasons=("no switch is connected",))
    assert api.get("/healthz").status_code == 200
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["no switch is connected"])

    controller.gone = True
    assert api.get("/readyz").json() == {"ok": False, "reasons": ["the controller is stopping"], "notes": []}


def test_a_controller_that_is_gone_is_503_everywhere(api, controller):
    controller.gone = True

    answer = api.get("/api/v1/queues")
    assert (answer.status_code, answer.json()["error"]) == (503, "the controller is stopping")


def test_metrics_are_prometheus_text(api, controller):
    answer = api.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'callcenter_queue_calls_waiting{queue="support"} 2\n' in answer.text
    expected = render(asyncio.run(controller.metrics()))[0].decode()
    names = {line.split()[2] for line in expected.splitlines() if line.startswith("# TYPE")}
    assert names == {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("POST", "/metrics", 405),
        ("GET", "/static/../app.py", 404),
    ],
)
def test_errors_have_one_shape(api, method, path, status):
    answer = api(method, path)

    assert answer.status_code == status
    assert answer.json().keys() == {"error", "hint"}


def test_a_mistake_of_ours_gives_nothing_away(api, controller, monkeypatch):
    async def broken():
        raise RuntimeError("the password is ClueCon")

    monkeypatch.setattr(controller, "snapshot", broken)
    answer = api.get("/api/v1/queues", crash=False)

    assert answer.status_code == 500
    assert "ClueCon" not in answer.text


def test_a_waiting_caller_is_moved_and_ranked(api, controller):
    answer = api("PATCH", "/api/v1/calls/call-2", json={"queue": "sales", "priority": 7}, headers=AUTH)

    assert (answer.status_code, answer.json()["priority"]) == (200, 7)
    assert controller.asked == [
        ("move_call", "call-2", "sales", True),
        ("rank_call", "call-2", 7, None, None),
    ]
    for body, status in (
        ({}, 400),
        ({"priority": 101}, 400),
        ({"base_score": 10**12}, 400),
        ({"sing": True}, 400),
        ({"queue": "nope"}, 404),
    ):
        assert api("PATCH", "/api/v1/calls/call-2", json=body, headers=AUTH).status_code == status
    assert api("PATCH", "/api/v1/calls/call-3", json={"queue": "sales"}, headers=AUTH).status_code == 409
    assert api("PATCH", "/api/v1/calls/call-2", json={"queue": "sales"}).status_code == 401


def test_an_agent_is_held_back_and_the_wrap_up_extended(api, controller):
    answer = api("PATCH", "/api/v1/agents/1000", json={"ready_in": 30, "external_calls": 1}, headers=AUTH)

    assert answer.json()["ready_at"] == NOW + 30
    assert controller.asked == [("set_external_calls", "1000", 1), ("hold_agent", "1000", 30)]
    assert api("PATCH", "/api/v1/agents/1000", json={}, headers=AUTH).status_code == 400
    assert api("PATCH", "/api/v1/agents/1000", json={"ready_in": -1}, headers=AUTH).status_code == 400
    assert api("PUT", "/api/v1/agents/1000/wrap-up", json={"seconds": 60}, headers=AUTH).status_code == 409
    controller.now = snapshot(agents=(agent_row("1000", "wrap_up"),))
    answer = api("PUT", "/api/v1/agents/1000/wrap-up", json={"seconds": 60}, headers=AUTH)
    assert answer.json()["ready_at"] == NOW + 60


def test_an_expected_wait_that_is_not_known_is_null(api, controller):
    known = WaitRow(low=40, high=70, p10=20, p90=90)
    error = WaitErrorRow(answers=211, bias=0.02, error=0.2, inside=0.79)
    controller.now = snapshot(
        queues=(queue_row("support", 1, expected_wait=known, expected_wait_error=error), queue_row("sales")),
        calls=(call_row("call-1", expected_wait=known),),
    )

    support, sales = api.get("/api/v1/queues").json()

    assert support["expected_wait"] == {"low": 40, "high": 70, "p10": 20, "p90": 90}
    assert support["expected_wait_error"]["inside"] == 0.79
    assert sales["expected_wait"] is None
    assert api.get("/api/v1/calls").json()[0]["expected_wait"]["high"] == 70


def test_openapi_names_every_operation_once_and_for_ever(api):
    spec = api.get("/api/openapi.json").json()
    names = [op["operationId"] for path in spec["paths"].values() for op in path.values()]

    assert sorted(names) == [
        "apply_config", "change_call", "complete_consult", "consult", "divert_all", "divert_queue",
        "drain_node", "end_consult", "end_wrap_up", "erase_caller", "explain_call", "get_agent",
        "get_call", "get_config", "get_events", "get_queue", "get_report", "get_snapshot", "hang_up",
        "healthz", "list_agents", "list_calls", "list_nodes", "list_queues", "list_report_emails",
        "metrics", "preview_report_email", "readyz", "rotate_key", "send_report_email", "set_agent",
        "set_wrap_up", "trace_call", "transfer_call", "undivert_all", "undivert_queue", "undrain_node",
        "withdraw_break",
    ]  # fmt: skip
    assert "Routing" in spec["components"]["schemas"]


def test_pages_load_nothing_from_elsewhere(api):
    for path in (
        "/",
        "/api/docs",
        "/static/page.js",
        "/static/feed.js",
        "/static/page.css",
        "/static/docs.js",
    ):
        answer = api.get(path)
        assert answer.status_code == 200
        assert "https://" not in answer.text
        assert "http://" not in answer.text.replace("http://www.w3.org", "")


def test_numbers_are_masked():
    assert mask_number("+493012345678") == "+493••••••678"
    assert mask_number("004912345678") == "004••••••678"
    assert mask_number("1234") == "••34"
    assert mask_number("12") == "•"
    assert mask_number("anonymous") == "unknown"
    assert mask_number("<script>") == "unknown"


def test_a_token_is_made_once_and_for_its_owner_only(tmp_path):
    controller = Controller(state=str(tmp_path / "state"))
    token = ensure_token(controller)

    path = tmp_path / "state" / "token"
    assert (len(token), path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (64, 0o600, 0o700)
    assert ensure_token(controller) == token
    path.chmod(0o644)
    with pytest.raises(TokenError, match="chmod 600"):
        ensure_token(controller)


def test_config_of_the_running_controller_survives_a_round_trip(api):
    assert Config.model_validate(api.get("/api/v1/config").json(), by_alias=True, by_name=False).queues[
        0
    ] == Queue(name="support")
