"""The words of a search: how they are parted and compared."""

import pytest

from services.intake.domain.errors import FilterNotAllowed
from services.intake.domain.words import words_of
from services.intake.store.search import pattern


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("显示 面板", ("显示", "面板")),
        ("显示\u3000面板\t二期", ("显示", "面板", "二期")),
        ("２０２６年８．５代线", ("2026年8.5代线",)),
        ("ＯＬＥＤ oled OLED", ("oled",)),
        ("（二期）", ("(二期)",)),
        ("\u200b \ufeff", ()),
        ("Ä ä", ("Ä", "ä")),
    ],
)
def test_words_are_half_width_and_small_and_stand_once(typed: str, words: tuple[str, ...]) -> None:
    assert words_of(typed) == words


def test_more_than_ten_words_are_refused() -> None:
    assert len(words_of(" ".join(map(str, range(10))))) == 10
    with pytest.raises(FilterNotAllowed, match="最多查找10个词，现有11个"):
        words_of(" ".join(map(str, range(11))))


def test_signs_of_a_pattern_are_looked_for_as_they_are() -> None:
    assert pattern(r"50%_a\b") == r"%50\%\_a\\b%"
