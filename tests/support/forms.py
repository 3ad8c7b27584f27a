"""Draws the built-in forms of documents, in the manner of GB/T 9704: A4, 仿宋 三号, red head, red line.

python -m tests.support.forms
"""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import docx
from docx.document import Document as Page
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from services.assessment.documents.forms import BUILT_IN
from services.assessment.documents.rendering import repacked

BODY, TITLE, BOLD, KAI = "仿宋_GB2312", "方正小标宋简体", "黑体", "楷体_GB2312"
RED = RGBColor(0xC0, 0x00, 0x00)
CENTRE, RIGHT, LEFT = WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.RIGHT, WD_ALIGN_PARAGRAPH.LEFT

PROVISIONAL = "{% if 日期暂定 %}（放假安排尚未公布，暂定）{% endif %}"
FACTS = (
    ("督办件编号", "{{ 督办件编号 }}（第{{ 级次 }}级）"),
    ("项目", "{{ 项目 }}（{{ 项目编号 }}）"),
    ("产业链", "{{ 产业链 }}"),
    ("节点及期限", "{{ 节点 }}，{{ 到期日|日 }}"),
    (
        "逾期",
        "截至{{ 督办日期|日 }}，逾期{{ 逾期工作日 }}个工作日" + PROVISIONAL,
    ),
    ("责任单位", "{{ 责任单位 }}{% if 配合单位 %}（配合：{{ 配合单位|join('、') }}）{% endif %}"),
    ("责任人", "{{ 责任人|全称 }}"),
)
HISTORY = "督办经过"
_AFTER_BORDERS = ("w:shd", "w:tabs", "w:snapToGrid", "w:spacing", "w:ind", "w:jc", "w:rPr")
"""What stands behind a paragraph's borders, in the order that Word insists on."""


def _font(run: Run, name: str, size: float, *, colour: RGBColor | None = None, bold: bool = False) -> None:
    run.font.name, run.font.size, run.font.bold = "Times New Roman", Pt(size), bold
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), name)
    if colour is not None:
        run.font.color.rgb = colour


def _write(
    paragraph: Paragraph,
    text: str,
    *,
    font: str = BODY,
    size: float = 16,
    align: Any = LEFT,
    indent: bool = False,
    colour: RGBColor | None = None,
    line: float | None = 28,
) -> Paragraph:
    _font(paragraph.add_run(text), font, size, colour=colour)
    form = paragraph.paragraph_format
    paragraph.alignment = align
    form.space_before = form.space_after = Pt(0)
    if line is not None:
        form.line_spacing = Pt(line)
    if indent:
        form.first_line_indent = Pt(2 * size)
    return paragraph


def _line(paragraph: Paragraph, colour: str, size: int = 12) -> None:
    """A line under the paragraph; `size` in eighths of a point."""
    borders, bottom = OxmlElement("w:pBdr"), OxmlElement("w:bottom")
    for name, value in (("val", "single"), ("sz", str(size)), ("space", "4"), ("color", colour)):
        bottom.set(qn(f"w:{name}"), value)
    borders.append(bottom)
    paragraph._element.get_or_add_pPr().insert_element_before(borders, *_AFTER_BORDERS)


def _page() -> Page:
    made = docx.Document()
    section = made.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    normal = made.styles["Normal"]
    normal.font.name, normal.font.size = "Times New Roman", Pt(16)
    normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), BODY)
    _page_number(section.footer.paragraphs[0])
    return made


def _page_number(paragraph: Paragraph) -> None:
    """页码: — 1 —, 四号 宋体."""
    _write(paragraph, "— ", font="宋体", size=14, align=CENTRE, line=None)
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    paragraph._element.append(field)
    number = Run(OxmlElement("w:r"), paragraph)
    field.append(number._element)
    number.text = "1"
    _font(number, "宋体", 14)
    _font(paragraph.add_run(" —"), "宋体", 14)


def _head(page: Page, *, number: str) -> None:
    """版头: 发文机关标志, 发文字号, the red line; a draft says so above it all."""
    page.add_paragraph("{%p if 草稿 %}")
    _write(page.add_paragraph(), "{{ 草稿标记 }}", font=BOLD, align=RIGHT)
    page.add_paragraph("{%p endif %}")
    _write(page.add_paragraph(), "{{ 发文机关 }}", font=TITLE, size=30, align=CENTRE, colour=RED, line=None)
    _write(page.add_paragraph(), "", line=14)
    _line(_write(page.add_paragraph(), number, align=CENTRE), "C00000", 16)
    _write(page.add_paragraph(), "")


def _title(page: Page, text: str = "{{ 标题 }}") -> None:
    _write(page.add_paragraph(), text, font=TITLE, size=22, align=CENTRE, line=34)
    _write(page.add_paragraph(), "")


def _text(page: Page, *paragraphs: str) -> None:
    for text in paragraphs:
        if text.startswith("{%p"):
            page.add_paragraph(text)
        else:
            _write(page.add_paragraph(), text, indent=True)


def _foot(page: Page) -> None:
    """落款: 发文机关署名, 成文日期 in Chinese figures, 签发人."""
    _write(page.add_paragraph(), "")
    _write(page.add_paragraph(), "{{ 发文机关 }}　　", align=RIGHT)
    _write(page.add_paragraph(), "{{ 签发日期|汉字日期 }}　　", align=RIGHT)
    _text(page, "{%p if not 草稿 %}", "签发人：{{ 签发人 }}", "{%p endif %}")


def _copies(page: Page) -> None:
    """版记: 抄送."""
    page.add_paragraph("{%p if 抄送 %}")
    _line(_write(page.add_paragraph(), ""), "000000", 8)
    _line(_write(page.add_paragraph(), "抄送：{{ 抄送|全称 }}。", size=14, line=24), "000000", 8)
    page.add_paragraph("{%p endif %}")


def _table(page: Page, rows: Sequence[tuple[str, ...]], widths: Sequence[int], *, head: bool = False) -> None:
    """`widths` in mm."""
    table = page.add_table(rows=0, cols=len(widths))
    table.style, table.alignment, table.autofit = "Table Grid", WD_TABLE_ALIGNMENT.CENTER, False
    for index, row in enumerate(rows):
        cells = table.add_row().cells
        for place, (cell, text, width) in enumerate(zip(cells, row, widths, strict=True)):
            cell.width = Mm(width)
            first = place == 0 or (head and index == 0)
            _write(cell.paragraphs[0], text, font=BOLD if first else BODY, size=12, line=20, align=LEFT)


def _facts(page: Page, caption: str = "附：督办事项情况表") -> None:
    _write(page.add_paragraph(), "")
    _write(page.add_paragraph(), caption, font=BOLD, size=14)
    _table(page, FACTS, (32, 124))
    _history(page)


def _history(page: Page) -> None:
    page.add_paragraph("{%p if 经过 %}")
    _write(page.add_paragraph(), HISTORY, font=BOLD, size=14)
    rows = (
        ("日期", "事项"),
        ("{%tr for 条 in 经过 %}", ""),
        ("{{ 条.日期|日 }}", "{{ 条.内容 }}"),
        ("{%tr endfor %}", ""),
    )
    _table(page, rows, (38, 118), head=True)
    page.add_paragraph("{%p endif %}")
    _write(page.add_paragraph(), "", size=2, line=2)


_OVERDUE = (
    "{{ 责任单位 }}承担的“{{ 项目 }}”项目{% if 产业链 %}（{{ 产业链 }}产业链）{% endif %}“{{ 节点 }}”节点，"
    "应于{{ 到期日|日 }}完成。截至{{ 督办日期|日 }}，已逾期{{ 逾期工作日 }}个工作日，仍未完成"
)
_RAISED = "{% if 亮灯提前 %}该项目已亮红灯，本级督办提前进行。{% endif %}"
_VACANT = ("{%p if 空缺 %}", "说明：{{ 空缺|join('、') }}岗位空缺，已按规定逐级上送。", "{%p endif %}")


def urge() -> Page:
    page = _page()
    _head(page, number="{{ 督办件编号 }}")
    _title(page)
    _write(page.add_paragraph(), "{{ 主送|全称 }}：")
    _text(
        page,
        _OVERDUE + "，已立为督办件（{{ 督办件编号 }}）。请抓紧办理，并及时签收、反馈进展。",
        "{%p if 下一级 %}",
        "如无进展，将于{{ 下一级.日期|日 }}升级办理（{{ 下一级.说明 }}）。",
        "{%p endif %}",
    )
    _write(page.add_paragraph(), "")
    _write(page.add_paragraph(), "{{ 发文机关 }}　　", align=RIGHT)
    _write(page.add_paragraph(), "{{ 督办日期|汉字日期 }}　　", align=RIGHT)
    _copies(page)
    _facts(page)
    return page


def letter() -> Page:
    page = _page()
    _head(page, number="{{ 文号 or 督办件编号 }}")
    _title(page)
    _write(page.add_paragraph(), "{{ 主送|全称 }}：")
    _text(
        page,
        _OVERDUE + "（督办件{{ 督办件编号 }}）。" + _RAISED + "现予督办，有关要求如下：",
        "一、查明未按期完成的原因，明确责任人和整改措施，倒排工期，限期完成。",
        "二、{% if 回复期限 %}于{{ 回复期限|日 }}前{% else %}及时{% endif %}书面反馈整改情况和承诺完成日期。",
        "{%p if 下一级 %}",
        "三、逾期不反馈或无实质进展的，将于{{ 下一级.日期|日 }}升级办理（{{ 下一级.说明 }}）。",
        "{%p endif %}",
        *_VACANT,
    )
    _foot(page)
    _copies(page)
    _facts(page)
    return page


def talk() -> Page:
    page = _page()
    _head(page, number="{{ 文号 or 督办件编号 }}")
    _title(page)
    rows = (
        ("约谈事由", _OVERDUE),
        ("约谈人", "{{ 主送|全称 }}"),
        ("被约谈人", "{{ 责任单位 }}　{{ 责任人|全称 }}"),
        ("约谈时间", "{% if 约谈 %}{{ 约谈.日期|日 }}{% else %}　　　　年　　月　　日　　时{% endif %}"),
        ("约谈地点", "{% if 约谈 %}{{ 约谈.地点 }}{% endif %}"),
        (
            "参加人员",
            "{% if 约谈 %}{{ 约谈.参加人|join('、') }}{% else %}{{ (主送 + 抄送 + 责任人)|全称 }}{% endif %}",
        ),
        ("约谈内容", "{% if 约谈 %}{{ 约谈.内容 }}{% else %}\n\n\n\n{% endif %}"),
        ("整改要求", "{% if 约谈 %}{{ 约谈.要求 }}{% else %}\n\n\n{% endif %}"),
        ("整改期限", "{% if 约谈 %}{{ 约谈.期限|日 }}{% else %}　　　　年　　月　　日前{% endif %}"),
        ("约谈人签字", "\n"),
        ("被约谈人签字", "\n"),
        ("记录人签字", "\n"),
    )
    _table(page, rows, (32, 124))
    _text(page, *_VACANT)
    _foot(page)
    _copies(page)
    _facts(page)
    return page


def circular() -> Page:
    page = _page()
    _head(page, number="{{ 文号 or 督办件编号 }}")
    _title(page)
    _write(page.add_paragraph(), "各产业链工作专班、各责任单位：")
    _text(
        page,
        _OVERDUE + "（督办件{{ 督办件编号 }}）。经逐级督办、约谈仍无实质进展，现予通报。",
        "请{{ 责任单位 }}认真整改，明确完成时限，并将整改情况书面报{{ 发文机关 }}。"
        "各产业链工作专班、各责任单位要引以为戒，加强调度，确保节点按期完成。",
        *_VACANT,
    )
    _foot(page)
    _write(page.add_paragraph(), "")
    _line(_write(page.add_paragraph(), ""), "000000", 8)
    _line(_write(page.add_paragraph(), "报送：{{ 主送|全称 }}。", size=14, line=24), "000000", 8)
    _copies(page)
    _facts(page, "附：通报事项情况表")
    return page


def bulletin() -> Page:
    page = _page()
    _write(page.add_paragraph(), "{{ 草稿标记 }}", font=BOLD, align=RIGHT)
    _write(page.add_paragraph(), "{{ 发文机关 }}", font=TITLE, size=30, align=CENTRE, colour=RED, line=None)
    _line(_write(page.add_paragraph(), ""), "C00000", 16)
    _write(page.add_paragraph(), "")
    _title(page)
    _write(page.add_paragraph(), "各产业链工作专班、各责任单位：")
    _text(
        page,
        "截至{{ 日期|日 }}，{% if 产业链 %}{{ 产业链 }}产业链{% endif %}共有{{ 件数 }}项重点项目节点"
        "经逐级督办、约谈仍未完成，现予通报（见附表）。",
        "请有关责任单位认真整改，明确完成时限，并将整改情况书面报{{ 发文机关 }}。"
        "各产业链工作专班、各责任单位要引以为戒，加强调度，确保节点按期完成。",
    )
    _write(page.add_paragraph(), "")
    _write(page.add_paragraph(), "{{ 发文机关 }}　　", align=RIGHT)
    _write(page.add_paragraph(), "　　　　年　　月　　日　　", align=RIGHT)
    _write(page.add_paragraph(), "")
    _write(page.add_paragraph(), "附：重点项目节点逾期情况表", font=BOLD, size=14)
    rows = (
        ("序号", "督办件", "项目", "产业链", "逾期节点", "应完成日期", "逾期工作日", "责任单位及责任人"),
        ("{%tr for 项 in 事项 %}", "", "", "", "", "", "", ""),
        (
            "{{ 项.序号 }}",
            "{{ 项.督办件编号 }}",
            "{{ 项.项目 }}（{{ 项.项目编号 }}）",
            "{{ 项.产业链 }}",
            "{{ 项.节点 }}",
            "{{ 项.到期日|日 }}",
            "{{ 项.逾期工作日 }}",
            "{{ 项.责任单位 }}　{{ 项.责任人 }}",
        ),
        ("{%tr endfor %}", "", "", "", "", "", "", ""),
    )
    _table(page, rows, (10, 20, 32, 18, 16, 22, 14, 26), head=True)
    _write(page.add_paragraph(), "", size=2, line=2)
    return page


FORMS: dict[str, Callable[[], Page]] = {
    "催办单": urge,
    "督办函": letter,
    "约谈记录": talk,
    "通报": circular,
    "汇总通报": bulletin,
}


def drawn(name: str) -> bytes:
    """The form as a file, the same each time."""
    page = FORMS[name]()
    core = page.core_properties
    core.title, core.author, core.comments = name, "", ""
    written = io.BytesIO()
    page.save(written)
    return repacked(written.getvalue())


def main(folder: Path = BUILT_IN) -> None:
    for name in FORMS:
        (folder / f"{name}.docx").write_bytes(drawn(name))


def parts(document: bytes) -> dict[str, bytes]:
    """The parts of a .docx file."""
    with zipfile.ZipFile(io.BytesIO(document)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


if __name__ == "__main__":
    main()
