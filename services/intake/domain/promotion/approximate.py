"""Counts that nobody took exactly stay as they were given (S11): 160余家 is kept and shown as 160余家, never as 160."""

import re
import unicodedata

from services.intake.domain.errors import AmountNotAllowed
from shared.contracts.promotion import Approximate, Form

_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_POWERS = {"十": 10, "百": 100, "千": 1000}
_DIGIT = "[一二两三四五六七八九]"
_WRITTEN = re.compile(
    rf"(?:{_DIGIT}?千)?"
    rf"(?:[零〇]?{_DIGIT}百|(?<!千)百)?"
    rf"(?:[零〇]?{_DIGIT}十|(?<![千百])十)?"
    rf"(?:(?<![千百]){_DIGIT}|[零〇]{_DIGIT})?"
)
"""Numbers written out in full: 二百五 may be 250 or 205, 百十 is none in particular."""
_BEFORE = {"约": Form.ABOUT, "大约": Form.ABOUT, "近": Form.NEARLY, "超": Form.OVER, "超过": Form.OVER, "逾": Form.OVER}
_AFTER = {"余": Form.ODD, "多": Form.MORE}
_COUNT = re.compile(
    r"(?P<before>大约|约|近|超过|超|逾)?"
    r"(?P<number>[0-9]{1,9}|[零〇一二三四五六七八九两十百千]{1,8})"
    r"(?P<after>[余多])?"
    r"(?P<unit>[家户份个项名人])?"
    r"(?P<end>左右)?"
)


def read(text: str, *, field: str, what: str) -> Approximate:
    """A count as people write it: `160余家`, `近200家`, `十余份`, `35`.

    Raises:
        AmountNotAllowed: it is none, or says twice and differently how exact it is.
    """
    plain = re.sub(r"[\s,]", "", unicodedata.normalize("NFKC", text))
    match = _COUNT.fullmatch(plain)
    forms = _forms(match) if match else []
    if match is None or len(forms) > 1 or (number := _number(match["number"])) <= 0:
        raise AmountNotAllowed(f"{what}“{text}”无法识别，应如“160余家”“近200家”“35家”", field=field, value=text)
    return Approximate(about=number, form=forms[0] if forms else None)


def words(count: Approximate, unit: str) -> str:
    """The count as it was given."""
    match count.form:
        case None:
            return f"{count.about}{unit}"
        case Form.ODD | Form.MORE:
            return f"{count.about}{count.form}{unit}"
        case Form.OR_SO:
            return f"{count.about}{unit}{count.form}"
    return f"{count.form}{count.about}{unit}"


def _forms(match: re.Match[str]) -> list[Form]:
    found = (_BEFORE.get(match["before"] or ""), _AFTER.get(match["after"] or ""), match["end"] and Form.OR_SO)
    return [Form(form) for form in found if form]


def _number(text: str) -> int:
    """0 for what is no number."""
    if text.isdigit():
        return int(text)
    if not _WRITTEN.fullmatch(text):
        return 0
    total, digit = 0, 0
    for sign in text:
        if sign in _DIGITS:
            digit = _DIGITS[sign]
        else:
            total += (digit or 1) * _POWERS[sign]
            digit = 0
    return total + digit
