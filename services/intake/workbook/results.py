"""What reading a workbook gives: drafts where a row is sound, reasons where it is not. Plain data, JSON both ways."""

from dataclasses import dataclass, field
from typing import Literal

from services.intake.domain.drafts import ProjectDraft, RowNames
from services.intake.domain.imports.roster import PostDraft


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is refused: the cell (empty where the sheet lacks the column), its column, its text, and the words."""

    cell: str
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """A cell that a draft's field came from, so that record keeping's refusals can name it."""

    cell: str
    column: str
    value: str


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of a list: either a draft or at least one reason. `places` by the draft's field (see `place_key`).

    `names`: what a project's row without a draft names, still to be looked up.
    """

    sheet: str
    row: int
    kind: Literal["organisation", "project"]
    project: ProjectDraft | None = None
    post: PostDraft | None = None
    reasons: tuple[Reason, ...] = ()
    places: dict[str, Place] = field(default_factory=dict)
    names: RowNames | None = None

    @property
    def key(self) -> str:
        return row_key(self.sheet, self.row)


@dataclass(frozen=True, slots=True)
class ReadWorkbook:
    """Organisation rows first, then projects, each in the order of sheets and rows. `notices`: what was left out."""

    rows: tuple[ReadRow, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A refused row with what was wrong, for the error sheet."""

    sheet: str
    row: int
    reasons: tuple[Reason, ...]


def row_key(sheet: str, row: int) -> str:
    return f"{sheet}!{row}"


def place_key(field: str, milestone: str | None = None) -> str:
    """The key of a place: a draft's field, or one of its milestones."""
    return f"{field}:{milestone}" if milestone else field
