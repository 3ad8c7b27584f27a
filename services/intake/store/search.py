"""Finding records by words in their names, however either side typed blanks, width and capitals.

The database's function `search_form` makes of a name what `domain.words` makes of a word. Projects keep its result in a
column, for there are many; elsewhere it is computed while a list is read.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func


def all_in(texts: Sequence[ColumnElement[Any]], words: Sequence[str]) -> list[ColumnElement[bool]]:
    """Every word stands in one of a row's texts, whichever; a text may be NULL."""
    if not words:
        return []
    row = func.concat_ws("\n", *(func.search_form(text) for text in texts))
    return [row.like(pattern(word)) for word in words]


def pattern(word: str) -> str:
    """For LIKE: the word anywhere, each of its signs as itself."""
    for sign in "\\%_":
        word = word.replace(sign, "\\" + sign)
    return f"%{word}%"
