"""The month's list of reports, as an office hands it in: out as a workbook, filled in, and taken back."""

from io import BytesIO

from openpyxl import load_workbook

from services.operator.demo.stage import DemoFailed, Person

_BOOK = "/v1/reports/workbook"
_IMPORTS = "/v1/reports/imports"
_MONTHS_TO_BUILD = 60


def hand_in(person: Person, month: str, *, but: str = "") -> int:
    """Report `month` (as 2026-03) for every project that has not; how many. `but`: the name of one that is forgotten.

    Raises:
        DemoFailed: a row was refused.
    """
    listed = person.send("GET", "intake", _BOOK, params={"month": month})
    listed.raise_for_status()
    answer = person.send("POST", "intake", _IMPORTS, params={"month": month}, content=_filled_in(listed.content, but))
    answer.raise_for_status()
    outcomes = [row["outcome"] for row in answer.json()["rows"]]
    if "refused" in outcomes:
        raise DemoFailed(f"reports of {month}: {answer.text[:500]}")
    return outcomes.count("imported")


def _filled_in(content: bytes, but: str) -> bytes:
    book = load_workbook(BytesIO(content))
    sheet = book.worksheets[0]
    columns = {str(cell.value).strip("*").partition("（")[0]: number for number, cell in enumerate(sheet[1])}
    for row in sheet.iter_rows(min_row=2):
        name, total = row[columns["项目名称"]].value, row[columns["总投资"]].value
        if not name or name == but or row[columns["报送情况"]].value == "已报送":
            continue
        row[columns["本月完成投资"]].value = int(str(total)) // _MONTHS_TO_BUILD
        row[columns["形象进度"]].value = "按计划施工"
    out = BytesIO()
    book.save(out)
    return out.getvalue()
