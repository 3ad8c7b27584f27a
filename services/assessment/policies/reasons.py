"""What is wrong with a document of rules, for those who wrote it: the place and the reason of a model's refusal."""

from typing import Any

_REASONS = {
    "missing": "缺少这一项",
    "extra_forbidden": "没有这一项，请核对拼写",
    "string_type": "必须是文字",
    "string_too_short": "不能为空",
    "string_pattern_mismatch": "写法不对",
    "string_too_long": "过长",
    "too_short": "项数不足",
    "too_long": "项数过多",
    "greater_than": "必须大于{gt}",
    "greater_than_equal": "不得小于{ge}",
    "less_than_equal": "不得大于{le}",
    "int_type": "必须是整数",
    "bool_type": "只能是 true 或 false",
    "model_type": "必须是一组“键: 值”",
    "model_attributes_type": "必须是一组“键: 值”",
    "tuple_type": "必须是列表",
    "literal_error": "只能是{expected}",
    "enum": "只能是{expected}",
    "date_from_datetime_parsing": "必须是日期，如 2026-01-01",
    "date_type": "必须是日期，如 2026-01-01",
}
_BRANCHES = ("function-", "literal[", "constrained-", "lax-", "nullable")


def reason_of(error: Any) -> str:
    """The reason of one of pydantic's errors, in Chinese."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    reason = _REASONS.get(error["type"])
    return str(error["msg"]) if reason is None else reason.format(**error.get("ctx", {}))


def path_of(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where in the data it is, without the branches of a choice."""
    return tuple(step for step in loc if isinstance(step, int) or not step.startswith(_BRANCHES))


def place_of(loc: tuple[int | str, ...], *, whole: str) -> str:
    """`indicators[2].ratio.target`, counted from 1 as people count; `whole`: the name of the document itself."""
    place = ""
    for step in path_of(loc):
        if isinstance(step, int):
            place += f"[{step + 1}]"
        else:
            place += f".{step}" if place else step
    return place or whole
