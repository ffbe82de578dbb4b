"""A configuration that can't work is refused as a whole, with every problem at its line."""

import pytest

from py_callcenter.config import ConfigErrors, load, loads

pytestmark = pytest.mark.unit

NODE = '[[nodes]]\nname = "fs1"\npassword = "s3cret-of-ours"\n'


def problems(text, **options):
    with pytest.raises(ConfigErrors) as caught:
        loads(text.encode(), **options)
    return [(error.line, error.place, error.message, error.hint) for error in caught.value.errors]


def only(text, **options):
    found = problems(text, **options)
    assert len(found) == 1, found
    return found[0]


def test_all_problems_of_the_issue_come_at_once_with_their_lines():
    text = (
        NODE
        + """\
[[queues]]
name = "support"
strategy = "fastest"
[[queues]]
name = "support"
max-wait-time = "20"
[[agents]]
name = "1000"
contact = "loopback/1000"
[[tiers]]
queue = "suport"
agent = "1001"
"""
    )

    assert [found[:3] for found in problems(text)] == [
        (6, "queues[0].strategy", '"fastest" isn\'t known'),
        (8, "queues[1].name", 'a second queue: "support"'),
        (9, "queues[1].max-wait-time", "must be a number, not text in quotes"),
        (
            12,
            "agents[0].contact[0]",
            "a `loopback/` contact can't be followed: the switch gives that leg another id",
        ),
        (14, "tiers[0].queue", 'there is no queue "suport"'),
        (15, "tiers[0].agent", 'there is no agent "1001"'),
    ]


def test_an_unknown_strategy_names_those_that_there_are():
    hint = only(NODE + '[[queues]]\nname = "a"\nstrategy = "fastest"\n')[3]

    assert hint.startswith('one of: "longest-idle-agent", "round-robin", "top-down", ')
    assert hint.endswith('"ring-all", "ring-progressively", "ring-k"')


def test_a_misspelt_name_gets_a_suggestion():
    assert only(NODE + '[[queues]]\nname = "a"\nstategy = "ring-all"\n') == (
        6, "queues[0].stategy", 'unknown key "stategy"', "did you mean `strategy`?",
    )  # fmt: skip
    assert only(NODE + '[[queues]]\nname = "a"\nmax_wait_time = 3\n')[3] == "did you mean `max-wait-time`?"


def test_syntax_errors_have_a_line_too():
    line, place, message, _hint = only("[controller]\nlisten = 127.0.0.1:8080\n")

    assert (line, place) == (2, "")
    assert message.startswith("not valid TOML:")


def test_text_that_is_not_utf8_is_named_with_its_line():
    with pytest.raises(ConfigErrors) as caught:
        loads(b"[controller]\n# \xff\n", name="x.toml")

    assert str(caught.value) == "x.toml:2: isn't UTF-8 text"


def test_deep_nesting_is_an_error_and_no_crash():
    assert only("a = " + "[" * 5000 + "]" * 5000)[2] in ("is nested too deeply", 'unknown key "a"')


@pytest.mark.parametrize("host", ["10.1.2.3", "fs1.example.org", "::", "2001:db8::1"])
def test_the_default_password_is_refused_on_an_address_that_others_reach(host):
    text = f'[[nodes]]\nname = "fs1"\nhost = "{host}"\npassword = "ClueCon"\n'

    assert only(text)[:2] == (4, "nodes[0].password")
    assert loads(("[controller]\nallow-default-password = true\n" + text).encode()).nodes


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_the_default_password_will_do_on_loopback(host):
    text = f'[[nodes]]\nname = "fs1"\nhost = "{host}"\npassword = "ClueCon"\n'

    assert loads(text.encode()).nodes[0].secret == "ClueCon"


def test_the_default_password_out_of_a_file_is_refused_as_well(tmp_path):
    (tmp_path / "pw").write_text("ClueCon\n")
    text = '[[nodes]]\nname = "fs1"\nhost = "10.0.0.1"\npassword-file = "pw"\n'

    assert "default password" in only(text, folder=tmp_path)[2]


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:80", "192.0.2.1:8080", "acd.example.org:80"])
def test_listening_where_others_reach_needs_a_token(tmp_path, listen):
    text = f'[controller]\nlisten = "{listen}"\n' + NODE
    assert only(text, folder=tmp_path)[:2] == (2, "controller.listen")

    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n")
    token.chmod(0o600)
    text = f'[controller]\ntoken-file = "token"\nlisten = "{listen}"\n' + NODE
    assert loads(text.encode(), folder=tmp_path).controller.token_file == str(token)


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (None, 0o600, "can't be read"),
        ("short\n", 0o600, "16 or more"),
        ("0123456789abcdef\n", 0o644, "others may read"),
        ("\n", 0o600, "is empty"),
    ],
)
def test_a_token_file_must_be_good(tmp_path, content, mode, words):
    if content is not None:
        (tmp_path / "token").write_text(content)
        (tmp_path / "token").chmod(mode)
    found = only('[controller]\ntoken-file = "token"\n' + NODE, folder=tmp_path)

    assert found[:2] == (2, "controller.token-file")
    assert words in found[2]


@pytest.mark.parametrize(
    "contact",
    [
        "loopback/1000", "LOOPBACK/1000", "user/1,user/2", "user/1|user/2", "user/1:_:user/2", "group/x",
        "error/user_busy", "sofia/internal/1 000@x", "{a=b}user/1", "[a=b]user/1", "user/1)&system(id",
        "user/${system(id)}", "user/1\\nx", "user/1'", "1000", "user/", "", "sofia/x/<a>", "user/1\\\\",
    ],
)  # fmt: skip
def test_contacts_that_are_not_one_plain_phone_are_refused(contact):
    found = only(NODE + f'[[agents]]\nname = "a"\ncontact = "{contact}"\n')

    assert found[:2] == (6, "agents[0].contact[0]")


@pytest.mark.parametrize(
    "contact",
    [
        "user/1000@example.org", "user/1000", "sofia/gateway/core/+4930123", "verto.rtc/1000",
        "sofia/internal/sip:1000@192.0.2.7:5060;transport=tcp",
    ],
)  # fmt: skip
def test_contacts_of_one_plain_phone_are_taken(contact):
    assert loads((NODE + f'[[agents]]\nname = "a"\ncontact = "{contact}"\n').encode()).agents[0].contacts == (
        contact,
    )


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a;b", "a\\nb", "../x", "a,b", "x" * 65, "a/b", "ü", "a{b}"]
)
def test_names_that_could_break_out_of_a_command_are_refused(name):
    assert problems(NODE + f'[[queues]]\nname = "{name}"\n')[0][:2] == (5, "queues[0].name")


@pytest.mark.parametrize(
    "path",
    [
        "x/{call}.wav", "/x/../{call}.wav", "/x/y.wav", "/x/{call}", "/x/${uuid}.wav", "/x/{call} .wav",
        "/x/{caller}-{call}.wav", "|cmd{call}.wav", "http://x/{call}.wav", "{call}.wav", "/x/{a=b}{call}.wav",
    ],
)  # fmt: skip
def test_record_templates_stay_in_their_folder(path):
    assert only(NODE + f'[[queues]]\nname = "a"\nrecord-template = "{path}"\n')[:2] == (
        6, "queues[0].record-template",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["a b", "x@y@z", "", "@default", "x@", "transfer inline", "a;b", "x" * 65])
def test_exits_are_hangup_or_an_extension(text):
    assert only(NODE + f'[[queues]]\nname = "a"\non-full = "{text}"\n')[:2] == (6, "queues[0].on-full")


@pytest.mark.parametrize(
    "sound", ["system::id", "/x!NORMAL_CLEARING", "http://x/y", "/a/../b.wav", "x y", "${a}"]
)
def test_sounds_can_not_run_anything(sound):
    assert only(NODE + f'[[queues]]\nname = "a"\nmoh-sound = "{sound}"\n')[:2] == (6, "queues[0].moh-sound")


@pytest.mark.parametrize("value", ["-1", "86401", "nan", "inf", "true", '"5"', "[]"])
def test_seconds_are_numbers_in_range(value):
    assert only(NODE + f'[[queues]]\nname = "a"\nmax-wait-time = {value}\n')[:2] == (
        6,
        "queues[0].max-wait-time",
    )


def test_wrong_shapes_are_named_not_crashed_on():
    assert only("queues = 3\n" + NODE)[:3] == (
        1, "queues", "must be a list, not a whole number",
    )  # fmt: skip
    assert only("controller = 'x'\n" + NODE)[2] == "must be a table, not text in quotes"
    assert only("agents = ['x']\n" + NODE)[:3] == (1, "agents[0]", "must be a table, not text in quotes")


def test_a_standby_agent_has_one_phone_and_one_switch():
    agent = '[[agents]]\nname = "a"\ntype = "uuid-standby"\n'
    assert loads((NODE + agent + 'contact = "user/1"\n').encode()).agents[0].type == "uuid-standby"
    assert only(NODE + agent + 'contact = ["user/1", "user/2"]\n')[1:3] == (
        "agents[0].contact", "a `uuid-standby` agent has one phone",
    )  # fmt: skip
    second = NODE.replace("fs1", "fs2").replace("[[nodes]]", "[[nodes]]\nport = 8022", 1)
    assert only(NODE + second + agent + 'contact = "user/1"\n')[1:3] == (
        "agents[0].type", "`uuid-standby` works with one switch only",
    )  # fmt: skip


def test_a_node_needs_one_password_and_only_one(tmp_path):
    assert only('[[nodes]]\nname = "fs1"\n')[2:] == ("has no password", "give `password` or `password-file`")
    places = [found[1] for found in problems('[[nodes]]\nname = "fs1"\nport = "8021"\n')]
    assert places == ["nodes[0]", "nodes[0].port"], "other faults don't hide it"
    found = only('[[nodes]]\nname = "fs1"\npassword = "x"\npassword-file = "y"\n', folder=tmp_path)
    assert found[2] == "given beside `password`"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://x/y",
        "callcenter.db",
        "",
        "sqlite:/x.db",
        "postgresql://u:pw@h/db",
        "postgresql+psycopg://u:pw@h /db",
    ],
)
def test_a_database_that_is_none_of_the_two_is_refused_before_anything_starts(url):
    found = only(f'[controller]\ndatabase = "{url}"\n{NODE}')
    assert found[:2] == (2, "controller.database")
    assert "postgresql+psycopg://user@host/db" in found[3]
    assert "pw" not in found[2] + found[3], "it may hold a password"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///callcenter.db",
        "sqlite:////var/lib/call center/x.db",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql+psycopg://acd:p%40ss@db.example.org:5433/acd?sslmode=verify-full",
        "postgresql+psycopg:///acd?host=/run/postgresql",
    ],
)
def test_urls_of_the_two_databases_are_taken(url):
    assert loads(f'[controller]\ndatabase = "{url}"\n{NODE}'.encode()).controller.database == url


def test_no_node_at_all():
    assert only("[controller]\n")[2] == "names no FreeSWITCH"


def test_two_nodes_at_one_address_would_count_everything_twice():
    text = NODE + '[[nodes]]\nname = "fs2"\npassword = "other"\n'

    assert only(text)[:3] == (4, "nodes[1].host", 'a second node at the same address: "127.0.0.1" "8021"')


def test_a_password_never_shows_in_a_message_or_repr():
    config = loads(NODE.encode())
    assert "s3cret" not in repr(config) + str(config.model_dump())
    assert "s3cret" not in str(problems(NODE.replace('"fs1"', "7")))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path / "none.toml")

    assert caught.value.errors[0].message == "can't be read: No such file or directory"
