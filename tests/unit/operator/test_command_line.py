"""The command line, whole and for one command."""

import pytest
import typer.main
from typer.testing import CliRunner

from services.operator.__main__ import command_line

WHOLE = typer.main.get_group(command_line())


def names(asked: str) -> list[str]:
    return list(typer.main.get_group(command_line(asked)).commands)


@pytest.mark.parametrize("name", WHOLE.commands)
def test_a_command_that_is_asked_for_is_there_alone_and_under_its_name(name: str) -> None:
    assert names(name) == [name]
    said = CliRunner().invoke(command_line(name), [name, "--help"])
    assert said.exit_code == 0, said.output


@pytest.mark.parametrize("word", ["--help", "nonsense"])
def test_for_anything_else_all_are_there(word: str) -> None:
    assert names(word) == list(WHOLE.commands)
    assert {"run", "import", "clock", "dead-letters"} <= WHOLE.commands.keys()
