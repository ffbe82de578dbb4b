"""Skills in a configuration: what a demand or a skill can't be is said with line and column."""

import pytest

from py_callcenter.config import ConfigErrors, loads

pytestmark = pytest.mark.unit

NODE = '[[nodes]]\nname = "fs1"\npassword = "s3cret-of-ours"\n'


def only(text):
    with pytest.raises(ConfigErrors) as caught:
        loads(text.encode())
    (error,) = caught.value.errors
    return error


@pytest.mark.parametrize(
    "text", ["any", "billing", "language:fa >= 3 and (billing or sales) and not trainee"]
)
def test_a_demand_is_kept_as_written(text):
    config = loads(f'{NODE}[[queues]]\nname = "a"\nskills = "{text}"\n'.encode())

    assert config.queues[0].skills == text


def test_a_demand_that_makes_no_sense_has_line_and_column():
    error = only(NODE + '[[queues]]\nname = "a"\nskills = "billing and (sales"\n')

    assert str(error) == (
        'callcenter.toml:6: queues[0].skills: "billing and (sales" can\'t be a demand: at column 19 expected '
        "a comparison, `and`, `or` or `)`, found the end"
    )
    assert error.hint == 'for example "language:fa >= 3 and (billing or sales) and not trainee", or "any"'


def test_a_demand_that_nobody_can_meet_is_no_demand():
    error = only(NODE + '[[queues]]\nname = "a"\nskills = "billing > 100"\n')

    assert (error.line, error.message) == (
        6,
        '"billing > 100" can\'t be a demand: at column 1 no agent can ever meet this demand',
    )


def test_a_very_long_demand_is_cut_in_its_message():
    error = only(f'{NODE}[[queues]]\nname = "a"\nskills = "{"x" * 10_000}"\n')

    assert error.message.endswith("at column 4097 a demand has at most 4096 characters")
    assert len(error.message) < 200


def test_a_skill_can_not_have_the_name_of_a_word():
    error = only(f'{NODE}[[agents]]\nname = "x"\ncontact = "user/1"\nskills = {{ billing = 3, not = 5 }}\n')

    assert (error.line, error.message) == (7, '"not" can\'t be a skill: it is a word of the demands')


QUEUE = '[[queues]]\nname = "a"\n'


def test_relaxation_steps_are_demands_by_waited_time():
    steps = '[{ after = 20, skills = "sales" }, { after = 60.5, skills = "any" }]'
    config = loads(f'{NODE}{QUEUE}skills = "billing and sales"\nrelax = {steps}\n'.encode())

    queue = config.queues[0]
    assert queue.demand_steps == [(0, "billing and sales"), (20_000_000, "sales"), (60_500_000, "any")]
    assert config.with_routing(config.routing()) == config


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        ('relax = [{ after = 5, skills = "any" }]', 6, "there is nothing to relax"),
        ('skills = "any"\nrelax = [{ after = 5, skills = "b" }]', 7, "there is nothing to relax"),
        ('skills = "b"\nrelax = [{ after = 0, skills = "c" }]', 7, "must be more than 0"),
        ('skills = "b"\nrelax = [{ after = 5, skills = "c and" }]', 7, "at column 6 expected"),
        ('skills = "b"\nrelax = [{ skills = "c" }]', 7, "`after` is missing"),
        ('skills = "b"\nrelax = [{ after = 5, skill = "c" }]', 7, 'unknown key "skill"'),
        ('skills = "b"\nrelax = { after = 5, skills = "c" }', 7, "must be a list, not a table"),
        ("queue-priority = 101", 6, "must be 100 or less"),
        ("queue-weight = 0", 6, "must be 1 or more"),
        ("overtaking-cap = 1001", 6, "must be 1000 or less"),
        ('time-base-score = "sytem"', 6, "isn't known"),
        ("urgent-by-service-level = 1", 6, "must be true or false"),
        ("last-agent-wait = -1", 6, "must be 0 or more"),
    ],
)
def test_what_a_step_or_an_order_cannot_be(lines, line, message):
    with pytest.raises(ConfigErrors) as caught:
        loads(f"{NODE}{QUEUE}{lines}\n".encode())

    assert any(error.line == line and message in str(error) for error in caught.value.errors), caught.value


def test_steps_stand_in_order_and_nothing_follows_anybody():
    text = (
        f'{NODE}{QUEUE}skills = "b"\n[[queues.relax]]\nafter = 9\nskills = "c"\n'
        '[[queues.relax]]\nafter = 9\nskills = "any"\n[[queues.relax]]\nafter = 30\nskills = "d"\n'
    )
    with pytest.raises(ConfigErrors) as caught:
        loads(text.encode())

    assert [(error.line, error.message) for error in caught.value.errors] == [
        (11, "must be more than 9, the step before"),
        (13, "nothing can follow `any`"),
    ]
