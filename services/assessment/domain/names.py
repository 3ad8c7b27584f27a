"""What officials call things: tiers, documents, days."""

import re
from datetime import date

from shared.contracts.programme import Tier
from shared.contracts.supervision import Document

TIERS = {
    Tier.CHIEF_GENERAL: "总链长",
    Tier.CHIEF: "链长",
    Tier.DEPUTY_CHIEF: "副链长",
    Tier.TASK_FORCE: "工作专班",
    Tier.TASK_FORCE_OFFICE: "专班办公室",
    Tier.UNIT_HEAD: "责任单位负责人",
    Tier.OFFICER: "责任人",
}
DOCUMENTS = {
    Document.REMINDER: "提醒",
    Document.URGE: "催办",
    Document.LETTER: "督办函",
    Document.TALK: "约谈",
    Document.TALK_CHIEF: "约谈（链长）",
    Document.CIRCULAR: "通报",
}
_LOGIN = re.compile(r" <[^<>]*>$")
_DIGITS = "〇一二三四五六七八九"
_TEN = 10


def day(on: date) -> str:
    """2026年3月3日"""
    return f"{on.year}年{on.month}月{on.day}日"


def formal_day(on: date) -> str:
    """二〇二六年三月三日: as official papers are dated."""
    year = "".join(_DIGITS[int(digit)] for digit in str(on.year))
    return f"{year}年{_counted(on.month)}月{_counted(on.day)}日"


def person(by: str) -> str:
    """Who did it, without the login."""
    return _LOGIN.sub("", by)


def _counted(number: int) -> str:
    """A number of less than a hundred as it is spoken: 十, 十一, 二十, 三十一."""
    tens, ones = divmod(number, _TEN)
    if not tens:
        return _DIGITS[ones]
    return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[ones] if ones else "")
