import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from py_callcenter.config import (
    HANGUP,
    Agent,
    Config,
    Controller,
    Exit,
    Node,
    Queue,
    RuleError,
    Tier,
    check_contact,
    difference,
    expand_record_template,
    json_schema,
    load,
    set_agent_key,
)

pytestmark = pytest.mark.unit

CONTRACT = """\
[controller]
listen   = "127.0.0.1:8080"
database = "sqlite:///callcenter.db"
[[nodes]]
name = "fs1"
host = "127.0.0.1"
port = 8021
password = "ClueCon"
[[queues]]
name = "support"
strategy = "longest-idle-agent"
service-level = { seconds = 20, percent = 80 }
moh-sound = "local_stream://moh"
skills = "language:fa >= 3 and billing"
max-wait-time = 0.5
on-timeout = "voicemail@default"
[[agents]]
name = "1000"
type = "callback"
contact = "user/1000@example.org"
status = "Available"
wrap-up-time = 10
skills = { billing = 3, "language:fa" = 5 }
[[tiers]]
queue = "support"
agent = "1000"
level = 1
position = 1
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "callcenter.toml"
    path.write_text(CONTRACT)
    return path


def test_the_contracts_file_loads(file):
    config = load(file)

    assert config.queues[0].on_timeout == Exit("voicemail", "default")
    assert config.queues[0].on_full == HANGUP
    assert config.queues[0].max_wait_time_us == 500_000
    assert config.queues[0].service_level.us == 20_000_000
    assert config.agents[0].contacts == ("user/1000@example.org",)
    assert config.agents[0].wrap_up_time_us == 10_000_000
    assert config.nodes[0].secret == "ClueCon"
    assert config.controller.listen_port == 8080


def test_relative_paths_belong_to_the_files_folder(file, tmp_path):
    controller = load(file).controller

    assert controller.database == f"sqlite:///{tmp_path}/callcenter.db"
    assert controller.state == str(tmp_path / "state")


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:////x/y.db", "postgresql+psycopg://u@h/d"]
)
def test_other_databases_are_left_as_they_are(file, url):
    file.write_text(CONTRACT.replace("sqlite:///callcenter.db", url))

    assert load(file).controller.database == url


def test_a_password_out_of_a_file(file, tmp_path):
    (tmp_path / "pw").write_text("from the file\nnot this\n")
    file.write_text(CONTRACT.replace('password = "ClueCon"', 'password-file = "pw"'))

    assert load(file).nodes[0].secret == "from the file"


def test_defaults_are_mod_callcenters_or_said_so():
    queue, agent = Queue(name="q"), Agent(name="a", contacts=("user/1",))

    assert (queue.strategy, queue.agent_no_answer_status) == ("longest-idle-agent", "On Break")
    assert queue.max_wait_time_with_no_agent_time_reached == 5
    assert queue.agent_originate_timeout == 20
    assert (agent.status, agent.max_no_answer, agent.wrap_up_time) == ("Logged Out", 3, 10)


def test_an_extension_without_context_is_in_default():
    assert str(Queue(name="q", on_full="5000").on_full) == "5000@default"


def test_a_configuration_made_in_python_is_checked_as_well():
    with pytest.raises(ValidationError, match="there is no queue"):
        Config(tiers=(Tier(queue="q", agent="a"),))


def test_nothing_can_be_changed_afterwards(file):
    with pytest.raises(ValidationError):
        load(file).queues[0].name = "x"


def test_what_the_database_keeps_comes_back_the_same_and_holds_no_secret(file):
    config = load(file)
    kept = json.loads(json.dumps(config.routing()))

    assert config.with_routing(kept) == config
    assert "ClueCon" not in json.dumps(kept)


def test_the_schema_accepts_what_we_accept_and_refuses_typing_errors():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    good = tomllib.loads(CONTRACT)
    jsonschema.validate(good, schema)
    for wrong in ({"queues": [{"name": "a", "strategy": "x"}]}, {"queue": []}, {"agents": [{"name": "a"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_the_schema_tells_an_editor_what_each_setting_means():
    schema = json_schema()
    told = {
        (part, name): value["description"]
        for part, fields in schema["$defs"].items()
        for name, value in fields["properties"].items()
        if "description" in value
    }

    assert told["Agent", "busy-delay-time"] == "Rest after the phone was busy."
    assert {part for part, _name in told} == {
        "Agent",
        "BreakReason",
        "Breaks",
        "Controller",
        "Mail",
        "Node",
        "Queue",
        "Recipient",
        "Tier",
    }


def test_the_schema_takes_one_phone_or_a_list():
    def takes(contact):
        agents = {"agents": [{"name": "a", "contact": contact}]}
        return jsonschema.Draft202012Validator(json_schema()).is_valid(agents)

    assert takes("user/1")
    assert takes(["user/1", "user/2"])
    assert not takes(1)
    assert not takes(["user/1", 2])


def test_recordings_get_a_name_that_stays_in_its_folder():
    template = "/rec/{date}/{queue}-{agent}-{call}.wav"
    path = expand_record_template(
        template, call="c-1", queue="Team A", agent="10 00", at_us=1_795_300_000_000_000
    )

    assert path == "/rec/20261121/Team_A-10_00-c-1.wav"
    with pytest.raises(RuleError):
        expand_record_template("/rec/{queue}/{call}.wav", call="c", queue="..", agent="a", at_us=0)


def test_the_difference_names_entries_and_keys_in_an_order_that_can_be_carried_out():
    def config(queue, agents, tiers):
        return Config(
            queues=(queue,),
            agents=tuple(Agent(name=name, contacts=("user/1",)) for name in agents),
            tiers=tuple(Tier(queue=queue.name, agent=name) for name in tiers),
        )

    old = config(Queue(name="q"), ["1", "2"], ["1", "2"])
    new = config(Queue(name="q", strategy="ring-all", max_wait_time=9), ["1", "3"], ["1", "3"])

    assert [(c.what, c.kind, c.name, c.fields) for c in difference(old, new)] == [
        ("removed", "tier", "q / 2", ()),
        ("changed", "queue", "q", ("strategy", "max-wait-time")),
        ("removed", "agent", "2", ()),
        ("added", "agent", "3", ()),
        ("added", "tier", "q / 3", ()),
    ]
    assert difference(old, old) == []


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("wrap-up-time", "20", lambda agent: agent.wrap_up_time == 20),
        ("contact", "user/7@example.org", lambda agent: agent.contacts == ("user/7@example.org",)),
        ("contact", '["user/7", "user/8"]', lambda agent: agent.contacts == ("user/7", "user/8")),
    ],
)
def test_one_key_of_one_agent_can_be_set_from_text(file, key, value, read):
    assert read(set_agent_key(load(file), "1000", key, value).agents[0])


@pytest.mark.parametrize(
    ("name", "key", "value", "words"),
    [
        ("1000", "wrap-up-time", "soon", "must be a number"),
        ("1000", "name", "x", "nothing that can be set"),
        ("1000", "colour", "x", "nothing that can be set"),
        ("1001", "wrap-up-time", "1", "no agent"),
        ("1000", "contact", "loopback/1", "loopback"),
    ],
)
def test_setting_a_key_wrongly_says_why(file, name, key, value, words):
    with pytest.raises(RuleError, match=words):
        set_agent_key(load(file), name, key, value)


def test_what_the_switches_do_not_allow_is_refused_for_one_agent_too(file):
    one = load(file)
    two = one.model_copy(update={"nodes": (*one.nodes, one.nodes[0].model_copy(update={"name": "fs2"}))})

    assert set_agent_key(one, "1000", "type", "uuid-standby").agents[0].type == "uuid-standby"
    with pytest.raises(RuleError, match="one switch only"):
        set_agent_key(two, "1000", "type", "uuid-standby")


def test_every_key_is_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
    for model in (Controller, Node, Queue, Agent, Tier):
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in text, (model.__name__, name)


@pytest.mark.parametrize(
    "contact",
    [
        "sofia/internal/1000@[x]",
        "user/1000?x",
        "user/1000&y",
        "sofia/gateway/core/+19005551234",
        "user/a%0Ab",
    ],
)
def test_what_the_builder_would_refuse_is_refused_in_the_file_already(contact):
    with pytest.raises(RuleError):
        check_contact(contact)
