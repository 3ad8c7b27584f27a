"""The columns of a month's list of reports: what a project is known by, where it stood before, and what to fill in."""

from services.intake.domain.fields import FieldRule, FieldType
from services.intake.domain.imports import report_list as columns
from services.intake.workbook.register_lists import Layout
from services.intake.workbook.text import is_nothing

_GIVEN = "供填报时参考，改动不会导入"
_SMALL = "不足100万元的须写明单位，如“80万元”；没有的填0"

REPORTS: Layout = (
    FieldRule(columns.MONTH, "月份", FieldType.TEXT, note="导出时填写，请勿改动"),
    FieldRule(columns.CODE, "项目编号", FieldType.TEXT, required=True, note="导出时填写，请勿改动"),
    FieldRule(columns.NAME, "项目名称", FieldType.TEXT, note="须与项目编号相符；项目改名请在项目清单中办理"),
    FieldRule(columns.ORG, "责任单位", FieldType.TEXT, note=_GIVEN),
    FieldRule(columns.TOTAL, "总投资", FieldType.INT_WAN, unit="万元", note=_GIVEN),
    FieldRule(columns.LAST_MONTH, "上期月份", FieldType.TEXT, note=_GIVEN),
    FieldRule(columns.LAST_TO_DATE, "上期累计完成投资", FieldType.INT_WAN, unit="万元", note=_GIVEN),
    FieldRule(columns.LAST_FUNDS, "上期到位资金", FieldType.INT_WAN, unit="万元", note=_GIVEN),
    FieldRule(columns.LAST_PROGRESS, "上期形象进度", FieldType.TEXT, note=_GIVEN),
    FieldRule(columns.IN_MONTH, "本月完成投资", FieldType.INT_WAN, required=True, unit="万元", note=_SMALL),
    FieldRule(
        columns.TO_DATE,
        "累计完成投资",
        FieldType.INT_WAN,
        unit="万元",
        note="留空或不改的，按上期累计加本月完成计算；首次报送可含以前完成的投资",
    ),
    FieldRule(columns.FUNDS, "到位资金", FieldType.INT_WAN, required=True, unit="万元", note=f"截至月末累计；{_SMALL}"),
    FieldRule(columns.PROGRESS, "形象进度", FieldType.TEXT, required=True),
    FieldRule(
        columns.SUBMITTED,
        "报送情况",
        FieldType.CHOICE,
        choices=(columns.YES, columns.NO),
        note=f"填了数即为报送；本月没有变化、也要报送的，改为“{columns.YES}”",
    ),
)


def read_back(text: str) -> str:
    """A text as it comes back from a cell: a 形象进度 that is but a dash says nothing."""
    return "" if is_nothing(text) else text
