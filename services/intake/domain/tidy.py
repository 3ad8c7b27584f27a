"""Names as they are compared: however an office typed the blanks, digits and letters."""

import re
import unicodedata

INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"), None)
_FULL_WIDTH = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_BETWEEN_CJK = re.compile(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])")


def tidy(text: str) -> str:
    """A name or title: digits and letters made half-width, blanks tidied; brackets stay as the office writes them."""
    text = text.translate(INVISIBLE).translate(_FULL_WIDTH)
    return _BETWEEN_CJK.sub("", " ".join(text.split()))


def compact(text: str) -> str:
    """For comparing and parsing: NFKC (full-width becomes half-width, brackets too), no blanks at all."""
    return "".join(unicodedata.normalize("NFKC", text).translate(INVISIBLE).split())
