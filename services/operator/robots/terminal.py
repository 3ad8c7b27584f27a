"""The chat in the terminal: panels where somebody watches, a line for each message where it is a log."""

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from services.operator.robots.robot import Robot
from services.operator.robots.showing import clock, plain
from services.operator.robots.simulator import Receipt


class TerminalChat:
    """Prints what the groups hear."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, robot: Robot, receipt: Receipt) -> None:
        if self._console.is_terminal:
            self._console.print(_panel(robot, receipt))
        else:
            self._console.print(_line(robot, receipt), markup=False, highlight=False, soft_wrap=True)


def _panel(robot: Robot, receipt: Receipt) -> Panel:
    heading = f"[bold]【{escape(robot.title)}】[/bold] {clock(receipt.at)}"
    message = receipt.message
    if message is None or not receipt.accepted:
        return Panel(Text(f"未送达 {receipt.code} {receipt.reason}"), title=heading, title_align="left", style="red")
    buttons = [Text.assemble((f"[{item.label}] ", "cyan"), (item.url, "dim")) for item in message.buttons]
    title = [] if message.title in plain(message).partition("\n")[0] else [Text(message.title, style="bold")]
    return Panel(Group(*title, Text(plain(message)), *buttons), title=heading, title_align="left", expand=False)


def _line(robot: Robot, receipt: Receipt) -> str:
    start = f"{clock(receipt.at)}【{robot.title}】"
    message = receipt.message
    if message is None or not receipt.accepted:
        return f"{start}未送达 {receipt.code} {receipt.reason}"
    text = " ".join(plain(message).split("\n"))
    body = text if message.title in text else f"{message.title} {text}"
    return f"{start}{body}"[:300]
