"""Messages as people see them: HTML bubbles for the page, lines for the terminal. All that was sent is escaped."""

import re
from collections.abc import Iterable
from datetime import datetime

from markupsafe import Markup, escape

from services.operator.robots.robot import Button, Message, Robot
from services.operator.robots.simulator import Receipt
from shared.kit.clock import CHINA

_MOBILE = re.compile(r"(?<!\d)(1\d{2})\d{4}(\d{4})(?!\d)")
_LINK = re.compile(r"\[([^\]\n]{1,200})\]\((https?://[^\s)]{1,2000})\)")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_ITEM = re.compile(r"(?:[-*]|\d+\.)\s+(.*)")


def bubble(robot: Robot, receipt: Receipt) -> str:
    """One message, or one refusal, as it stands in the group."""
    if receipt.message is None or not receipt.accepted:
        return str(
            Markup('<article class="refused"><time>{}</time><p>未送达 {} {}</p></article>').format(
                clock(receipt.at), receipt.code or "连接中断", receipt.reason
            )
        )
    message = receipt.message
    return str(
        Markup(
            '<article class="message"><i>督</i><div><header>{}<b>机器人</b><time>{}</time></header>'
            "<section>{}{}{}</section></div></article>"
        ).format(robot.title, clock(receipt.at), _head(message), _body(message), _buttons(message.buttons))
    )


def plain(message: Message) -> str:
    """A message's text without its marks."""
    lines = (_plain_line(line) for line in masked(message.text).splitlines())
    return "\n".join(line for line in lines if line)


def masked(text: str) -> str:
    """Without whole mobile numbers: a chat shows names there."""
    return _MOBILE.sub(r"\1****\2", text)


def clock(at: datetime) -> str:
    return f"{at.astimezone(CHINA):%m-%d %H:%M}"


def _head(message: Message) -> Markup:
    repeated = message.is_markdown and message.title in message.text.partition("\n")[0]
    return Markup("") if repeated or not message.title else Markup("<h3>{}</h3>").format(message.title)


def _body(message: Message) -> Markup:
    if not message.is_markdown:
        return Markup("").join(Markup("<p>{}</p>").format(line) for line in masked(message.text).splitlines() if line)
    return Markup("").join(_block(line) for line in masked(message.text).splitlines() if line.strip())


def _block(line: str) -> Markup:
    """A line of the markdown that robots understand: headings, quotes, list items, bold, links."""
    text = line.strip()
    if heading := _HEADING.fullmatch(text):
        return Markup("<h3>{}</h3>").format(_inline(heading[2]))
    if text.startswith(">"):
        return Markup("<blockquote>{}</blockquote>").format(_inline(text[1:].strip()))
    if item := _ITEM.fullmatch(text):
        return Markup('<p class="item">{}</p>').format(_inline(item[1]))
    return Markup("<p>{}</p>").format(_inline(text))


def _inline(text: str) -> Markup:
    parts: list[Markup] = []
    at = 0
    for link in _LINK.finditer(text):
        parts += [_bold(text[at : link.start()]), _anchor(link[1], link[2])]
        at = link.end()
    return Markup("").join([*parts, _bold(text[at:])])


def _bold(text: str) -> Markup:
    return Markup(_BOLD.sub(r"<strong>\1</strong>", str(escape(text))))


def _buttons(buttons: Iterable[Button]) -> Markup:
    return Markup("").join(
        _anchor(button.label, button.url)
        if button.url.startswith(("http://", "https://"))
        else Markup('<span class="button">{}</span>').format(button.label)
        for button in buttons
    )


def _anchor(label: str, url: str) -> Markup:
    return Markup('<a class="button" href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(url, label)


def _plain_line(line: str) -> str:
    text = _BOLD.sub(r"\1", _LINK.sub(r"\1", line.strip()))
    heading = _HEADING.fullmatch(text)
    return heading[2] if heading else text.removeprefix(">").strip()
