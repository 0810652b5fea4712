"""What the command trainer makes of its parameters; that it runs is shown in tests/server/test_command.py."""

from __future__ import annotations

import pytest

from pulsetrain.model.errors import BadParameters
from pulsetrain.trainers.command import variables_of, words_of


def test_a_command_is_split_as_a_shell_would() -> None:
    words = words_of("python 'my script.py' --lr 0.1", "--name\na b\n", shell=False)
    assert words == ["python", "my script.py", "--lr", "0.1", "--name", "a b"]


def test_a_shell_gets_it_as_it_stands() -> None:
    assert words_of("cat $1 | wc -l", "x y", shell=True) == ["/bin/sh", "-c", "cat $1 | wc -l", "sh", "x y"]


@pytest.mark.parametrize(("command", "said"), [("  ", "empty"), ("python 'x", "cannot be split")])
def test_what_cannot_be_run(command: str, said: str) -> None:
    with pytest.raises(BadParameters, match=said):
        words_of(command, "", shell=False)


def test_variables_are_a_line_each() -> None:
    assert variables_of("A=1\n\n# no\n B=x=y z\nC=") == {"A": "1", "B": "x=y z", "C": ""}
    for wrong in ("A", "A B=1", "=1"):
        with pytest.raises(BadParameters, match="line 1"):
            variables_of(wrong)
