from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from services.intake.domain.drafts import MilestoneDraft, ProjectDraft
from services.intake.domain.imports.roster import PostDraft
from services.intake.workbook.notices import days_unknown
from services.intake.workbook.problems import WorkbookRefused
from services.intake.workbook.reading import read_workbook
from services.intake.workbook.results import ReadRow
from shared.contracts.programme import OrganisationKind, Tier
from shared.contracts.projects import Evidence, ProjectKind, Source, Stage
from tests.support.workbooks import HEADING, Row, project_list, saved, workbook

GOOD: Row = (1, "示例船舶配套", "船舶海工", "示例工信局", "张示例", "新建", 3.5, "签约", "2026年3月")


def drafts(content: bytes) -> list[ProjectDraft]:
    return [row.project for row in read_workbook(content).rows if row.project]


def only(content: bytes) -> ReadRow:
    (row,) = read_workbook(content).rows
    return row


def reasons(row: ReadRow) -> list[tuple[str, str]]:
    return [(reason.cell, reason.reason) for reason in row.reasons]


def good(**changes: object) -> Row:
    return tuple({**dict(zip(HEADING, GOOD, strict=True)), **changes}.values())


def test_a_row_becomes_a_draft_with_its_milestone() -> None:
    row = only(project_list(GOOD))

    assert row.project == ProjectDraft(
        row="项目清单!2",
        name="示例船舶配套",
        chain="船舶海工",
        responsible_org="示例工信局",
        total_investment_wan=35_000,
        stage=Stage.SIGNED,
        kind=ProjectKind.NEW,
        responsible_post="张示例",
        milestones=(MilestoneDraft("开工", date(2026, 3, 31), Stage.STARTED),),
    )
    assert row.places["total_investment"].cell == "G2"
    assert row.places["milestone:开工"].column == "计划开工时间"


def test_a_bad_row_takes_no_good_row_with_it_and_names_every_bad_cell() -> None:
    bad = good(项目名称="示例二", 当前阶段="推进中", 计划开工时间="3月")
    read = read_workbook(project_list(GOOD, bad, good(项目名称="示例三")))

    assert [row.project is not None for row in read.rows] == [True, False, True]
    assert [reason.cell for reason in read.rows[1].reasons] == ["H3", "I3"]
    assert read.rows[1].reasons[0].value == "推进中"
    assert "在谈、签约" in read.rows[1].reasons[0].reason


def test_title_lines_stand_above_the_heading_and_state_the_unit() -> None:
    heading = [text.replace("（亿元）", "") for text in HEADING]
    above: list[Row] = [["2026年重点项目清单（示例）"], ["填报单位：示例局", None, "单位：万元"], []]
    content = project_list(good(**{"总投资（亿元）": 35_000}), heading=heading, above=above)

    assert [draft.total_investment_wan for draft in drafts(content)] == [35_000]


def test_a_bare_number_under_a_heading_without_unit_is_refused_with_its_cell() -> None:
    heading = [text.replace("（亿元）", "") for text in HEADING]
    row = only(project_list(GOOD, heading=heading))

    assert row.project is None
    assert reasons(row) == [("G2", "列标题“总投资”没有单位，无法判断是亿元还是万元，请写明，如“3.5亿元”")]


def test_units_may_be_mixed_in_one_column_where_they_are_written() -> None:
    rows = [
        good(项目名称=f"示例{n}", **{"总投资（亿元）": value}) for n, value in enumerate((3.5, "35000万元", "3.5亿"))
    ]

    assert [draft.total_investment_wan for draft in drafts(project_list(*rows))] == [35_000] * 3


def test_headings_of_two_rows_are_read_as_one() -> None:
    content = workbook(
        {
            "在建": [
                ["重点项目（示例）"],
                [
                    "序号",
                    "项目名称",
                    "产业链",
                    "牵头单位",
                    "责任人",
                    "投资（万元）",
                    None,
                    "进展阶段",
                    "计划",
                    None,
                    "实际",
                    None,
                ],
                [None, None, None, None, None, "总投资", "年度投资", None, "开工", "竣工时间", "签约时间", "开工"],
                [1, "示例一", "汽车", "示例局", "张示例", 35000, 100, "签约", "2026.3", "2026.12", "2026-01-05", None],
            ]
        },
        merged={"在建": ["A1:L1", "A2:A3", "B2:B3", "C2:C3", "D2:D3", "F2:G2", "H2:H3", "I2:J2", "K2:L2"]},
    )
    (draft,) = drafts(content)

    assert draft.total_investment_wan == 35_000
    assert draft.signed_on == date(2026, 1, 5)
    assert draft.started_on is None
    assert [(line.name, line.due_on) for line in draft.milestones] == [
        ("开工", date(2026, 3, 31)),
        ("竣工", date(2026, 12, 31)),
    ]


@pytest.mark.parametrize(
    "aside",
    [
        [None, "合计", None, None, None, None, 7],
        ["小计", None, None, None, None, None, 7],
        [None, "船舶海工小计（2个）", None, None, None, None, 7],
        ["合 计：2个"],
        ["一", "新建项目", None, None, None, None, 7],
        ["（二）", "增资项目"],
        ["一、新建项目"],
        ["注：总投资含设备投资"],
        ["填表人：某某"],
        list(HEADING),
        [None, None, None],
        [3],
        [4, None, None, None, None, None, None, None, "/"],
    ],
)
def test_totals_sections_notes_and_repeated_headings_are_no_entries(aside: Row) -> None:
    read = read_workbook(project_list(GOOD, aside, good(项目名称="示例二")))

    assert [row.project is not None for row in read.rows] == [True, True]


def test_what_was_passed_over_is_told() -> None:
    read = read_workbook(
        project_list(GOOD, [None, "合计", None, None, None, None, 3.5], heading=[*HEADING, "形象进度"])
    )

    assert "工作表“项目清单”的这些列未导入：形象进度" in read.notices
    assert "工作表“项目清单”第3行是合计、分节或说明，未导入" in read.notices


def test_a_row_with_a_name_and_nothing_else_is_refused_not_lost() -> None:
    row = only(project_list([5, "只有名称的示例项目"]))

    assert [reason for _, reason in reasons(row)] == [
        "没有填写所属产业链",
        "没有填写责任单位",
        "没有填写总投资",
        "没有填写当前阶段",
    ]


def test_a_row_without_a_name_is_refused_not_lost() -> None:
    assert ("B2", "没有填写项目名称") in reasons(only(project_list(good(项目名称=None))))


def test_a_missing_column_is_named_for_each_row() -> None:
    heading = [text for text in HEADING if text != "当前阶段"]
    row = only(
        project_list([value for text, value in zip(HEADING, GOOD, strict=True) if text != "当前阶段"], heading=heading)
    )

    assert reasons(row) == [("", "本表没有“当前阶段”列")]
    assert row.reasons[0].column == "当前阶段"


def test_a_missing_column_is_told_once_with_the_headings_that_were_not_recognised() -> None:
    heading = ["行业" if text == "所属产业链" else text for text in HEADING]
    heading = ["推进情况" if text == "当前阶段" else text for text in heading]
    read = read_workbook(project_list(GOOD, good(项目名称="示例二"), heading=heading))

    assert read.notices == ("工作表“项目清单”没有“所属产业链”、“当前阶段”列，各行均退回；未识别的列：行业、推进情况",)


def test_a_timetable_out_of_order_is_refused_with_both_cells() -> None:
    heading = [*HEADING, "计划竣工时间", "计划投产时间"]
    swapped, gap, same = read_workbook(
        project_list(
            (*GOOD, "2026年2月", None),
            (*good(项目名称="示例二"), None, "2025年12月"),
            (*good(项目名称="示例三"), "2026年3月", "2026年3月"),
            heading=heading,
        )
    ).rows

    told = "计划竣工时间（J2，2026-02-28）早于计划开工时间（I2，2026-03-31），请核对"
    assert reasons(swapped) == [("J2", told)]
    assert [cell for cell, _ in reasons(gap)] == ["K3"]
    assert same.project


def test_a_stage_reached_on_an_unknown_day_is_taken_and_told_once_for_the_sheet() -> None:
    heading = [*HEADING, "签约时间", "开工时间"]
    read = read_workbook(
        project_list(
            (*GOOD, None, None),
            (*good(项目名称="示例二", 当前阶段="在建"), None, None),
            (*good(项目名称="示例三", 当前阶段="在建"), "2026-01-05", "2026-03-01"),
            (*good(项目名称="示例四", 当前阶段="竣工"), "2026-01-05", None),
            (*good(项目名称="示例五", 当前阶段="在谈"), None, None),
            heading=heading,
        )
    )

    assert all(row.project for row in read.rows)
    assert days_unknown(read.rows) == [
        "工作表“项目清单”第2–3行已到签约或以后阶段，没有填写签约时间；第3、5行已到开工或以后阶段，没有填写开工时间。请补填",
    ]
    assert days_unknown(read.rows[2:3]) == []


def test_a_value_merged_down_the_rows_holds_for_each() -> None:
    rows = [HEADING, GOOD, good(项目名称="示例二", 责任单位=None)]
    content = workbook({"清单": rows}, merged={"清单": ["D2:D3"]})

    assert [draft.responsible_org for draft in drafts(content)] == ["示例工信局"] * 2


def test_a_project_over_two_merged_rows_is_refused_in_its_second() -> None:
    content = workbook({"清单": [HEADING, GOOD, good(项目名称=None)]}, merged={"清单": ["B2:B3"]})
    first, second = read_workbook(content).rows

    assert first.project
    assert reasons(second) == [("B3", "项目名称单元格与上一行合并，一个项目请只占一行")]


def test_two_columns_of_one_meaning_must_agree() -> None:
    heading = [*HEADING, "总投资（万元）"]
    same, other = (*GOOD, 35_000), (*good(项目名称="示例二"), 40_000)
    first, second = read_workbook(project_list(same, other, heading=heading)).rows

    assert first.project
    assert reasons(second) == [("J3", "与G3（总投资（亿元））不一致，请只保留一个")]


def test_the_same_project_twice_is_refused_the_second_time() -> None:
    content = workbook({"签约": [HEADING, GOOD], "在建": [HEADING, good(当前阶段="在建")]})
    first, second = read_workbook(content).rows

    assert first.project
    assert reasons(second) == [("B2", "与“签约”第2行是同一项目，请只保留一行")]


def test_a_serial_number_is_no_project_code() -> None:
    heading = ["编号", *HEADING[1:], "项目编号"]
    (draft,) = drafts(project_list((*GOOD, 20260012), heading=heading))

    assert draft.code == "20260012"


def test_full_width_digits_and_stray_blanks_are_tidied_in_names() -> None:
    (draft,) = drafts(project_list(good(项目名称=" 示例　１期\n项目（二） ", 责任人="张 示例")))

    assert draft.name == "示例 1期项目（二）"
    assert draft.responsible_post == "张示例"


def test_an_expansion_is_one_only_where_the_list_says_so() -> None:
    told = only(project_list(good(项目名称="示例增资项目", 项目类型="增资")))
    silent = only(project_list(good(项目名称="示例增资项目", 项目类型=None)))

    assert told.project
    assert told.project.kind is ProjectKind.EXPANSION
    assert reasons(silent) == [("F2", "项目名称像是增资或扩建，请填写项目类型：新建或增资")]


def test_a_formula_error_is_no_empty_cell() -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(list(HEADING))
    page.append(list(GOOD))
    page["I2"].value, page["I2"].data_type = "#REF!", "e"

    assert reasons(only(saved(book))) == [("I2", "公式出错（#REF!），请改为日期")]


def test_hidden_sheets_are_left_out_and_told() -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    page.append(list(HEADING))
    page.append(list(GOOD))
    hidden = book.create_sheet("旧表")
    hidden.append(list(HEADING))
    hidden.append(list(good(项目名称="旧项目")))
    hidden.sheet_state = "hidden"
    page.column_dimensions["E"].hidden = True
    read = read_workbook(saved(book))

    assert [row.project.name for row in read.rows if row.project] == ["示例船舶配套"]
    assert read.rows[0].project is not None
    assert read.rows[0].project.responsible_post == "张示例"
    assert "工作表“旧表”是隐藏的，未导入" in read.notices


def test_evidence_takes_the_day_of_its_stage() -> None:
    heading = [*HEADING, "签约时间", "正式合同编号", "施工合同编号"]
    found, undated = read_workbook(
        project_list(
            (*GOOD, datetime(2026, 1, 5), "示合2026-1"),  # noqa: DTZ001
            (*good(项目名称="示例二"), None, None, "施2026-1"),
            heading=heading,
        )
    ).rows

    assert found.project
    assert found.project.evidence == (Evidence(kind="formal_contract", on=date(2026, 1, 5), reference="示合2026-1"),)
    assert found.project.reached_on == date(2026, 1, 5)
    assert reasons(undated) == [("L3", "填写了凭证，但没有填写相应的日期")]


def test_a_milestone_knows_the_document_it_comes_from() -> None:
    heading = [*HEADING, "任务来源"]
    (draft,) = drafts(project_list((*GOOD, "3月18日会议纪要"), heading=heading))

    assert draft.milestones[0].source is Source.CONFERENCE
    assert draft.milestones[0].source_document == "3月18日会议纪要"


ORGANISATION = ("单位名称", "上级单位", "岗位", "层级", "姓名", "所属产业链", "任职时间", "联系电话")


def test_an_organisation_sheet_comes_before_the_projects_whatever_the_order() -> None:
    content = workbook(
        {
            "项目清单": [HEADING, GOOD],
            "机构人员": [
                ORGANISATION,
                ["示例区委", None, "示例区总链长", "总链长", "甲示例", None, "2025-01-01", "13800000000"],
                ["示例区委", None, "示例链长", "链长", "乙示例", "船舶海工、汽车", None, None],
                ["示例工信局", "示例区委", "示例副局长", "单位负责人", "空缺", None, None, None],
                ["示例街道"],
            ],
        }
    )
    read = read_workbook(content)

    assert [row.post for row in read.rows] == [
        PostDraft(
            "机构人员!2",
            "示例区委",
            title="示例区总链长",
            tier=Tier.CHIEF_GENERAL,
            person="甲示例",
            from_day=date(2025, 1, 1),
        ),
        PostDraft("机构人员!3", "示例区委", "", "示例链长", Tier.CHIEF, "乙示例", False, ("船舶海工", "汽车")),
        PostDraft("机构人员!4", "示例工信局", "示例区委", "示例副局长", Tier.UNIT_HEAD, vacant=True),
        PostDraft("机构人员!5", "示例街道"),
        None,
    ]
    assert "工作表“机构人员”的这些列未导入：联系电话" in read.notices


def test_the_kind_of_a_unit_is_read_and_an_unknown_one_is_refused_with_its_cell() -> None:
    heading = ("单位名称", "上级单位", "单位类别", "岗位")
    rows = [heading, ["示例街道", None, "街道、镇", None], ["示例园区", None, "产业园", None]]
    known, unknown = read_workbook(workbook({"机构人员": rows})).rows
    assert known.post is not None
    assert known.post.kind is OrganisationKind.SUB_DISTRICT
    (reason,) = unknown.reasons
    assert (reason.cell, reason.column) == ("C3", "单位类别")


def test_an_organisation_row_is_refused_with_its_cells() -> None:
    content = workbook(
        {"机构": [ORGANISATION, ["示例局", None, "示例链长", None, "甲"], ["示例局", None, None, "科长", "乙"]]}
    )
    chief, other = read_workbook(content).rows

    assert reasons(chief) == [("D2", "没有填写层级")]
    assert [cell for cell, _ in reasons(other)] == ["D3", "C3"]


def test_the_old_format_is_read_alike() -> None:
    first, second, third = read_workbook((Path(__file__).parent / "data" / "old-format.xls").read_bytes()).rows

    assert first.project
    assert second.project
    assert (first.project.total_investment_wan, second.project.total_investment_wan) == (35_000, 20_000)
    assert [row.milestones[0].due_on for row in (first.project, second.project)] == [
        date(2026, 3, 31),
        date(2026, 6, 30),
    ]
    assert second.project.responsible_org == "示例工信局"  # merged down from the row above
    assert [cell for cell, _ in reasons(third)] == ["G5"]


def test_a_workbook_without_a_known_heading_is_refused_whole() -> None:
    with pytest.raises(WorkbookRefused, match="没有找到可导入的清单"):
        read_workbook(workbook({"封面": [["示例"], ["a", "b"]]}))
