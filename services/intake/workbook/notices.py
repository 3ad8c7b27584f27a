"""What a clerk is told of rows that were taken."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from services.intake.domain.terms import STAGE_NAMES, STAGES
from services.intake.workbook.headings import Column
from services.intake.workbook.results import ReadRow
from shared.contracts.projects import Stage

_DAYS = (
    (Stage.SIGNED, Column.SIGNED_ON, "signed_on"),
    (Stage.STARTED, Column.STARTED_ON, "started_on"),
)


def days_unknown(rows: Iterable[ReadRow]) -> list[str]:
    """One notice for each sheet with rows that have reached a stage without saying when; `rows` in sheets' order."""
    return [
        f"工作表“{sheet}”{'；'.join(told)}。请补填"
        for sheet, found in groupby(rows, key=lambda row: row.sheet)
        if (told := _untold(list(found)))
    ]


def _untold(rows: Sequence[ReadRow]) -> list[str]:
    told = []
    for stage, column, field in _DAYS:
        reached = STAGES[STAGES.index(stage) :]
        drafts = [(row.row, row.project) for row in rows if row.project and row.project.stage in reached]
        if numbers := [number for number, draft in drafts if getattr(draft, field) is None]:
            told.append(f"第{_ranges(numbers)}行已到{STAGE_NAMES[stage]}或以后阶段，没有填写{column.value}")
    return told


def _ranges(numbers: Sequence[int]) -> str:
    """2、3、4、7 as `2–4、7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return "、".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
