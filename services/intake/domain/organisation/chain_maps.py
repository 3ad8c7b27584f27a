"""A chain's 招商图谱 (S7): segments, upstream to downstream, with strengths, gaps and firms to be won.

Segments stand in a tree and feed each other; they are named by their names, as a list of an office names them.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.intake.domain import uscc
from services.intake.domain.drafts import Verdict
from services.intake.domain.errors import RecordMissing
from shared.contracts.event import Event
from shared.contracts.programme import Position, SegmentRecorded, SegmentRemoved, TargetFirm
from shared.kit.errors import Conflict, Invalid


class SegmentInUse(Conflict):
    """Other segments stand below it."""


class SegmentsRefused(Invalid):
    """Some of the segments given cannot be taken; `errors` has each with its `pointer` and the reason in Chinese."""

    def __init__(self, outcomes: Sequence["SegmentOutcome"]) -> None:
        errors = [
            {"in": "body", "pointer": f"#/segments/{one.row}/{reason.field}", "detail": reason.message}
            for one in outcomes
            for reason in one.reasons
        ]
        super().__init__(str(errors[0]["detail"]), errors=errors)


@dataclass(frozen=True, slots=True)
class Segment:
    """`supplies`: the segments that this one feeds."""

    id: UUID
    name: str
    position: Position
    parent_id: UUID | None = None
    supplies: tuple[UUID, ...] = ()
    strengths: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    target_firms: tuple[TargetFirm, ...] = ()
    removed: bool = False


@dataclass(frozen=True, slots=True)
class ChainMap:
    """`segments`: those that were not removed."""

    id: UUID
    chain_id: UUID
    version: int = 0
    segments: Mapping[UUID, Segment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SegmentDraft:
    """A segment as somebody wants it; what is None stays as it is. `row`: the draft's key. `parent` and `supplies` are
    names; `parent` empty: it stands below no other. `id`: of a segment that may be named anew."""

    row: str
    name: str
    id: UUID | None = None
    position: Position | None = None
    parent: str | None = None
    supplies: tuple[str, ...] | None = None
    strengths: tuple[str, ...] | None = None
    gaps: tuple[str, ...] | None = None
    target_firms: tuple[TargetFirm, ...] | None = None


@dataclass(frozen=True, slots=True)
class SegmentReason:
    """Why a draft is refused; `field` is the draft's."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class SegmentOutcome:
    row: str
    name: str
    verdict: Verdict
    segment_id: UUID | None = None
    reasons: tuple[SegmentReason, ...] = ()


@dataclass(frozen=True, slots=True)
class _Around:
    """What there is beside a draft: segments by name, names that are taken, and what stands above what."""

    names: Mapping[str, UUID]
    kept: Collection[str]
    parents: Mapping[UUID, UUID | None]

    def in_circle(self, id: UUID) -> bool:
        above: set[UUID] = set()
        parent = self.parents.get(id)
        while parent and parent not in above:
            above.add(parent)
            parent = self.parents.get(parent)
        return id in above


class Drawing:
    """A map while drafts are taken: a draft that leans on a refused one is refused with it."""

    def __init__(self, chain_map: ChainMap, drafts: Sequence[SegmentDraft], *, new_id: Callable[[], UUID]) -> None:
        self._map = chain_map
        self._drafts = list(drafts)
        self._ids: dict[str, UUID] = {}
        self._refused: dict[str, SegmentReason] = {}
        by_name = {segment.name: segment.id for segment in chain_map.segments.values()}
        for draft in drafts:
            self._ids[draft.row] = draft.id or by_name.get(draft.name) or new_id()
        self._refuse_repeated()
        while self._refuse_unsound():
            pass

    @property
    def events(self) -> list[Event]:
        names = self._names()
        wanted = [(self._present(draft), self._wanted(draft, names)) for draft in self._sound()]
        return [self._event(after) for before, after in wanted if before != after]

    @property
    def outcomes(self) -> list[SegmentOutcome]:
        names = self._names()
        return [self._outcome(draft, names) for draft in self._drafts]

    def _outcome(self, draft: SegmentDraft, names: Mapping[str, UUID]) -> SegmentOutcome:
        if reason := self._refused.get(draft.row):
            return SegmentOutcome(draft.row, draft.name, Verdict.REFUSED, reasons=(reason,))
        before, after = self._present(draft), self._wanted(draft, names)
        verdict = Verdict.RECORDED if before is None else Verdict.CHANGED if before != after else Verdict.UNCHANGED
        return SegmentOutcome(draft.row, draft.name, verdict, after.id)

    def _sound(self) -> Iterator[SegmentDraft]:
        return (draft for draft in self._drafts if draft.row not in self._refused)

    def _present(self, draft: SegmentDraft) -> Segment | None:
        return self._map.segments.get(self._ids[draft.row])

    def _names(self) -> dict[str, UUID]:
        """Every segment that there is once the sound drafts are taken, by name."""
        renamed = {self._ids[draft.row] for draft in self._sound()}
        kept = {one.name: one.id for one in self._map.segments.values() if one.id not in renamed}
        return kept | {draft.name: self._ids[draft.row] for draft in self._sound()}

    def _refuse_repeated(self) -> None:
        names: dict[str, str] = {}
        ids: dict[UUID, str] = {}
        for draft in self._drafts:
            if draft.name in names or self._ids[draft.row] in ids:
                self._refused[draft.row] = SegmentReason("name", f"环节“{draft.name}”重复填写")
            names.setdefault(draft.name, draft.row)
            ids.setdefault(self._ids[draft.row], draft.row)

    def _refuse_unsound(self) -> bool:
        """Refuse the drafts that are not sound beside the others; those that lean on them are not sound any more."""
        around = _Around(self._names(), self._kept(), self._parents())
        found = {draft.row: next(self._reasons(draft, around), None) for draft in self._sound()}
        refused = {row: reason for row, reason in found.items() if reason}
        self._refused.update(refused)
        return bool(refused)

    def _kept(self) -> set[str]:
        """The names of the segments that no draft is about."""
        drawn = {self._ids[draft.row] for draft in self._sound()}
        return {one.name for one in self._map.segments.values() if one.id not in drawn}

    def _parents(self) -> dict[UUID, UUID | None]:
        names = self._names()
        parents = {one.id: one.parent_id for one in self._map.segments.values()}
        given = [draft for draft in self._sound() if draft.parent is not None]
        return parents | {self._ids[draft.row]: names.get(draft.parent or "") for draft in given}

    def _reasons(self, draft: SegmentDraft, around: "_Around") -> Iterator[SegmentReason]:
        own = self._ids[draft.row]
        if not draft.name:
            yield SegmentReason("name", "环节名称不能为空")
        if draft.id and draft.id not in self._map.segments:
            yield SegmentReason("id", "没有这个系统编号的环节")
        if draft.name in around.kept:
            yield SegmentReason("name", f"图谱中已有环节“{draft.name}”")
        if draft.position is None and own not in self._map.segments:
            yield SegmentReason("position", "新环节须填写位置（上游、中游、下游）")
        if draft.parent and draft.parent not in around.names:
            yield SegmentReason("parent", f"没有上级环节“{draft.parent}”")
        for name in draft.supplies or ():
            if around.names.get(name, own) == own:
                yield SegmentReason("supplies", f"没有可供给的环节“{name}”")
        for firm in draft.target_firms or ():
            if firm.uscc and (trouble := uscc.trouble(firm.uscc)):
                yield SegmentReason("target_firms", f"“{firm.name}”的{trouble}")
        if around.in_circle(own):
            yield SegmentReason("parent", f"环节“{draft.name}”与上级环节互为上级")

    def _wanted(self, draft: SegmentDraft, names: Mapping[str, UUID]) -> Segment:
        present = self._present(draft) or Segment(
            self._ids[draft.row], draft.name, draft.position or Position.MIDSTREAM
        )
        given = {
            "position": draft.position,
            "strengths": draft.strengths,
            "gaps": draft.gaps,
            "target_firms": draft.target_firms,
            "supplies": None if draft.supplies is None else tuple(names[name] for name in draft.supplies),
        }
        parent = present.parent_id if draft.parent is None else names.get(draft.parent)
        changed = {key: value for key, value in given.items() if value is not None}
        return replace(present, name=draft.name, parent_id=parent, **changed)  # type: ignore[arg-type]

    def _event(self, after: Segment) -> SegmentRecorded:
        return SegmentRecorded(
            map_id=self._map.id,
            chain_id=self._map.chain_id,
            segment_id=after.id,
            name=after.name,
            position=after.position,
            parent_id=after.parent_id,
            supplies=after.supplies,
            strengths=after.strengths,
            gaps=after.gaps,
            target_firms=after.target_firms,
        )


def remove(chain_map: ChainMap, segment_id: UUID) -> list[Event]:
    """Take a segment off the map; segments that feed it feed it no more.

    Raises:
        RecordMissing, SegmentInUse.
    """
    segment = chain_map.segments.get(segment_id)
    if segment is None:
        raise RecordMissing("环节", segment_id)
    if below := [one.name for one in chain_map.segments.values() if one.parent_id == segment_id]:
        raise SegmentInUse(f"“{segment.name}”下还有环节：{'、'.join(sorted(below))}，请先调整", segments=sorted(below))
    return [SegmentRemoved(map_id=chain_map.id, segment_id=segment_id)]


def evolve(chain_map: ChainMap, event: Event) -> ChainMap:
    after = replace(chain_map, version=chain_map.version + 1)
    match event:
        case SegmentRecorded():
            segment = Segment(
                event.segment_id,
                event.name,
                event.position,
                event.parent_id,
                event.supplies,
                event.strengths,
                event.gaps,
                event.target_firms,
            )
            return replace(after, segments={**chain_map.segments, segment.id: segment})
        case SegmentRemoved(segment_id=gone):
            left = {
                one.id: replace(one, supplies=tuple(id for id in one.supplies if id != gone))
                for one in chain_map.segments.values()
                if one.id != gone
            }
            return replace(after, segments=left)
    raise ValueError(f"{event.type} is no event of a map")
