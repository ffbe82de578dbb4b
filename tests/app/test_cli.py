"""The command line as an operator types it."""

import json
from dataclasses import replace
from typing import get_args

import pytest
from app.fake_controller import FakeController, agent_row, call_row, queue_row, snapshot
from typer.testing import CliRunner

from py_callcenter._router import Router
from py_callcenter.api import WaitErrorRow, WaitRow, create_app
from py_callcenter.api.port import BreakRow
from py_callcenter.api.server import ApiServer, ListenError
from py_callcenter.cli.commands import app
from py_callcenter.cli.start import CliError, Starting
from py_callcenter.config import Strategy, load
from py_callcenter.engine import Engine
from py_callcenter.engine.records import CallOffered, OfferMade
from py_callcenter.store import Database, Store
from py_callcenter.store.spool import Spool

pytestmark = pytest.mark.app

TOKEN = "a-token-for-the-tests"

CONFIG = """\
[controller]
listen = "127.0.0.1:{port}"
[[nodes]]
name = "fs1"
password = "ClueCon"
[[queues]]
name = "support"
[[queues]]
name = "sales"
[[agents]]
name = "1000"
contact = "user/1000@example.org"
[[agents]]
name = "1001"
contact = "user/1001@example.org"
[[tiers]]
queue = "support"
agent = "1000"
[[tiers]]
queue = "support"
agent = "1001"
"""


class Shell:
    """Runs `callcenter …` with one configuration file."""

    def __init__(self, folder):
        self.file = folder / "callcenter.toml"

    def __call__(self, *words, code=0, config=True):
        environment = {"CALLCENTER_CONFIG": str(self.file) if config else ""}
        result = CliRunner().invoke(app, list(words), env=environment)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    def out(self, *words, **options):
        return self(*words, **options).stdout

    def err(self, *words, **options):
        return self(*words, **options).stderr


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path)


@pytest.fixture
def stopped(shell):
    """No controller runs: nothing listens on a port that was free a moment ago."""
    server = ApiServer("127.0.0.1", 0)
    shell.file.write_text(CONFIG.format(port=server.port))
    server.stop()
    return shell


@pytest.fixture
def controller():
    return FakeController()


@pytest.fixture
def running(shell, tmp_path, controller):
    server = ApiServer("127.0.0.1", 0)
    server.start(create_app(controller, token=TOKEN))
    shell.file.write_text(CONFIG.format(port=server.port))
    state = tmp_path / "state"
    state.mkdir(0o700)
    (state / "token").touch(0o600)
    (state / "token").write_text(TOKEN + "\n")
    yield shell
    server.stop()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr("py_callcenter.cli.support.time.time", lambda: 1_795_000_000.0)


def test_queue_list(running):
    assert running.out("queue", "list").splitlines() == [
        (
            "QUEUE    STRATEGY            WAITING  LONGEST  EXPECTED  SERVICE LEVEL  OFFERED  ANSWERED"
            "  ABANDONED"
        ),
        (
            "support  longest-idle-agent        2     0:12         -    88 % / 80 %       40        34"
            "          3"
        ),
        (
            "sales    longest-idle-agent        0        -         -    88 % / 80 %       40        34"
            "          3"
        ),
    ]


def test_agent_list(running):
    assert running.out("agent", "list") == (
        "AGENT  STATUS     STATE            SINCE  QUEUE    WITH           ANSWERED  TALKED\n"
        "1000   Available  waiting           1:01  -        -                     7   21:00\n"
        "1001   Available  in_a_queue_call   1:30  support  +49•••••••456         7   21:00\n"
    )


def test_call_list(running):
    assert running.out("call", "list") == (
        "CALL    QUEUE    PLACE  STATE    SINCE  WAITED SINCE  EXPECTED  CALLER         AGENT\n"
        "call-1  support      1  waiting   0:12          0:12  -         +49•••••••123  -\n"
        "call-2  support      2  waiting   0:04          0:04  -         +49•••••••123  -\n"
        "call-3  support      -  talking   1:30          0:12  -         +49•••••••123  1001\n"
    )


def test_calls_of_a_queue_that_is_none_are_no_empty_list(running):
    assert "support" in running.out("call", "list", "--queue", "support")
    assert running.err("call", "list", "--queue", "suport", code=2).startswith(
        'error: there is no queue "suport"\nhint: known: support'
    )


def test_lists_are_json_for_programs(running):
    assert [row["name"] for row in json.loads(running.out("queue", "list", "--json"))] == ["support", "sales"]
    assert json.loads(running.out("agent", "list", "--json"))[1]["call"] == "call-3"
    assert len(json.loads(running.out("call", "list", "--json", "--queue", "support"))) == 3
    assert json.loads(running.out("call", "list", "--json", "--queue", "sales")) == []


def test_call_trace(running):
    assert running.out("call", "trace", "call-1") == (
        "AFTER  WHAT               DETAILS\n"
        "0.000  entered the queue  queue=support\n"
        "1.000  rang an agent      agent=1000\n"
    )
    assert running.err("call", "trace", "call-9", code=2) == (
        "error: nothing is known of this call\nhint: see `callcenter call list`\n"
    )


def test_queue_show(running):
    out = running.out("queue", "show", "support")
    assert out.startswith(
        "QUEUE             support\nstrategy          longest-idle-agent\nwaiting           2\n"
    )
    assert "call-1" in out
    assert "in_a_queue_call" in out
    shown = json.loads(running.out("queue", "show", "support", "--json"))
    assert shown["settings"]["agent-originate-timeout"] == 20
    assert running.err("queue", "show", "nope", code=2) == (
        'error: there is no queue "nope"\nhint: known: support, sales\n'
    )


def test_an_agents_status_is_set_at_once(running, controller):
    assert running.out("agent", "set", "1000", "status", "On Break") == "1000: On Break (on_break)\n"
    assert controller.asked == [("set_agent_status", "1000", "On Break")]
    assert running.err("agent", "set", "1000", "status", "Asleep", code=2) == (
        'error: "Asleep" is no status\n'
        'hint: one of: "Available", "Available (On Demand)", "On Break", "Logged Out"\n'
    )
    assert "there is no agent" in running.err("agent", "set", "9", "status", "On Break", code=2)


def test_a_break_with_a_reason_is_asked_for_and_taken_back(running, controller):
    lunch = ("agent", "set", "1000", "status", "on break", "--reason", "lunch")
    running.out(*lunch)
    running.out(*lunch, "--force")
    running.out("agent", "set", "1000", "break-request", "off")
    assert controller.asked == [
        ("set_agent_status", "1000", "On Break", "lunch"),
        ("set_agent_status", "1000", "On Break", "lunch", True),
        ("withdraw_break", "1000"),
    ]
    assert "has no reason" in running.err("agent", "set", "1000", "wrap-up", "5", "--reason", "x", code=2)
    assert "needs no force" in running.err("agent", "set", "1000", "status", "On Break", "--force", code=2)
    assert "one of: off" in running.err("agent", "set", "1000", "break-request", "on", code=2)


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ({"reason": "lunch", "since": 1.0, "until": 2.0, "overdue": True}, "On Break (lunch, overdue)"),
        ({"asked": "lunch", "asked_at": 1.0, "place": 2}, "Available (asks for lunch: place 2 in the line)"),
        (
            {"asked": "lunch", "asked_at": 1.0, "place": 0},
            "Available (asks for lunch: after call and wrap-up)",
        ),
    ],
)
def test_agents_are_listed_with_their_breaks(running, controller, rest, words):
    nothing = {
        "reason": None,
        "since": None,
        "until": None,
        "overdue": False,
        "asked": None,
        "asked_at": None,
    }
    row = BreakRow(**{**nothing, "place": None, **rest})
    state = "on_break" if row.reason else "waiting"
    agent = replace(agent_row("1000", state), status=words.partition(" (")[0], rest=row)
    controller.now = snapshot(agents=(agent,))
    assert words in running.out("agent", "list")
    assert json.loads(running.out("agent", "list", "--json"))[0]["rest"] == {**nothing, "place": None, **rest}


def test_a_wrap_up_is_ended(running, controller):
    assert "no wrap-up" in running.err("agent", "set", "1000", "ready-time", "now", code=1)
    controller.now = snapshot(agents=(agent_row("1000", "wrap_up"),))
    assert running.out("agent", "set", "1000", "ready_time", "now") == "1000: Available (waiting)\n"


def test_a_wrap_up_is_extended_and_calls_are_held_back(running, controller):
    controller.now = snapshot(agents=(agent_row("1000", "wrap_up"),))
    running.out("agent", "set", "1000", "wrap-up", "90")
    running.out("agent", "set", "1000", "ready-time", "30")
    assert running.out("agent", "set", "1000", "external-calls", "2") == "1000: Available (busy_elsewhere)\n"
    assert controller.asked == [
        ("set_wrap_up", "1000", 90),
        ("hold_agent", "1000", 30),
        ("set_external_calls", "1000", 2),
    ]
    assert "isn't seconds or `now`" in running.err("agent", "set", "1000", "wrap-up", "soon", code=2)
    assert "external_calls" in running.err("agent", "set", "1000", "external-calls", "-1", code=2)


def test_a_call_is_transferred(running, controller):
    assert "call trace call-2" in running.out("call", "transfer", "call-2", "agent", "1001")
    assert controller.asked == [("transfer_call", "call-2", "agent", "1001", True)]
    assert "no kind of destination" in running.err("call", "transfer", "call-2", "inline", "x", code=2)


def test_an_agent_consults_by_command(running, controller):
    running.out("call", "consult", "call-2", "agent", "1001")
    running.out("call", "consult", "call-2", "queue", "sales")
    running.out("call", "consult", "call-2", "complete")
    running.out("call", "consult", "call-2", "return")
    assert controller.asked == [
        ("consult", "call-2", "agent", "1001"),
        ("consult", "call-2", "queue", "sales"),
        ("complete_consult", "call-2"),
        ("end_consult", "call-2"),
    ]
    assert "isn't clear" in running.err("call", "consult", "call-2", "agent", code=2)


def test_a_waiting_caller_is_moved_and_ranked(running, controller):
    out = running.out("call", "set", "call-2", "queue", "sales")
    assert "sales" in out
    running.out("call", "set", "call-2", "priority", "7")
    running.out("call", "set", "call-2", "base_score", "-60")
    running.out("call", "set", "call-2", "skills", "billing")
    assert controller.asked == [
        ("move_call", "call-2", "sales", True),
        ("rank_call", "call-2", 7, None, None),
        ("rank_call", "call-2", None, -60, None),
        ("rank_call", "call-2", None, None, "billing"),
    ]
    assert "nothing that can be set" in running.err("call", "set", "call-2", "colour", "red", code=2)
    assert "doesn't wait" in running.err("call", "set", "call-3", "priority", "1", code=1)


def test_the_expected_wait_is_a_range_or_nothing(running, controller):
    known = WaitRow(low=40, high=70, p10=20, p90=90)
    error = WaitErrorRow(answers=211, bias=-0.02, error=0.2, inside=0.79)
    controller.now = snapshot(
        queues=(queue_row("support", 1, expected_wait=known, expected_wait_error=error), queue_row("sales")),
        calls=(call_row("call-1", expected_wait=known),),
    )

    lines = running.out("queue", "list").splitlines()
    assert "0:40 to 1:10" in lines[1]
    assert "to" not in lines[2]
    shown = running.out("queue", "show", "support")
    assert "211 judged, -2% on average, 79% within the range that should hold 80%" in shown
    assert shown.count("0:40 to 1:10") == 2


def test_a_lasting_setting_of_an_agent_goes_through_apply(running, controller):
    result = running("agent", "set", "1000", "wrap-up-time", "25")

    assert (result.stdout, result.stderr) == ("changed  agent  1000: wrap-up-time\n", "1 change made\n")
    assert controller.config.agents[0].wrap_up_time == 25
    assert running.err("agent", "set", "1000", "wrap-up-time", "long", code=2).startswith(
        "error: wrap-up-time: must be a number\n"
    )


def test_apply_shows_first_and_changes_then(running, controller, tmp_path):
    new = tmp_path / "new.toml"
    new.write_text(
        running.file.read_text().replace('name = "sales"', 'name = "sales"\nstrategy = "ring-all"')
    )

    dry = running("apply", str(new), "--dry-run")
    assert (dry.stdout, dry.stderr) == ("changed  queue  sales: strategy\n", "1 change would be made\n")
    assert controller.config.queues[1].strategy == "longest-idle-agent"
    assert running.err("apply", str(new)) == "1 change made\n"
    assert controller.config.queues[1].strategy == "ring-all"
    assert running.err("apply", str(new)) == "nothing to change\n"


def test_apply_that_would_drop_callers_fails_and_changes_nothing(running, controller, tmp_path):
    new = tmp_path / "new.toml"
    new.write_text(running.file.read_text().partition("[[queues]]")[0])
    before = controller.config

    assert running.err("apply", str(new), code=1) == (
        'error: queue "support" still has callers\nhint: wait until it is empty, then apply again\n'
    )
    assert controller.config is before


def test_a_token_that_may_not_be_read_is_explained(running, tmp_path):
    (tmp_path / "state" / "token").chmod(0o644)

    assert "chmod 600" in running.err("queue", "list", code=1)
    (tmp_path / "state" / "token").unlink()
    assert running.err("queue", "list", code=1).startswith("error: the token can't be read: No such file")


def test_a_queue_and_all_queues_are_diverted_by_one_command(running, controller):
    assert (
        running.out("queue", "divert", "support", "voicemail") == "support: diverted to voicemail@default\n"
    )
    assert running.out("queue", "divert", "support", "off") == "support: not diverted\n"
    said = running.out("queue", "divert", "--all", "hangup")
    assert said == "support: diverted to hangup\nsales: diverted to hangup\n"
    running("queue", "divert", "--all", "off")
    assert controller.asked == [
        ("divert", "support", "voicemail@default"),
        ("divert", "support", None),
        ("divert", None, "hangup"),
        ("divert", None, None),
    ]


@pytest.mark.parametrize(
    "words", [["support"], ["--all", "support", "x"], ["support", "../x"], ["nobody", "x"]]
)
def test_a_divert_that_makes_no_sense_is_bad_input(running, words):
    assert "hint: " in running.err("queue", "divert", *words, code=2)


def test_a_node_is_drained(running):
    assert running.out("node", "drain", "fs1") == "fs1: drained, no new offers\n"
    assert running.out("node", "undrain", "fs1") == "fs1: not drained\n"
    assert "no such node" in running.err("node", "drain", "fs9", code=2)
    assert "fs1" in running.out("node", "list")


def test_with_no_controller_nobody_can_be_diverted(stopped):
    assert "no controller runs" in stopped.err("queue", "divert", "--all", "voicemail", code=1)
    assert "fs1" in stopped.out("node", "list")


def test_with_no_controller_the_database_answers(stopped):
    result = stopped("apply", str(stopped.file))
    assert result.stdout.splitlines() == [
        "added    queue  support",
        "added    queue  sales",
        "added    agent  1000",
        "added    agent  1001",
        "added    tier   support / 1000",
        "added    tier   support / 1001",
    ]
    assert result.stderr == "6 changes made in the database; no controller runs\n"
    assert stopped.err("apply", str(stopped.file)) == "nothing to change\n"

    stopped("agent", "set", "1000", "wrap-up-time", "25")
    result = stopped("agent", "list")
    assert result.stderr == "no controller runs; this is what it would start with\n"
    assert "1000   Logged Out  -" in result.stdout
    assert json.loads(stopped.out("queue", "list", "--json"))[0]["waiting"] is None
    shown = json.loads(stopped.out("queue", "show", "support", "--json"))
    assert len(shown["agent_rows"]) == 2


def test_with_no_controller_a_status_waits_in_the_database_for_the_next_start(stopped, tmp_path):
    stopped("apply", str(stopped.file))
    result = stopped("agent", "set", "1000", "status", "available")
    assert result.stdout == "1000: Available\n"
    assert result.stderr == "no controller runs; it is in the database and holds from the next start on\n"

    rows = json.loads(stopped.out("agent", "list", "--json"))
    assert [(row["name"], row["status"]) for row in rows] == [("1000", "Available"), ("1001", "Logged Out")]

    stopped("agent", "set", "1000", "status", "On Break")
    store = Store.open(f"sqlite:///{tmp_path}/callcenter.db")
    try:
        engine = Engine(
            load(stopped.file),
            Router(),
            key=b"k" * 32,
            epoch=1,
            start_us=1_800_000_000_000_000,
            statuses=store.database.statuses(),
        )
    finally:
        store.close()
    lines = {line.name: line.status for line in engine.view(1_800_000_000_000_000).agents}
    assert lines == {"1000": "On Break", "1001": "Logged Out"}


def test_with_no_controller_a_wrap_up_is_over_at_the_next_start(stopped, tmp_path):
    stopped("apply", str(stopped.file))
    assert stopped.out("agent", "set", "1000", "ready-time", "now") == "1000: Logged Out\n"
    with Database.open(f"sqlite:///{tmp_path}/callcenter.db") as database:
        [record] = database.read()
    assert record.kind == "agent-wrap-up"
    assert record.body["until_us"] == record.at_us


def test_with_no_controller_an_agent_who_is_not_there_changes_nothing(stopped):
    for words in (("status", "Available"), ("ready-time", "now")):
        assert stopped.err("agent", "set", "1009", *words, code=2) == (
            'error: there is no agent "1009"\nhint: known: 1000, 1001\n'
        )
    assert stopped.err("agent", "set", "1000", "status", "Lunch", code=2).startswith(
        'error: "Lunch" is no status\nhint: one of: "Available", '
    )
    assert {row["status"] for row in json.loads(stopped.out("agent", "list", "--json"))} == {"Logged Out"}


def test_a_status_that_the_database_takes_for_old_news_is_not_reported_as_done(stopped, monkeypatch):
    stopped("agent", "set", "1000", "status", "Available")
    monkeypatch.setattr("py_callcenter.cli.client.time.time_ns", lambda: 1_000_000_000)

    error = stopped.err("agent", "set", "1000", "status", "On Break", code=1)

    assert error.startswith('error: "1000" stays Available: the database holds a later change')


def test_a_call_that_nobody_knows_is_said_so(stopped):
    assert stopped.err("call", "trace", "x", code=2).startswith("error: nothing is known of this call\n")


def test_with_no_controller_a_calls_story_is_told_in_the_same_words(stopped, tmp_path):
    stopped("apply", str(stopped.file))
    with Database.open(f"sqlite:///{tmp_path}/callcenter.db") as database:
        database.append([
            CallOffered(node="fs1", epoch=1, sequence=1, at_us=1_000_000, call="c1", queue="support"),
            OfferMade(
                node="fs1", epoch=1, sequence=2, at_us=1_250_000,
                call="c1", queue="support", agent="1000", attempt=1,
            ),
        ])  # fmt: skip
    told = stopped.out("call", "trace", "c1").splitlines()
    assert told[1].startswith("0.000  reached queue support")
    assert told[2].startswith("0.250  agent 1000 is rung (attempt 1)")


def test_a_good_file(stopped):
    assert stopped.out("config", "check", "callcenter.toml") == (
        "callcenter.toml: ok (1 node, 2 queues, 2 agents, 2 tiers)\n"
    )


BAD = """\
[[nodes]]
name = "fs1"
password = "x"
[[queues]]
name = "support"
strategy = "fastest"
[[tiers]]
queue = "support"
agent = "1000"
"""


def test_a_bad_file_shows_all_problems_with_lines_and_starts_nothing(shell):
    shell.file.write_text(BAD)
    known = ", ".join(f'"{name}"' for name in get_args(Strategy))
    problems = (
        'error: callcenter.toml:6: queues[0].strategy: "fastest" isn\'t known\n'
        f"hint: one of: {known}\n"
        'error: callcenter.toml:9: tiers[0].agent: there is no agent "1000"\n'
        "hint: add it under [[agents]]\n"
    )

    assert shell.err("config", "check", "callcenter.toml", code=2) == problems + "2 problems\n"
    for command in (["apply", "callcenter.toml"], ["run", "-c", "callcenter.toml"]):
        assert shell.err(*command, code=2) == problems
    assert [
        row["line"] for row in json.loads(shell.out("config", "check", "callcenter.toml", "--json", code=2))
    ] == [6, 9]
    assert sorted(path.name for path in shell.file.parent.iterdir()) == ["callcenter.toml"]


def test_no_file_at_all(shell):
    assert shell.err("queue", "list", code=2, config=False).startswith(
        "error: no configuration file\nhint: name one"
    )


def test_the_schema_is_json(shell):
    assert json.loads(shell.out("config", "schema"))["title"] == "callcenter.toml"


def test_a_wrong_command_is_bad_input(shell):
    assert "frobnicate" in shell.err("frobnicate", code=2)
    assert "--nope" in shell.err("queue", "list", "--nope", code=2)
    assert shell.err("run", "-c", "callcenter.toml", "--log-level", "loud", code=2).startswith("error: ")


def test_text_from_elsewhere_can_not_move_the_cursor(shell):
    assert shell.err("queue", "show", "x", "-c", "a\x1b[2J\nb.toml", code=2).startswith(
        "error: a\\x1b[2J\\nb.toml:1:"
    )


def test_a_state_folder_that_cannot_be_is_said_by_its_own_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CliError) as caught, Starting():
        Spool(tmp_path / "file" / "spool")
    assert caught.value.message.endswith("spool can't be used: Not a directory")
    assert caught.value.hint.startswith("check `state` under [controller]")


def test_a_taken_address_is_said_plainly():
    first = ApiServer("127.0.0.1", 0)
    with pytest.raises(
        ListenError, match=f"can't listen on 127.0.0.1 port {first.port}: Address already in use"
    ):
        ApiServer("127.0.0.1", first.port)
    first.stop()


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1", "127.0.0.1:99999", "::1:8080"])
def test_a_demo_on_an_address_that_is_none_says_what_one_looks_like(shell, listen):
    result = shell("demo", "--listen", listen, code=2, config=False)
    assert "error: --listen: " in result.stderr
    assert "127.0.0.1:8080" in result.stderr


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"])
def test_a_demo_is_for_this_machine_only(shell, listen):
    assert "this machine only" in shell.err("demo", "--listen", listen, code=2, config=False)
