"""`q`, the words by which people look for a record in a list."""

from typing import Annotated

from fastapi import Depends, Query

from services.intake.api.bodies import PRINTABLE
from services.intake.domain.words import words_of

ABOUT = "words parted by blanks, all of which a record must bear; width, blanks and capitals do not matter"


async def words_asked(
    q: Annotated[str | None, Query(max_length=100, pattern=PRINTABLE, description=ABOUT)] = None,
) -> tuple[str, ...]:
    """Raises FilterNotAllowed."""
    return words_of(q) if q else ()


Sought = Annotated[tuple[str, ...], Depends(words_asked)]
