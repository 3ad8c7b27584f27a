"""A database given to `liandu run` or `liandu migrate`: what cannot be one is refused before anything starts."""

import pytest
from typer.testing import CliRunner

from services.operator.__main__ import command_line


@pytest.mark.parametrize("command", ["run", "migrate"])
def test_another_kind_of_database_is_refused_in_one_line(command: str) -> None:
    answer = CliRunner().invoke(command_line(), [command], env={"LIANDU_DATABASE_URL": "mysql://a:hidden@b/c"})

    assert answer.exit_code == 1
    assert "LIANDU_DATABASE_URL must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in answer.output
    assert "hidden" not in answer.output
