"""统一社会信用代码 of enterprises and other units (GB 32100): 18 signs, of which the last checks the others."""

_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Without I, O, S, V, Z, which are taken for digits or for each other."""
_WEIGHTS = tuple(pow(3, at, 31) for at in range(17))


def normal(text: str) -> str:
    """The code as it is kept: capital letters, no blanks."""
    return "".join(text.split()).upper()


def trouble(text: str) -> str:
    """Why this is no code, in Chinese; empty for a sound one (in its normal form)."""
    if len(text) != 18:
        return f"统一社会信用代码应为18位，现为{len(text)}位"
    if strange := sorted(set(text) - set(_SIGNS)):
        return f"统一社会信用代码不用“{'、'.join(strange)}”"
    if check_sign(text[:17]) != text[17]:
        return "统一社会信用代码的校验位不符，请核对是否有错字"
    return ""


def check_sign(first: str) -> str:
    """The last sign that belongs to these 17."""
    total = sum(_SIGNS.index(sign) * weight for sign, weight in zip(first, _WEIGHTS, strict=True))
    return _SIGNS[-total % 31]
