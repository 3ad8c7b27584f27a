"""The columns of a list of leads (S13)."""

from services.intake.domain.fields import FieldRule, FieldType
from services.intake.domain.imports import lead_list as columns
from services.intake.domain.imports.register_list import CHAIN, ID
from services.intake.workbook.register_lists import Layout

LEADS: Layout = (
    FieldRule(columns.NAME, "线索名称", FieldType.TEXT, required=True),
    FieldRule(columns.FIRM, "企业", FieldType.TEXT, required=True),
    FieldRule(columns.USCC, "统一社会信用代码", FieldType.USCC),
    FieldRule(columns.COUNTRY, "国别", FieldType.TEXT),
    FieldRule(CHAIN, "所属产业链", FieldType.CHAIN, required=True),
    FieldRule(columns.ORG, "跟进单位", FieldType.ORG, required=True),
    FieldRule(columns.FOUND_ON, "发现日期", FieldType.DATE, required=True),
    FieldRule(columns.OCCASION, "来源活动", FieldType.TEXT, note="招商活动或推介会的名称，须已登记"),
    FieldRule(columns.EXPECTED, "预计投资", FieldType.INT_WAN, unit="万元"),
    FieldRule(columns.ABOUT, "说明", FieldType.TEXT),
    FieldRule(ID, "系统编号", FieldType.TEXT, note="导出时填写，请勿改动；新增的线索留空"),
)
