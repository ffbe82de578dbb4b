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
