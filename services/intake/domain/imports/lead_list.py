"""A list of leads, row by row (S13): a lead is known by its id, where the list was exported, or by name and firm.

The same list again changes nothing. A column that the list does not have stays as it is; an empty cell empties it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.intake.domain.drafts import Verdict
from services.intake.domain.fields import FieldType
from services.intake.domain.imports.directory import chain_key
from services.intake.domain.imports.register_list import (
    CHAIN,
    ID,
    Names,
    Row,
    RowOutcome,
    RowRefusal,
    repeated,
    too_long,
)
from services.intake.domain.organisation.programme import require_open_chain
from services.intake.domain.promotion import promotion
from services.intake.domain.promotion.promotion import PromotionRecord, RecordStatus
from shared.contracts.event import Event
from shared.contracts.promotion import Lead
from shared.kit.errors import DomainError

NAME, FIRM, USCC, COUNTRY, ORG = "name", "firm", "uscc", "country", "responsible_org"
FOUND_ON, OCCASION, EXPECTED, ABOUT = "found_on", "occasion", "expected_wan", "about"
NEEDED: Mapping[str, str] = {
    NAME: "没有填写线索名称",
    FIRM: "没有填写企业",
    CHAIN: "没有填写所属产业链",
    ORG: "没有填写跟进单位",
    FOUND_ON: "没有填写发现日期",
}
LONGEST: Mapping[str, int] = {NAME: 200, FIRM: 200, COUNTRY: 200, ABOUT: 2000}

Key = tuple[str, str]


@dataclass(slots=True)
class LeadList:
    """The taking of a list. `present`: the leads that the rows may be about; `occasions`: visits and promotion events
    by name; `own`: the chains that the caller may write for, None: all; `decided`: each lead after it, and its events.
    """

    names: Names
    present: Collection[PromotionRecord]
    occasions: Mapping[str, tuple[UUID, ...]]
    own: Collection[UUID] | None
    today: date
    by: str
    new_id: Callable[[], UUID]
    decided: list[tuple[PromotionRecord, list[Event]]] = field(default_factory=list)
    _taken: dict[Key | UUID, str] = field(default_factory=dict)

    def take(self, rows: Iterable[Row]) -> list[RowOutcome]:
        return [self._take(row) for row in rows]

    def _take(self, row: Row) -> RowOutcome:
        refusals = too_long(row, LONGEST)
        before = self._known(row.values, refusals)
        if before is None:
            refusals += [RowRefusal(key, why) for key, why in NEEDED.items() if _lacks(row, key)]
        changes = self._changes(before, row.values, refusals)
        self._require_own(before, changes, refusals)
        if refusals or row.unreadable:
            return RowOutcome(row.key, Verdict.REFUSED, refusals=tuple(refusals))
        content = _content(before, changes)
        # One that is known is told by its id: two leads of one firm may bear one name.
        if above := self._taken.get(before.id if before else _key(content)):
            return RowOutcome(row.key, Verdict.REFUSED, refusals=(RowRefusal(NAME, repeated(above, "线索")),))
        try:
            events = self._decide(before, content)
        except DomainError as error:
            return RowOutcome(row.key, Verdict.REFUSED, refusals=(RowRefusal(_column(error), error.message),))
        self._taken |= dict.fromkeys((_key(content), *((before.id,) if before else ())), row.key)
        return self._outcome(row, before, events)

    def _outcome(self, row: Row, before: PromotionRecord | None, events: list[Event]) -> RowOutcome:
        if not events:
            assert before is not None
            return RowOutcome(row.key, Verdict.UNCHANGED, before.id)
        after = promotion.fold(before, events)
        self.decided.append((after, events))
        return RowOutcome(row.key, Verdict.CHANGED if before else Verdict.RECORDED, after.id)

    def _decide(self, before: PromotionRecord | None, content: Lead) -> list[Event]:
        if before is None:
            return promotion.record(self.new_id(), content, today=self.today, by=self.by)
        if content == before.content:
            return []
        return promotion.revise(before, content, today=self.today, by=self.by)

    def _known(self, values: Mapping[str, Any], refusals: list[RowRefusal]) -> PromotionRecord | None:
        """The lead that the row is about; of several of one name and firm the one that still stands."""
        if text := values.get(ID):
            found = next((lead for lead in self.present if str(lead.id) == text.strip().lower()), None)
            if found is None:
                refusals.append(RowRefusal(ID, "系统编号有误；新增的线索请留空"))
            return found
        wanted = (str(values.get(NAME)), str(values.get(FIRM)))
        alike = [lead for lead in self.present if isinstance(lead.content, Lead) and _key(lead.content) == wanted]
        return next((lead for lead in alike if lead.status is RecordStatus.STANDING), next(iter(alike), None))

    def _changes(
        self, before: PromotionRecord | None, values: Mapping[str, Any], refusals: list[RowRefusal]
    ) -> dict[str, Any]:
        """The lead's fields of the columns that the list has, with records by their ids."""
        plain = {key: values[key] for key in (NAME, FIRM, USCC, EXPECTED) if key in values}
        plain |= {key: values[key] or "" for key in (COUNTRY, ABOUT) if key in values}
        if values.get(FOUND_ON):
            plain["found_on"] = date.fromisoformat(values[FOUND_ON])
        for key, kind, named in ((CHAIN, FieldType.CHAIN, "chain_id"), (ORG, FieldType.ORG, "responsible_org_id")):
            if values.get(key) and not (key == CHAIN and before and self._is_of(before, values[key])):
                plain[named] = self._found(key, self.names.find(kind, values[key]), refusals)
        if OCCASION in values:
            plain["occasion_id"] = self._occasion(values[OCCASION], refusals)
        return {key: value for key, value in plain.items() if value is not None or key not in _NEVER_EMPTY}

    def _is_of(self, lead: PromotionRecord, text: str) -> bool:
        """A lead of a chain that is closed by now comes back as it was exported."""
        chain = self.names.directory.chains.get(chain_key(text))
        return chain is not None and chain.id in promotion.chains_of(lead.content)

    def _found(self, key: str, found: UUID | str, refusals: list[RowRefusal]) -> UUID | None:
        if isinstance(found, UUID):
            return found
        refusals.append(RowRefusal(key, found))
        return None

    def _occasion(self, text: str | None, refusals: list[RowRefusal]) -> UUID | None:
        found = self.occasions.get(text, ()) if text else ()
        if text and len(found) != 1:
            why = f"有多个活动叫“{text}”，请在系统中登记" if found else f"没有招商活动或推介会“{text}”，请先登记"
            refusals.append(RowRefusal(OCCASION, why))
        return found[0] if len(found) == 1 else None

    def _require_own(
        self, before: PromotionRecord | None, changes: Mapping[str, Any], refusals: list[RowRefusal]
    ) -> None:
        old = set(promotion.chains_of(before.content)) if before else set()
        new = {changes["chain_id"]} if "chain_id" in changes else set()
        if self.own is not None and not (old | new) <= set(self.own):
            refusals.append(RowRefusal(CHAIN, "您任职的岗位不负责这条产业链"))
        for chain in (each for each in self.names.directory.chains.values() if each.id in new - old):
            try:
                require_open_chain(chain)
            except DomainError as error:
                refusals.append(RowRefusal(CHAIN, error.message))
                return


_NEVER_EMPTY = frozenset({"name", "firm", "chain_id", "responsible_org_id", "found_on"})


def _content(before: PromotionRecord | None, changes: Mapping[str, Any]) -> Lead:
    kept = before.content.model_dump() if before else {}
    return Lead(**{**kept, **changes})


def _key(lead: Lead) -> Key:
    return lead.name, lead.firm


def _lacks(row: Row, key: str) -> bool:
    return row.values.get(key) is None and key not in row.unreadable


def _column(error: DomainError) -> str:
    return {"发现日期": FOUND_ON}.get(str(error.details.get("what")), str(error.details.get("field", NAME)))
