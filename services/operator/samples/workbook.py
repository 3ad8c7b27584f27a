"""The sample workbook: a synthetic project list as offices keep theirs, with all the mess, and eight wrong rows.

It writes what offices write, from its own knowledge of their habits: it shares no code with the import that reads it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from services.operator.samples.programme import Office, Programme, SampleProject, sample_programme
from services.operator.samples.sheets import headings, same_bytes, title, widths

_PLAIN = ("序号", "项目名称", "产业链", "牵头单位", "责任人", "项目类型")
_UPPER = (
    *(
        "序号",
        "项目名称",
        "所属产业链",
        "责任单位",
        "责任人",
        "项目类型",
        "投资情况（亿元）",
        None,
        "内部编码",
        "当前阶段",
    ),
    *("计划时间", None, None, None, "实际时间", None, None, None, "备注"),
)
_EPOCH = date(1899, 12, 30)
_FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")
_STEPS = ("签约", "开工", "竣工", "投产", "达产")

Value = str | int | float | date | None


@dataclass(frozen=True, slots=True)
class Sample:
    """The workbook, and how many of its rows are sound and how many are wrong."""

    content: bytes
    programme: Programme
    projects: int
    wrong: int


def sample_workbook(start: date, *, seed: int = 2026) -> Sample:
    """The workbook of an office on the day supervision starts; the same bytes for the same start and seed."""
    programme = sample_programme(start, seed=seed)
    writer = _Writer(start, random.Random(seed))
    book = Workbook()
    book.remove(book.active)
    writer.notes(book.create_sheet("填报说明"))
    under_way = [project for project in programme.projects if project.stage != "在谈"]
    wrong = _wrong(under_way[6:], start)
    writer.under_way(book.create_sheet("签约在建项目"), under_way, wrong)
    writer.negotiating(book.create_sheet("在谈项目"), [item for item in programme.projects if item.stage == "在谈"])
    writer.organisation(book.create_sheet("机构人员"), programme.offices)
    writer.old(book.create_sheet("旧台账"))
    book.active = 1
    return Sample(same_bytes(book, start), programme, len(programme.projects), len(wrong))


class _Writer:
    def __init__(self, start: date, random_: random.Random) -> None:
        self._start = start
        self._random = random_

    def notes(self, page: Worksheet) -> None:
        for line in ("填报说明", "本工作簿为合成示例数据，所有单位、人员、项目均为虚构。", "金额单位见各表表头。"):
            page.append([line])

    def under_way(self, page: Worksheet, projects: Sequence[SampleProject], wrong: Sequence[list[Value]]) -> None:
        """Two rows of headings, merged; sections and totals; a hidden column and an empty one."""
        title(page, f"{self._start.year}年重点产业链签约在建项目清单（合成示例）", width=19)
        page.append([f"填报单位：示例区链长制工作办公室　　填报日期：{self._start:%Y.%m.%d}"])
        page.append(list(_UPPER))
        page.append([None] * 6 + ["总投资", "年度计划投资", None, None, *_STEPS[1:], "签约", "开工"])
        for span in ("G3:H3", "K3:N3", "O3:P3", *(f"{letter}3:{letter}4" for letter in "ABCDEFIJQRS")):
            page.merge_cells(span)
        headings(page, (3, 4))
        number = 0
        for section, kind in (("一", "新建"), ("二", "增资")):
            own = [project for project in projects if project.kind == kind]
            page.append([section, f"{kind}项目（{len(own)}个）"])
            for project in own:
                number += 1
                page.append(self._row(number, project))
            page.append([None, "小计", *[None] * 4, sum(project.total_wan for project in own) / 10_000])
        for row in wrong:
            number += 1
            page.append([number, *row])
        page.append([None, "合　计", *[None] * 4, sum(project.total_wan for project in projects) / 10_000])
        page.append(["注：总投资含设备购置；计划时间只写到月的，以月底为准。"])
        page.column_dimensions["I"].hidden = True
        widths(page, {"B": 34, "C": 20, "D": 18, "E": 20, "G": 14, "S": 24})

    def negotiating(self, page: Worksheet, projects: Sequence[SampleProject]) -> None:
        """One row of headings, in 万元."""
        title(page, "在谈项目清单（合成示例）", width=9)
        page.append([*_PLAIN, "总投资（万元）", "项目阶段", "计划签约时间"])
        headings(page, (2,))
        for number, item in enumerate(projects, 1):
            amount = self._random.choice([item.total_wan, f"{item.total_wan / 10_000:g}亿元", f"{item.total_wan:,}"])
            signing = self._due(item.plans["签约"])
            page.append([number, item.name, item.chain, item.unit, item.officer, item.kind, amount, "洽谈中", signing])
        page.append(["合计", *[None] * 5, sum(item.total_wan for item in projects)])
        widths(page, {"B": 34, "C": 20, "D": 18, "E": 20, "G": 16})

    def organisation(self, page: Worksheet, offices: Sequence[Office]) -> None:
        title(page, "机构岗位人员表（合成示例，人名均为虚构）", width=7)
        page.append(["序号", "单位名称", "上级单位", "岗位", "层级", "姓名", "所属产业链"])
        headings(page, (2,))
        for number, office in enumerate(offices, 1):
            person = office.person or "空缺"
            chains = "、".join(office.chains) or None
            page.append([number, office.unit, office.parent or None, office.title, office.tier, person, chains])
        widths(page, {"B": 26, "C": 16, "D": 40, "E": 12, "G": 40})

    def old(self, page: Worksheet) -> None:
        """A forgotten sheet, hidden: it must not be taken."""
        page.append(["序号", "项目名称", "所属产业链", "责任单位", "总投资（亿元）", "当前阶段"])
        page.append([1, "示例作废项目", "汽车", "示例工信局", 1, "签约"])
        page.sheet_state = "hidden"

    def _row(self, number: int, project: SampleProject) -> list[Value]:
        plans = [self._due(project.plans.get(step)) for step in _STEPS[1:]]
        days = [self._day(project.days.get(step)) for step in _STEPS[:2]]
        amount, planned = self._amount(project.total_wan), round(project.total_wan / 40_000, 2)
        shown = {"签约": "已签约", "开工": "已开工"}.get(project.stage, project.stage)
        about: list[Value] = [number, project.name, project.chain, project.unit, project.officer, project.kind]
        return [
            *(*about, amount, planned, f"SL-{number:03d}", shown),
            *(*plans, *days, None, None, project.remark or None),
        ]

    def _amount(self, wan: int) -> Value:
        """A number of 亿元, or text with its unit, in whatever way."""
        in_yi = f"{wan / 10_000:.4f}".rstrip("0").rstrip(".")
        ways: list[Value] = [
            wan / 10_000,
            wan / 10_000,
            f"{in_yi}亿",
            f"{wan}万元",
            f"{wan:,}万",
            f"{in_yi}亿元".translate(_FULL_WIDTH),
        ]
        return self._random.choice(ways)

    def _due(self, day: date | None) -> Value:
        """A deadline at a month's end: the month alone, or the day in one of many ways."""
        if day is None:
            return self._random.choice([None, "/"])
        months: list[Value] = [
            f"{day.year}年{day.month}月",
            f"{day.year}年{day.month}月底",
            f"{day.year}-{day.month:02d}",
        ]
        return self._random.choice([*months, self._day(day)])

    def _day(self, day: date | None) -> Value:
        if day is None:
            return None
        text = f"{day.year}.{day.month}.{day.day}"
        ways: list[Value] = [day, text, f"{day.year}年{day.month}月{day.day}日", f"{day:%Y-%m-%d}", (day - _EPOCH).days]
        return self._random.choice([*ways, text.translate(_FULL_WIDTH)])


def _wrong(sound: Sequence[SampleProject], start: date) -> list[list[Value]]:
    """Eight rows, each wrong in another way; the comments say which cell an import must name."""
    good = sound[0]
    due = f"{start.year}年12月"

    def row(number: int, **changes: Value) -> list[Value]:
        cells: dict[str, Value] = {
            "name": f"示例待核实{number}号项目",
            "chain": good.chain,
            "unit": good.unit,
            "officer": good.officer,
            "kind": "新建",
            "total": "2亿元",
            "planned": None,
            "inner": None,
            "stage": "签约",
            "start": due,
            **changes,
        }
        return list(cells.values())

    return [
        row(1, total=35_000),  # a 万元 figure under 亿元
        row(2, chain="低空经济"),  # no such chain yet
        row(3, stage="推进中"),  # no stage
        row(4, start="11月底"),  # no year
        row(5, officer="某科室"),  # nobody
        row(6, unit="示例不存在局"),  # no such unit
        row(7, total="约5亿元"),  # an about-figure
        row(8, officer=None),  # a deadline without anybody responsible (S9)
    ]
