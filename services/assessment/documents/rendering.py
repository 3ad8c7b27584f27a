"""A document as .docx: a form filled in. The same form and the same paper give the same bytes."""

import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from docx.opc.exceptions import PackageNotFoundError
from docxtpl import DocxTemplate
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.assessment.documents.forms import Form, FormRefused
from services.assessment.domain.bulletin import Bulletin
from services.assessment.domain.names import DOCUMENTS, TIERS, day, formal_day
from services.assessment.domain.paper import listed, needs_signature, title_of
from shared.contracts.case_documents import NamedPost, Paper
from shared.contracts.supervision import Document

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
DRAFT = "（草稿，未签发）"
_UNPRINTABLE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_LONGEST_PROPERTY = 255
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Signature:
    """签发: who, without the login, and when."""

    by: str
    on: date


def render(form: Form, paper: Paper, signature: Signature | None) -> bytes:
    """The document; without a signature it is marked as a draft.

    Raises:
        FormRefused: the form is no .docx, or asks for what there is not.
    """
    filled = _fill(form, fields(paper, signature))
    _describe(filled, paper, signature)
    return _written(filled)


def render_bulletin(form: Form, bulletin: Bulletin) -> bytes:
    """The draft of a circular on several matters.

    Raises: as `render`.
    """
    filled = _fill(form, bulletin_fields(bulletin))
    core = filled.docx.core_properties
    core.title, core.subject = _short(bulletin.title), f"{len(bulletin.matters)}项"
    core.author = core.last_modified_by = _short(bulletin.office)
    core.category, core.content_status, core.language = "通报", "草稿", "zh-CN"
    core.identifier = core.comments = core.keywords = ""
    core.created = core.modified = _midnight(bulletin.on)
    return _written(filled)


def bulletin_fields(bulletin: Bulletin) -> dict[str, Any]:
    """What the form of such a circular may ask for."""
    everything = {
        "发文机关": bulletin.office,
        "标题": bulletin.title,
        "日期": bulletin.on,
        "产业链": bulletin.chain or "",
        "件数": len(bulletin.matters),
        "草稿标记": DRAFT,
        "事项": [
            {
                "序号": place,
                "督办件编号": one.case_number,
                "项目": one.project,
                "项目编号": one.project_code,
                "产业链": one.chain,
                "节点": one.milestone,
                "到期日": one.due_on,
                "逾期工作日": one.working_days_late,
                "责任单位": one.organisation,
                "责任人": one.responsible,
            }
            for place, one in enumerate(bulletin.matters, 1)
        ],
    }
    return {name: _printable(value) for name, value in everything.items()}


def _written(filled: DocxTemplate) -> bytes:
    written = io.BytesIO()
    filled.save(written)
    return repacked(written.getvalue())


def is_draft(paper: Paper, signature: Signature | None) -> bool:
    """Whether it waits for a signature; a slip needs none."""
    return signature is None and needs_signature(paper.document)


def fields(paper: Paper, signature: Signature | None) -> dict[str, Any]:
    """What a form may ask for, under the names that those who draw forms read."""
    everything = {
        "发文机关": paper.office,
        "文种": DOCUMENTS[paper.document],
        "标题": _title(paper),
        "文号": paper.number or "",
        "督办件编号": paper.case_number,
        "级次": paper.rung,
        "项目": paper.project,
        "项目编号": paper.project_code,
        "产业链": paper.chain,
        "节点": paper.milestone,
        "到期日": paper.due_on,
        "责任单位": paper.organisation,
        "配合单位": list(paper.assisting),
        "责任人": _posts(paper.answerable),
        "主送": _posts(one for one in paper.addressees if not one.copy_only),
        "抄送": _posts(one for one in paper.addressees if one.copy_only),
        "空缺": [TIERS[tier] for tier in paper.skipped],
        "督办日期": paper.reached_on,
        "逾期工作日": paper.working_days_late,
        "回复期限": paper.reply_by,
        "亮灯提前": paper.raised_by_light,
        "日期暂定": paper.provisional,
        "下一级": _ahead(paper),
        "经过": [{"日期": one.on, "内容": one.text} for one in paper.history],
        "约谈": _talk(paper),
        "规则版本": paper.policy_version,
        "草稿": is_draft(paper, signature),
        "草稿标记": DRAFT if is_draft(paper, signature) else "",
        "签发人": signature.by if signature else "",
        "签发日期": signature.on if signature else None,
    }
    return {name: _printable(value) for name, value in everything.items()}


def _title(paper: Paper) -> str:
    return title_of(paper.document, project=paper.project, milestone=paper.milestone)


def _posts(posts: Iterable[NamedPost]) -> list[dict[str, str]]:
    return [
        {"岗位": one.title, "姓名": one.holder or "", "代理": one.delegate or "", "全称": listed([one])}
        for one in posts
    ]


def _ahead(paper: Paper) -> dict[str, Any] | None:
    if paper.ahead is None:
        return None
    to, kind = "、".join(TIERS[tier] for tier in paper.ahead.to), DOCUMENTS[paper.ahead.document]
    is_talk = paper.ahead.document in (Document.TALK, Document.TALK_CHIEF)
    said = f"由{to}约谈" if is_talk else f"{kind}，报{to}"
    return {"日期": paper.ahead.on, "文种": kind, "对象": to, "说明": said}


def _talk(paper: Paper) -> dict[str, Any] | None:
    if (talk := paper.talk) is None:
        return None
    return {
        "日期": talk.on,
        "地点": talk.place,
        "参加人": list(talk.participants),
        "内容": talk.said,
        "要求": talk.asked,
        "期限": talk.asked_by,
    }


def _printable(value: Any) -> Any:
    """Without what no XML may hold, and what a form would take for paragraphs, tabs and pages."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub("", value.replace("\t", " ").replace("\r\n", "\n").replace("\r", "\n"))
    if isinstance(value, Mapping):
        return {name: _printable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_printable(one) for one in value]
    return value


def _fill(form: Form, values: Mapping[str, Any]) -> DocxTemplate:
    try:
        filled = DocxTemplate(io.BytesIO(form.body))
        filled.render(dict(values), _environment(), autoescape=True)
    except Exception as error:
        raise FormRefused(form.name, _reason(error)) from error
    return filled


def _reason(error: Exception) -> str:
    if isinstance(error, zipfile.BadZipFile | PackageNotFoundError | KeyError):
        return "文件不是有效的 .docx 文档"
    if isinstance(error, SecurityError):
        return "模板使用了不允许的操作"
    if isinstance(error, UndefinedError):
        return f"模板中有未提供的字段（{error.message}）"
    if isinstance(error, TemplateSyntaxError):
        return f"模板标记有语法错误（{error.message}）"
    if isinstance(error, TemplateError):
        return f"模板无法填写（{error.message}）"
    return f"填写后不是有效的文档（{type(error).__name__}）"


def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    made.filters.update({"日": _day, "汉字日期": _formal_day, "全称": _full_names})
    return made


def _day(on: date | None) -> str:
    return day(on) if on else ""


def _formal_day(on: date | None) -> str:
    """A day as an official paper is dated; room for it where there is none yet."""
    return formal_day(on) if on else "　　　　年　　月　　日"


def _full_names(posts: Iterable[Mapping[str, str]]) -> str:
    return "、".join(one["全称"] for one in posts)


def _describe(filled: DocxTemplate, paper: Paper, signature: Signature | None) -> None:
    core = filled.docx.core_properties
    core.title = _short(_title(paper))
    core.subject = _short(f"{paper.project} {paper.milestone}")
    core.identifier = _short(paper.number or paper.case_number)
    core.author = core.last_modified_by = _short(paper.office)
    core.category = _short(DOCUMENTS[paper.document])
    core.content_status = "草稿" if is_draft(paper, signature) else "已签发" if signature else "无需签发"
    core.language = "zh-CN"
    core.comments = core.keywords = ""
    core.created = core.modified = _midnight(signature.on if signature else paper.reached_on)


def _short(text: str) -> str:
    return str(_printable(text))[:_LONGEST_PROPERTY]


def _midnight(on: date) -> datetime:
    return datetime(on.year, on.month, on.day)  # noqa: DTZ001 - core properties bear no zone


def repacked(document: bytes) -> bytes:
    """The same parts without the instant at which they were packed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as parts, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as anew:
        for name in parts.namelist():
            anew.writestr(zipfile.ZipInfo(name, _EPOCH), parts.read(name), zipfile.ZIP_DEFLATED)
    return packed.getvalue()
