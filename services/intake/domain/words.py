"""The words somebody types to find a record by its name."""

from services.intake.domain.errors import FilterNotAllowed
from services.intake.domain.tidy import compact

MOST_WORDS = 10


def words_of(text: str) -> tuple[str, ...]:
    """The words of a search, parted by blanks, each in the form in which names are compared.

    Raises:
        FilterNotAllowed: there are more than ten.
    """
    words = tuple(dict.fromkeys(word for part in text.split() if (word := search_form(part))))
    if len(words) > MOST_WORDS:
        raise FilterNotAllowed(f"一次最多查找{MOST_WORDS}个词，现有{len(words)}个", field="q")
    return words


def search_form(text: str) -> str:
    """Half-width, Latin letters small, no blanks: what the function `search_form` of the database makes of a text."""
    return compact(text).encode().lower().decode()  # bytes know ASCII's letters only, as the database's "C" does
