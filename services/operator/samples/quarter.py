"""A synthetic quarter (合成数据): project lists whose signings come to the figures of S10, and what must not count.

208 projects of 1亿元 or more are newly signed in it, 1209亿元 in all, 10 of them of 30亿元 or more. Beside them stand
the cases that tempt: 9,999万元, the first day of the next quarter, a signing repeated, an intent, a framework
agreement, a parent whose 增资 counts, and records that are struck off afterwards. All of it is invented.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from services.operator.samples.programme import CHAINS, GOVERNMENT, UNITS
from services.operator.samples.sheets import headings, same_bytes, title, widths

COUNT, TOTAL_WAN, LARGE_COUNT = 208, 12_090_000, 10
LEAST_WAN, LARGE_WAN = 10_000, 300_000

_LARGEST_WAN = 620_000
_PAPERS = _INTENT, _FRAMEWORK = "投资意向书", "框架协议"
_ABOUT, _CASE = ("序号", "项目编号", "项目名称", "所属产业链", "责任单位", "项目类型"), "特殊情形"
_PARTS = ("制造基地", "研发中心", "总部", "产业园", "检测平台", "区域结算中心", "示范工厂")

Value = str | int | float | date | None


@dataclass(frozen=True, slots=True)
class QuarterProject:
    """A project of the quarter's lists. Whole 万元. `signed_on`: of the formal contract.

    `counts`: whether it belongs to the quarter's figures once the records struck off are struck off. `case`: what it
    is there for, in Chinese; empty for the many. `paper`, `paper_on`: an agreement that signs nothing.
    """

    code: str
    name: str
    chain: str
    unit: str
    kind: str
    amount_wan: int
    stage: str
    counts: bool
    signed_on: date | None = None
    started_on: date | None = None
    case: str = ""
    paper: str = ""
    paper_on: date | None = None
    repeated: bool = False
    struck: bool = False


@dataclass(frozen=True, slots=True)
class Quarter:
    """`struck`: codes of projects that are recorded, then struck off. `repeated`: in two offices' lists."""

    first: date
    last: date
    projects: tuple[QuarterProject, ...]

    @property
    def struck(self) -> tuple[str, ...]:
        return tuple(project.code for project in self.projects if project.struck)

    @property
    def repeated(self) -> tuple[QuarterProject, ...]:
        return tuple(project for project in self.projects if project.repeated)


def synthetic_quarter(first: date, *, seed: int) -> Quarter:
    """The quarter that begins on a day; the same for the same seed."""
    random_ = random.Random(seed)
    last = _next_quarter(first) - timedelta(days=1)
    maker = _Maker(first, last, random_)
    counting = [maker.counting(amount) for amount in _amounts(random_)]
    counting[0] = replace(counting[0], case="恰为30亿元", amount_wan=LARGE_WAN)
    counting[1] = replace(counting[1], case="恰为1亿元", amount_wan=LEAST_WAN)
    counting[2] = replace(counting[2], case="季度首日签约", signed_on=first, stage="签约", started_on=None)
    counting[3] = replace(counting[3], case="季度末日签约", signed_on=last, stage="签约", started_on=None)
    counting[4] = replace(counting[4], case="列入两张清单，只计一次", repeated=True)
    projects = [*counting, *maker.tempting()]
    random_.shuffle(projects)
    return Quarter(first, last, tuple(_numbered(projects, first)))


def quarter_workbook(quarter: Quarter) -> bytes:
    """The lists as offices hand them in: the units, signed projects in 亿元, projects under negotiation in 万元."""
    book = Workbook()
    book.remove(book.active)
    _notes(book.create_sheet("填报说明"), quarter)
    _units(book.create_sheet("责任单位"))
    signed = [project for project in quarter.projects if project.signed_on]
    _signed(book.create_sheet("新签约项目"), f"{_words(quarter)}签约项目清单（合成数据）", signed)
    _negotiating(book.create_sheet("在谈项目"), [project for project in quarter.projects if not project.signed_on])
    book.active = 2
    return same_bytes(book, quarter.first)


def repeated_workbook(quarter: Quarter) -> bytes:
    """A list of another office that holds again what stands in the first."""
    book = Workbook()
    book.remove(book.active)
    _signed(book.create_sheet("重点签约项目"), f"{_words(quarter)}重点签约项目清单（合成数据）", quarter.repeated)
    return same_bytes(book, quarter.first)


def _amounts(random_: random.Random) -> list[int]:
    """208 amounts of the given sum, ten of them large: the first exactly 30亿, the second exactly 1亿."""
    large = [random_.randrange(LARGE_WAN + 100, _LARGEST_WAN, 100) for _ in range(LARGE_COUNT - 1)]
    rest = _parts(
        TOTAL_WAN - LARGE_WAN - LEAST_WAN - sum(large),
        count=COUNT - LARGE_COUNT - 1,
        least=LEAST_WAN + 1,
        most=LARGE_WAN - 1,
        random_=random_,
    )
    others = [*large, *rest]
    random_.shuffle(others)
    return [LARGE_WAN, LEAST_WAN, *others]


def _parts(total: int, *, count: int, least: int, most: int, random_: random.Random) -> list[int]:
    """Whole numbers between two bounds that add up to a total, a few of them large and many small."""
    weights = [random_.random() ** 3 + 0.02 for _ in range(count)]
    spare, whole = total - count * least, sum(weights)
    parts = [min(most, least + int(spare * weight / whole)) for weight in weights]
    missing = total - sum(parts)
    for index in random_.sample(range(count), count):
        step = min(missing, most - parts[index])
        parts[index] += step
        missing -= step
    return parts


class _Maker:
    def __init__(self, first: date, last: date, random_: random.Random) -> None:
        self._first, self._last, self._random = first, last, random_
        self._names = self._all_names()

    def counting(self, amount_wan: int) -> QuarterProject:
        """One that counts: a formal contract within the quarter; some have begun to build since."""
        signed_on = self._day()
        started_on = self._last if self._random.random() < 0.2 else None
        return self._project(
            amount_wan,
            kind="增资" if self._random.random() < 0.2 else "新建",
            stage="开工" if started_on else "签约",
            counts=True,
            signed_on=signed_on,
            started_on=started_on,
        )

    def tempting(self) -> list[QuarterProject]:
        """What must not count, each for another reason."""
        before, after = self._first - timedelta(days=1), self._last + timedelta(days=1)
        agreed = self._day()
        return [
            self._project(LEAST_WAN - 1, case="9,999万元，不足1亿元", signed_on=self._day()),
            self._project(1, case="1万元", signed_on=self._day()),
            self._project(120_000, case="次季首日签约", signed_on=after),
            self._project(450_000, case="上季末日签约", signed_on=before),
            self._project(88_000, case="上年已签约，本季补充签约", signed_on=date(self._first.year - 1, 6, 18)),
            self._project(600_000, case="增资项目的原项目，早年已签约", signed_on=date(self._first.year - 5, 3, 9)),
            self._project(3_000, kind="增资", case="增资额不足1亿元，原项目不再计", signed_on=self._day()),
            self._project(200_000, stage="在谈", case="仅签投资意向书", paper=_INTENT, paper_on=agreed),
            self._project(500_000, stage="在谈", case="仅签框架协议", paper=_FRAMEWORK, paper_on=agreed),
            self._project(310_000, case="虚报签约，已核减", signed_on=self._day(), struck=True),
            self._project(26_000, case="重复登记，已核减", signed_on=self._day(), struck=True),
        ]

    def _project(
        self,
        amount_wan: int,
        *,
        kind: str = "新建",
        stage: str = "签约",
        counts: bool = False,
        signed_on: date | None = None,
        started_on: date | None = None,
        case: str = "",
        paper: str = "",
        paper_on: date | None = None,
        struck: bool = False,
    ) -> QuarterProject:
        chain, name = next(self._names)
        return QuarterProject(
            code="",
            name=name,
            chain=chain,
            unit=f"示例{self._random.choice(UNITS)}",
            kind=kind,
            amount_wan=amount_wan,
            stage=stage,
            counts=counts,
            signed_on=signed_on,
            started_on=started_on,
            case=case,
            paper=paper,
            paper_on=paper_on,
            struck=struck,
        )

    def _day(self) -> date:
        return self._first + timedelta(days=self._random.randrange((self._last - self._first).days + 1))

    def _all_names(self) -> Iterator[tuple[str, str]]:
        number = 0
        while True:
            number += 1
            chain = self._random.choice(list(CHAINS))
            yield chain, f"示例{CHAINS[chain]}{self._random.choice(_PARTS)}{number:03d}号项目"


def _numbered(projects: Sequence[QuarterProject], first: date) -> Iterator[QuarterProject]:
    for number, project in enumerate(projects, 1):
        yield replace(project, code=f"HC{first:%Y%m}-{number:03d}")


def _next_quarter(first: date) -> date:
    if (first.month - 1) % 3 or first.day != 1:
        raise ValueError(f"{first} begins no quarter")
    return date(first.year + (first.month == 10), (first.month + 2) % 12 + 1, 1)


def _words(quarter: Quarter) -> str:
    return f"{quarter.first.year}年第{'一二三四'[(quarter.first.month - 1) // 3]}季度"


def _notes(page: Worksheet, quarter: Quarter) -> None:
    for line in (
        f"{_words(quarter)}签约统计演示用合成数据，所有单位、项目均为虚构。",
        "“特殊情形”一列说明该项目为何列入清单，不参与导入。",
    ):
        page.append([line])


def _units(page: Worksheet) -> None:
    title(page, "责任单位（合成数据）", width=3)
    page.append(["序号", "单位名称", "上级单位"])
    headings(page, (2,))
    for number, unit in enumerate([GOVERNMENT, *(f"示例{unit}" for unit in UNITS)], 1):
        page.append([number, unit, None if unit == GOVERNMENT else GOVERNMENT])
    widths(page, {"B": 26, "C": 20})


def _signed(page: Worksheet, name: str, projects: Sequence[QuarterProject]) -> None:
    """Headings in two rows, amounts in 亿元, a total below."""
    title(page, name, width=11)
    page.append([*_ABOUT, "总投资（亿元）", "当前阶段"])
    page.append([None] * 8)
    for column, (upper, lower) in enumerate((("实际时间", "签约"), (None, "开工"), (_CASE, None)), start=9):
        page.cell(2, column, upper)
        page.cell(3, column, lower)
    for span in ("I2:J2", "K2:K3", *(f"{letter}2:{letter}3" for letter in "ABCDEFGH")):
        page.merge_cells(span)
    headings(page, (2, 3))
    for number, item in enumerate(projects, 1):
        about: list[Value] = [number, item.code, item.name, item.chain, item.unit, item.kind, item.amount_wan / 10_000]
        page.append([*about, f"已{item.stage}", item.signed_on, item.started_on, item.case or None])
    page.append(["合计", *[None] * 5, sum(item.amount_wan for item in projects) / 10_000])
    widths(page, {"B": 18, "C": 36, "D": 26, "E": 18, "G": 16, "K": 30})


def _negotiating(page: Worksheet, projects: Sequence[QuarterProject]) -> None:
    """One row of headings, amounts in 万元."""
    title(page, "在谈项目清单（合成数据）", width=12)
    page.append(
        [*_ABOUT, "总投资（万元）", "当前阶段", "进入当前阶段时间", *(f"{paper}编号" for paper in _PAPERS), _CASE]
    )
    headings(page, (2,))
    for number, item in enumerate(projects, 1):
        papers = [
            f"示例{paper}〔{item.code[-3:]}〕" if item.paper == paper else None for paper in (_INTENT, _FRAMEWORK)
        ]
        about: list[Value] = [number, item.code, item.name, item.chain, item.unit, item.kind, item.amount_wan]
        page.append([*about, item.stage, item.paper_on, *papers, item.case or None])
    widths(page, {"B": 18, "C": 36, "D": 26, "E": 18, "G": 16, "I": 18, "J": 24, "K": 24, "L": 24})
