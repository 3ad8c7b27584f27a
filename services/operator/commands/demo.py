"""`liandu demo`: the programme's year on a simulated clock."""

import sys
import time
from typing import Annotated

import typer

from services.operator.demo.account import give_account
from services.operator.demo.chat import Chat
from services.operator.demo.increment import Increment
from services.operator.demo.signings import Signings
from services.operator.demo.stage import DemoFailed, stage
from services.operator.demo.story import START, Story
from services.operator.platform import data_folder
from services.operator.words import console, fail

_PORT_BASE = 8200


def demo(
    *,
    port_base: Annotated[
        int, typer.Option(envvar="PORT_BASE", help="Ports are counted from here; others than `make run`'s.")
    ] = _PORT_BASE,
    keep: Annotated[bool, typer.Option(help="At the end, keep everything running to look at until Enter.")] = False,
) -> None:
    """Start a platform of its own, live through a year in a minute or two, say what it came to, and end.

    Exit code 0: everything went as it should.
    """
    began = time.monotonic()
    data = data_folder() / "demo"
    try:
        with stage(data, port_base=port_base, start=START) as platform:
            robots = platform.file.robots or ""
            console.print(f"  the groups as a page: {robots}")
            chat = Chat(robots)
            story = Story(platform, chat)
            told = story.tell()
            give_account(told, supervisor=story.supervisor, operator=story.operator, chat=chat)
            reviewer = platform.as_("reviewer", "审核示例员")
            Signings(platform, story.clerk, reviewer, story.supervisor).tell()
            Increment(story.clerk).tell()
            console.print(f"the year took {time.monotonic() - began:.0f} s")
            if keep and sys.stdin.isatty():
                console.input(f"Look around: {robots}. Enter ends it. ")
    except DemoFailed as reason:
        fail(str(reason))
