"""Mail server and recipients are checked with the rest of the file: every problem at once, at its line."""

from __future__ import annotations

import pytest

from py_callcenter.config import ConfigErrors, difference, load, loads

pytestmark = pytest.mark.unit

NODE = '[[nodes]]\nname = "fs1"\npassword = "s3cret-of-ours"\n'
MAIL = '[mail]\nhost = "smtp.example.org"\nsender = "acd@example.org"\n'
BOSS = '[[recipients]]\nname = "boss"\naddress = "boss@example.org"\n'


def problems(text, **options):
    with pytest.raises(ConfigErrors) as caught:
        loads(text.encode(), **options)
    return [(error.line, error.place, error.message) for error in caught.value.errors]


def only(text, **options):
    found = problems(text, **options)
    assert len(found) == 1, found
    return found[0]


def test_little_is_needed():
    config = loads((NODE + MAIL + BOSS).encode())
    boss = config.recipients[0]

    assert (config.mail.security, config.mail.at_port, config.mail.user) == ("starttls", 587, None)
    assert (boss.reports, boss.language, boss.zone, boss.at) == (("daily",), "en", "UTC", "06:00")
    assert loads(NODE.encode()).mail is None


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_from_the_encryption(security, port):
    text = NODE + MAIL + f'security = "{security}"\n'

    assert loads(text.encode()).mail.at_port == port
    assert loads((text + "port = 2525\n").encode()).mail.at_port == 2525


def test_who_reads_persian_counts_by_its_calendar_unless_the_file_says_otherwise():
    text = NODE + MAIL + BOSS + 'language = "fa"\n'

    assert loads(text.encode()).recipients[0].own_calendar == "persian"
    assert loads((text + 'calendar = "gregorian"\n').encode()).recipients[0].own_calendar == "gregorian"


def test_all_problems_come_at_once():
    text = (
        NODE
        + """\
[mail]
host = "smtp example"
port = 0
security = "ssl"
user = "acd"
sender = "acd@example.org\\r\\nBcc: x@example.org"
[[recipients]]
name = "boss"
address = "Boss <boss@example.org>"
reports = ["daily", "yearly"]
language = "de"
zone = "Europe/Kiew"
at = "25:00"
queues = ["suport"]
formula = "best"
[[recipients]]
name = "boss"
address = "boss@example.org"
reports = ["daily", "daily"]
adress = "x"
[[queues]]
name = "support"
"""
    )
    found = problems(text)

    assert [(line, place) for line, place, _ in found] == [
        (5, "mail.host"), (6, "mail.port"), (7, "mail.security"), (9, "mail.sender"),
        (12, "recipients[0].address"), (13, "recipients[0].reports[1]"), (14, "recipients[0].language"),
        (15, "recipients[0].zone"), (16, "recipients[0].at"), (17, "recipients[0].queues[0]"),
        (18, "recipients[0].formula"), (20, "recipients[1].name"), (22, "recipients[1].reports"),
        (23, "recipients[1].adress"),
    ]  # fmt: skip
    assert found[9][2] == 'there is no queue "suport"'
    assert not any("boss@" in message and "Boss" not in message for _, _, message in found)


@pytest.mark.parametrize(
    "address",
    ["", "boss", "@example.org", "boss@", "a b@example.org", "boss@example..org", "bo..ss@example.org",
     "boss@-x.org", "a@b@c.org", '"x"@example.org', "boss@example.org\n", "<boss@example.org>",
     "шеф@example.org", "boss@example.org,x@example.org", "x" * 65 + "@example.org"],
)  # fmt: skip
def test_what_is_not_one_plain_address_is_refused(address):
    from py_callcenter.config.mail import check_address
    from py_callcenter.config.rules import RuleError

    with pytest.raises(RuleError, match="isn't one plain e-mail address"):
        check_address(address)


def test_recipients_without_a_server_get_nothing_and_that_is_said():
    assert only(NODE + BOSS) == (4, "recipients[0]", "there is no [mail], so nothing could be sent")


def test_a_password_never_goes_in_the_clear_to_another_machine():
    login = 'user = "acd"\npassword = "hush"\nsecurity = "none"\n'

    assert only(NODE + MAIL + login)[2] == "would send the password in clear"
    assert (
        loads((NODE + MAIL.replace("smtp.example.org", "127.0.0.1") + login).encode()).mail.secret == "hush"
    )


@pytest.mark.parametrize("line", ['user = "acd"', 'password = "hush"'])
def test_user_and_password_belong_together(line):
    assert "password" in only(NODE + MAIL + line + "\n")[2]


def test_the_password_comes_out_of_a_private_file(tmp_path):
    (tmp_path / "pw").write_text("hush\n")
    (tmp_path / "pw").chmod(0o600)
    file = tmp_path / "callcenter.toml"
    file.write_text(NODE + MAIL + 'user = "acd"\npassword-file = "pw"\n')

    assert load(file).mail.secret == "hush"
    assert "hush" not in repr(load(file))
    (tmp_path / "pw").chmod(0o644)
    with pytest.raises(ConfigErrors, match="others may read the password file"):
        load(file)
    (tmp_path / "pw").unlink()
    with pytest.raises(ConfigErrors, match=r"mail\.password-file: .* can't be read"):
        load(file)


def test_addresses_and_passwords_stay_out_of_the_database():
    config = loads((NODE + MAIL + BOSS).encode())

    assert set(config.routing()) == {"queues", "agents", "tiers", "breaks"}
    assert config.with_routing({}).recipients == config.recipients


def test_a_change_of_mail_is_named():
    old, new = loads((NODE + MAIL).encode()), loads((NODE + MAIL + "port = 25\n" + BOSS).encode())
    changes = difference(old, new)

    assert [(c.kind, c.name, c.what, c.fields) for c in changes] == [
        ("mail", "mail", "changed", ("port",)),
        ("recipient", "boss", "added", ()),
    ]
