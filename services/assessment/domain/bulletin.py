"""通报 on several matters at once: the draft that 总链长 is given, counted on the day it is made."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Matter:
    """A case at the circular's rung. `responsible`: the post, with who holds it on the day."""

    case_number: str
    project: str
    project_code: str
    chain: str
    milestone: str
    due_on: date
    working_days_late: int
    organisation: str
    responsible: str


@dataclass(frozen=True, slots=True)
class Bulletin:
    """`chain`: the only one it is about; None for all."""

    office: str
    on: date
    chain: str | None
    matters: tuple[Matter, ...]

    @property
    def title(self) -> str:
        return f"关于{f'{self.chain}产业链' if self.chain else ''}重点项目节点逾期督办情况的通报"
