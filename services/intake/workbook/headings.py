"""The columns that are known, and how offices head them; one row of headings or two."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from services.intake.workbook.text import compact


class Column(StrEnum):
    """What a column holds. The value is what a refusal calls it when the sheet has no such column."""

    SERIAL = "序号"
    CODE = "项目编号"
    NAME = "项目名称"
    CHAIN = "所属产业链"
    ORG = "责任单位"
    RESPONSIBLE = "责任人"
    KIND = "项目类型"
    TOTAL = "总投资"
    SIGNED_AMOUNT = "签约金额"
    STAGE = "当前阶段"
    REACHED_ON = "进入当前阶段时间"
    SIGNED_ON = "签约时间"
    STARTED_ON = "开工时间"
    COMPLETED_ON = "竣工时间"
    PRODUCING_ON = "投产时间"
    FULL_CAPACITY_ON = "达产时间"
    PLAN_SIGNED = "计划签约时间"
    PLAN_STARTED = "计划开工时间"
    PLAN_COMPLETED = "计划竣工时间"
    PLAN_PRODUCING = "计划投产时间"
    PLAN_FULL_CAPACITY = "计划达产时间"
    OUTPUT_RATIO = "达产倍数"
    FORMAL_CONTRACT = "正式合同编号"
    FRAMEWORK_AGREEMENT = "框架协议编号"
    LETTER_OF_INTENT = "投资意向书编号"
    BUSINESS_LICENCE = "营业执照编号"
    APPROVAL = "立项批复文号"
    CONSTRUCTION_CONTRACT = "施工合同编号"
    SITE_PHOTOGRAPH = "现场照片"
    ACCEPTANCE = "竣工验收材料"
    FIRST_INVOICE = "首张发票"
    OUTPUT_REPORT = "产出报告"
    REPLAN_REASON = "调整原因"
    SOURCE_DOCUMENT = "任务来源"
    REMARK = "备注"

    ORG_NAME = "单位名称"
    ORG_PARENT = "上级单位"
    ORG_KIND = "单位类别"
    POST = "岗位"
    TIER = "层级"
    PERSON = "姓名"
    FROM_DAY = "任职时间"

    REJECTED_ROW = "原行号"
    REJECTED_REASON = "原因"


STEPS = {
    "签约": (Column.SIGNED_ON, Column.PLAN_SIGNED),
    "开工": (Column.STARTED_ON, Column.PLAN_STARTED),
    "竣工": (Column.COMPLETED_ON, Column.PLAN_COMPLETED),
    "投产": (Column.PRODUCING_ON, Column.PLAN_PRODUCING),
    "达产": (Column.FULL_CAPACITY_ON, Column.PLAN_FULL_CAPACITY),
}
_DATE_WORD = "(?:时间|日期|年月|节点|时限|月份)"
_NUMBER_WORD = "(?:编号|文号|号)"
_PLANNED = "(?:计划|预计|拟|目标|约定|力争)"
_PROJECT_WORDS = {
    Column.SERIAL: r"序号|序|编号",
    Column.CODE: r"项目(?:库)?(?:编号|编码|代码)",
    Column.NAME: r"(?:重点)?(?:项目|工程)名称|名称|项目",
    Column.CHAIN: r"(?:所属|所在)?(?:重点)?(?:产业)?链条?(?:名称)?",
    Column.ORG: r"(?:项目)?(?:责任|牵头|主责|推进)(?:责任)?(?:单位|部门)",
    Column.RESPONSIBLE: r"(?:项目)?(?:具体|第一)?责任人(?:姓名)?|责任(?:人)?[及/或]?岗位",
    Column.KIND: r"(?:项目|投资)(?:类型|性质|类别)|建设性质|新建[/或]增资",
    Column.TOTAL: r"(?:项目)?(?:计划|协议|预计)?总投资(?:额|金额|规模)?|投资(?:总额|额|总规模)",
    Column.SIGNED_AMOUNT: r"(?:签约|合同|协议)(?:投资)?(?:金额|额)",
    Column.STAGE: r"(?:项目)?(?:当前|目前|现|所处|进展|推进)?(?:进展|所处)?(?:阶段|状态)",
    Column.REACHED_ON: rf"(?:进入|达到)?(?:当前|本|该)?阶段{_DATE_WORD}",
    Column.OUTPUT_RATIO: r"达产(?:倍数|率)|产出倍数",
    Column.FORMAL_CONTRACT: rf"(?:正式|签约|投资)?(?:合同|协议){_NUMBER_WORD}",
    Column.FRAMEWORK_AGREEMENT: rf"框架协议{_NUMBER_WORD}?",
    Column.LETTER_OF_INTENT: rf"(?:投资)?意向书{_NUMBER_WORD}?",
    Column.BUSINESS_LICENCE: rf"营业执照{_NUMBER_WORD}?",
    Column.APPROVAL: rf"(?:立项|项目)(?:批复|备案证?){_NUMBER_WORD}?",
    Column.CONSTRUCTION_CONTRACT: rf"施工合同{_NUMBER_WORD}?",
    Column.SITE_PHOTOGRAPH: rf"(?:开工)?现场照片{_NUMBER_WORD}?",
    Column.ACCEPTANCE: rf"(?:竣工)?验收(?:材料|报告)?{_NUMBER_WORD}?",
    Column.FIRST_INVOICE: rf"首张发票{_NUMBER_WORD}?",
    Column.OUTPUT_REPORT: rf"(?:产出|达产)报告{_NUMBER_WORD}?",
    Column.REPLAN_REASON: r"(?:节点|计划|时间|时限)?(?:调整|变更|延期)(?:原因|理由|说明)",
    Column.SOURCE_DOCUMENT: r"(?:任务|文件)(?:来源|依据)|来源文件",
    Column.REMARK: r"备注|说明|备注说明",
    **{actual: rf"(?:实际|正式)?{step}{_DATE_WORD}|实际{step}" for step, (actual, _) in STEPS.items()},
    **{
        planned: rf"{_PLANNED}(?:完成)?{step}{_DATE_WORD}?|{step}(?:计划|目标){_DATE_WORD}|{step}时限"
        for step, (_, planned) in STEPS.items()
    },
    Column.REJECTED_ROW: r"原行号",
    Column.REJECTED_REASON: r"原因",
}
_ORGANISATION_WORDS = {
    Column.SERIAL: r"序号|序|编号",
    Column.ORG_NAME: r"(?:所在|所属)?(?:单位|机构)(?:名称|全称)?",
    Column.ORG_PARENT: r"(?:上级|主管)(?:单位|机构|部门)",
    Column.ORG_KIND: r"(?:单位|机构)(?:类别|类型|性质)",
    Column.POST: r"(?:岗位|职务|任职)(?:名称)?",
    Column.TIER: r"(?:岗位)?层级(?:名称)?",
    Column.PERSON: r"(?:人员|任职人员)?姓名|任职人员|任职人",
    Column.CHAIN: r"(?:所属|分管|联系|负责)?(?:重点)?产业链(?:名称)?",
    Column.FROM_DAY: r"(?:任职|到任|任现职)(?:时间|日期)",
    Column.REMARK: r"备注|说明|备注说明",
    Column.REJECTED_ROW: r"原行号",
    Column.REJECTED_REASON: r"原因",
}


class ListKind(StrEnum):
    """A kind of sheet that is known."""

    PROJECTS = "projects"
    ORGANISATION = "organisation"


_WORDS = {
    ListKind.PROJECTS: {column: re.compile(words) for column, words in _PROJECT_WORDS.items()},
    ListKind.ORGANISATION: {column: re.compile(words) for column, words in _ORGANISATION_WORDS.items()},
}
MARKS = {ListKind.PROJECTS: frozenset({Column.NAME}), ListKind.ORGANISATION: frozenset({Column.ORG_NAME})}
"""The column without which a sheet is no list of the kind."""
REQUIRED = {
    ListKind.PROJECTS: (Column.NAME, Column.CHAIN, Column.ORG, Column.TOTAL, Column.STAGE),
    ListKind.ORGANISATION: (Column.ORG_NAME,),
}
MINOR = frozenset({Column.SERIAL, Column.REMARK, Column.REJECTED_ROW, Column.REJECTED_REASON})
"""Columns that say nothing about what kind of list this is."""

_BRACKETED = re.compile(r"[(\[【〔][^)\]】〕]*[)\]】〕]")
_IS_PLANNED = re.compile(_PLANNED)
_IS_ACTUAL = re.compile(r"实际|完成(?:情况|时间)")
_UNIT_TAIL = re.compile(r"[:,]?(?:单位:?)?(?:亿元|万元|元)$")


@dataclass(frozen=True, slots=True)
class Heading:
    """One column's heading; `parts` from the top row down, as written."""

    index: int
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        return _joined(self.parts)


@lru_cache(maxsize=1024)
def _joined(parts: tuple[str, ...]) -> str:
    return "/".join(dict.fromkeys("".join(part.split()) for part in parts if part))


def column_of(heading: Heading, kind: ListKind) -> Column | None:
    """What a column holds by its heading, or None.

    Under a heading of two rows the lower word counts, in the light of the upper: 计划时间 over 开工 is 计划开工.
    """
    labels = [label for part in heading.parts if (label := label_of(part))]
    if not labels:
        return None
    *upper, lower = labels
    candidates = [lower]
    if upper and not (_IS_PLANNED.search(lower) or _IS_ACTUAL.search(lower)):
        above = "".join(upper)
        if _IS_PLANNED.search(above):
            candidates = [f"计划{lower}"]
        elif _IS_ACTUAL.search(above):
            candidates = [f"实际{lower}"]
        else:
            candidates = [lower, f"{upper[-1]}{lower}"]
    return next(
        (column for label in candidates for column in _WORDS[kind] if _WORDS[kind][column].fullmatch(label)), None
    )


def label_of(part: str) -> str:
    """The words of a heading without brackets, units and marks of duty (*)."""
    text = _BRACKETED.sub("", compact(part)).strip("*＊:：、,。")
    return _UNIT_TAIL.sub("", text) or text
