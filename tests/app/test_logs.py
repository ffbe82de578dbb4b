"""A log line is one line, tells what happened, and gives nobody away."""

import io
import json
import logging

import pytest
import structlog

from py_callcenter import logs

pytestmark = pytest.mark.app


@pytest.fixture
def lines():
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    out = io.StringIO()
    logs.set_up("json", stream=out)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:], root.level = before


def test_a_line_is_json_with_time_level_and_event(lines):
    structlog.get_logger("t").warning("call_for_unknown_queue", call="c-1")

    (line,) = lines()
    assert (line["event"], line["level"], line["call"]) == ("call_for_unknown_queue", "warning", "c-1")
    assert line["timestamp"].endswith("Z")


def test_secrets_and_callers_are_blanked_by_the_fields_name(lines):
    structlog.get_logger("t").info(
        "x",
        password="p",
        esl_password="p",
        token="t",
        caller_number="+4930",
        number="1",
        caller_name="Ann",
        node="fs1",
    )

    (line,) = lines()
    assert [line[key] for key in ("password", "esl_password", "token")] == ["[secret]"] * 3
    assert [line[key] for key in ("caller_number", "number", "caller_name")] == ["[personal]"] * 3
    assert line["node"] == "fs1"


def test_nobody_can_forge_a_line_or_paint_the_terminal(lines):
    structlog.get_logger("t").info("x", reason='a\n{"event": "forged"}\r\x1b[31m\u2028' + "y" * 1000)

    (line,) = lines()
    assert "\\n" in line["reason"]
    assert "\\x1b" in line["reason"]
    assert len(line["reason"]) < 600


def test_other_libraries_go_the_same_way(lines):
    logging.getLogger("some.library").error("it said %s", "x\ny")

    (line,) = lines()
    assert line["event"] == "it said x\\ny"


def test_a_traceback_stays_in_its_line(lines):
    try:
        int("boom\nforged")
    except ValueError:
        structlog.get_logger("t").exception("request_failed")

    (line,) = lines()
    assert "ValueError: invalid literal" in line["exception"]


def test_on_a_terminal_lines_are_for_people():
    out = io.StringIO()
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    logs.set_up("console", stream=out)
    structlog.get_logger("t").info("listening", url="http://127.0.0.1:8080")
    structlog.reset_defaults()
    root.handlers[:], root.level = before

    assert "listening" in out.getvalue()
    assert "url=http://127.0.0.1:8080" in out.getvalue()
