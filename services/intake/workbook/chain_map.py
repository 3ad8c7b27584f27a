"""A chain's 招商图谱 as a list: a segment a row, to be edited and taken back."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.intake.domain.fields import FieldRule, FieldType
from services.intake.domain.imports.register_list import ID
from services.intake.domain.organisation.chain_maps import ChainMap, SegmentDraft
from services.intake.domain.terms import POSITION_NAMES
from services.intake.workbook.register_lists import FieldRow, Layout
from shared.contracts.programme import Position, TargetFirm

LAYOUT: Layout = (
    FieldRule("name", "环节名称", FieldType.TEXT, required=True),
    FieldRule("position", "位置", FieldType.CHOICE, required=True, choices=tuple(POSITION_NAMES.values())),
    FieldRule("parent", "上级环节", FieldType.TEXT, note="本表中另一环节的名称；顶层环节留空"),
    FieldRule("supplies", "供给环节", FieldType.TEXT, note="本环节的产品供给哪些环节，用、隔开"),
    FieldRule("strengths", "优势", FieldType.TEXT, note="一行一条"),
    FieldRule("gaps", "短板", FieldType.TEXT, note="一行一条"),
    FieldRule("target_firms", "目标企业", FieldType.PARTNERS, note="用、隔开，可在括号内注明统一社会信用代码"),
    FieldRule(ID, "系统编号", FieldType.TEXT, note="导出时填写，请勿改动；新增的环节留空"),
)
POSITIONS = {word: position for position, word in POSITION_NAMES.items()}
_NAMES = re.compile(r"[、,，;；\n]+")


def rows_of(chain_map: ChainMap) -> list[Mapping[str, Any]]:
    """The segments as rows, from upstream to downstream."""
    names = {id: segment.name for id, segment in chain_map.segments.items()}
    order = list(Position)
    segments = sorted(chain_map.segments.values(), key=lambda one: (order.index(one.position), one.name))
    return [
        {
            "name": one.name,
            "position": POSITION_NAMES[one.position],
            "parent": names.get(one.parent_id) if one.parent_id else None,
            "supplies": "、".join(names[id] for id in one.supplies) or None,
            "strengths": "\n".join(one.strengths) or None,
            "gaps": "\n".join(one.gaps) or None,
            "target_firms": "、".join(_firm(firm) for firm in one.target_firms) or None,
            ID: str(one.id),
        }
        for one in segments
    ]


def draft_of(row: FieldRow, present: ChainMap) -> SegmentDraft:
    """A row as a draft; a column that the sheet lacks leaves what there is. Remarks on firms stay."""
    values = row.values
    id = _id(values.get(ID))
    segment = present.segments.get(id) if id else None
    notes = {firm.name: firm.note for firm in segment.target_firms} if segment else {}
    firms = values.get("target_firms") or ()
    return SegmentDraft(
        row=f"{row.sheet}!{row.row}",
        name=values.get("name") or "",
        id=id,
        position=POSITIONS.get(values.get("position") or ""),
        parent=(values["parent"] or "").strip() if "parent" in values else None,
        supplies=_split(values, "supplies", _NAMES),
        strengths=_split(values, "strengths", re.compile(r"\n+")),
        gaps=_split(values, "gaps", re.compile(r"\n+")),
        target_firms=tuple(
            TargetFirm(name=firm["name"], uscc=firm["uscc"], note=notes.get(firm["name"], "")) for firm in firms
        )
        if "target_firms" in values
        else None,
    )


def _split(values: Mapping[str, Any], key: str, between: re.Pattern[str]) -> tuple[str, ...] | None:
    if key not in values:
        return None
    return tuple(dict.fromkeys(part.strip() for part in between.split(values[key] or "") if part.strip()))


def _id(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return UUID(int=0)


def _firm(firm: TargetFirm) -> str:
    return firm.name + (f"（{firm.uscc}）" if firm.uscc else "")
