"""A register's list, row by row: what each row names is looked up, and it is decided what is new and what changes.

An entry is known by its id, where the list was exported, or by what its register tells entries apart by. A row is taken
whole or refused whole, with every reason; one row never stops another.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.intake.domain.drafts import Refusal as Unknown
from services.intake.domain.drafts import Verdict
from services.intake.domain.fields import FieldsRefused, FieldType
from services.intake.domain.imports.directory import Directory, chain_key
from services.intake.domain.organisation.programme import Chain, Post
from services.intake.domain.registers import entries
from services.intake.domain.registers.entries import Entry, NewEntry
from services.intake.domain.registers.registers import Register
from shared.contracts.event import Event
from shared.kit.errors import DomainError

ID, YEAR, CHAIN, POST = "_id", "_year", "_chain", "_post"
"""What a row says of an entry beside its fields: its id, year, chain, and the post that nominates."""

Identity = tuple[UUID, int | None, str]


@dataclass(frozen=True, slots=True)
class Row:
    """`values`: of the columns that the list has, None where a cell is empty; records by their names. `unreadable`:
    columns whose cell could not be read: the row is refused, and only looked at for its other reasons."""

    key: str
    values: Mapping[str, Any]
    unreadable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RowRefusal:
    """Why a row is refused; `key`: the column."""

    key: str
    message: str


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What becomes of a row. `entry_id`: what it is about, unless it is refused."""

    row: str
    verdict: Verdict
    entry_id: UUID | None = None
    refusals: tuple[RowRefusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """What the names in a list may mean. `posts`: by `单位/岗位` and by title; `projects`: by code and by name."""

    directory: Directory
    posts: Mapping[str, tuple[Post, ...]]
    projects: Mapping[str, tuple[UUID, ...]]

    def find(self, kind: FieldType, text: str) -> UUID | str:
        """The record's id, or why there is none."""
        if kind is FieldType.CHAIN:
            chain = self.directory.find_chain(text)
            return chain.message if isinstance(chain, Unknown) else chain.id
        if kind is FieldType.ORG:
            organisation = self.directory.find_organisation(text)
            return organisation.message if isinstance(organisation, Unknown) else organisation.id
        if kind is FieldType.POST:
            post = self.find_post(text)
            return post if isinstance(post, str) else post.id
        return self._project(text)

    def find_post(self, text: str) -> Post | str:
        found = self.posts.get(text, ())
        if len(found) == 1:
            return found[0]
        return f"有多个岗位叫“{text}”，请写成“单位/岗位名称”" if found else f"没有岗位“{text}”，请先登记"

    def _project(self, text: str) -> UUID | str:
        found = self.projects.get(text) or self.projects.get(text.split(" ")[0], ())
        if len(found) == 1:
            return found[0]
        return f"有多个项目叫“{text}”，请填项目编号" if found else f"没有项目“{text}”，请先登记"


@dataclass(slots=True)
class RegisterList:
    """The taking of a list. `own`: the chains that the caller may write for, None: all; `decided`: what is to be
    written: the entry after it, and the events."""

    register: Register
    names: Names
    present: Sequence[Entry]
    own: Collection[UUID] | None
    by: str
    new_id: Callable[[], UUID]
    decided: list[tuple[Entry, list[Event]]] = field(default_factory=list)
    _by_id: dict[UUID, Entry] = field(init=False)
    _by_identity: dict[Identity, UUID] = field(init=False)
    _taken: dict[UUID, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_id = {entry.id: entry for entry in self.present}
        self._by_identity = {self._identity(entry): entry.id for entry in self.present}

    def take(self, rows: Iterable[Row]) -> list[RowOutcome]:
        return [self._take(row) for row in rows]

    def _take(self, row: Row) -> RowOutcome:
        taking = _Taking(self, row)
        try:
            before, events = taking.decide()
        except _Refused:
            return RowOutcome(row.key, Verdict.REFUSED, refusals=tuple(taking.refusals))
        if not events:
            assert before is not None
            self._taken[before.id] = row.key
            return RowOutcome(row.key, Verdict.UNCHANGED, before.id)
        after = entries.fold(before, events)
        self._keep(before, after, row.key, events)
        return RowOutcome(row.key, Verdict.CHANGED if before else Verdict.RECORDED, after.id)

    def _keep(self, before: Entry | None, after: Entry, row: str, events: list[Event]) -> None:
        if before is not None:
            self._by_identity.pop(self._identity(before), None)
        self._by_identity[self._identity(after)] = after.id
        self._taken[after.id] = row
        self.decided.append((after, events))

    def _identity(self, entry: Entry) -> Identity:
        return entry.chain_id, entry.year, self.register.identity_of(entry.fields)

    def entry(self, id: UUID) -> Entry | None:
        return self._by_id.get(id)

    def like(self, identity: Identity) -> UUID | None:
        return self._by_identity.get(identity)

    def taken_in(self, id: UUID) -> str | None:
        """The row above that took this entry."""
        return self._taken.get(id)


class _Refused(Exception):
    """The row has reasons; they are gathered."""


@dataclass(slots=True)
class _Taking:
    """One row being decided, its reasons gathered."""

    whole: RegisterList
    row: Row
    refusals: list[RowRefusal] = field(default_factory=list)

    def decide(self) -> tuple[Entry | None, list[Event]]:
        """The entry it is about (None: a new one) and what happens to it; raises _Refused."""
        entry = self._named_entry()
        fields = self._fields()
        chain = self._chain(entry)
        if entry is None and chain is not None and not self.refusals and not self.row.unreadable:
            entry = self._like(chain, fields)
        return (entry, self._revised(entry, fields)) if entry else (None, self._recorded(chain, fields))

    def _revised(self, entry: Entry, fields: Mapping[str, Any]) -> list[Event]:
        register = self.whole.register
        self._require_own(entry.chain_id)
        self._require_nominator(entry)
        if above := self.whole.taken_in(entry.id):
            self._refuse(ID, repeated(above))
        events = self._attempt(lambda: entries.revise(register, entry, fields, by=self.whole.by))
        self._end()
        if events:
            after = entries.fold(entry, events)
            other = self.whole.like((after.chain_id, after.year, register.identity_of(after.fields)))
            if other not in (None, after.id):
                self._refuse(register.identity[0] if register.identity else CHAIN, "已有相同的条目")
                self._end()
        return events or []

    def _recorded(self, chain: Chain | None, fields: Mapping[str, Any]) -> list[Event]:
        register, year = self.whole.register, self.row.values.get(YEAR)
        post = self._post()
        if YEAR not in self.row.unreadable:
            self._attempt(lambda: register.require_year(year), key=YEAR)
        if chain is None or self.refusals:
            self._attempt(lambda: register.taken(fields))
            self._end()
            raise _Refused
        new = NewEntry(year, chain.id, fields, post.id if post else None)
        id, by = self.whole.new_id(), self.whole.by
        events = self._attempt(
            lambda: entries.record(register, new, entry_id=id, chain=chain, nominating=post, by=by), key=POST
        )
        self._end()
        return events or []

    def _named_entry(self) -> Entry | None:
        text = self.row.values.get(ID)
        if not text:
            return None
        try:
            entry = self.whole.entry(UUID(text))
        except ValueError:
            entry = None
        if entry is None:
            self._refuse(ID, "系统编号有误，或该条目已撤回；新增的条目请留空")
        elif self.row.values.get(YEAR, entry.year) != entry.year:
            self._refuse(YEAR, "不能改年度，请撤回后重新登记")
        return entry

    def _require_nominator(self, entry: Entry) -> None:
        """An edit that would come to nothing must not pass unseen."""
        text = self.row.values.get(POST)
        if text and entry.nominating_post_id not in {post.id for post in self.whole.names.posts.get(text, ())}:
            self._refuse(POST, "不能改提名岗位，请撤回后重新登记")

    def _chain(self, entry: Entry | None) -> Chain | None:
        text = self.row.values.get(CHAIN)
        if not text:
            if entry is None and CHAIN not in self.row.unreadable:
                self._refuse(CHAIN, "没有填写所属产业链")
            return None
        if entry is not None:
            self._require_same(entry, text)
            return None
        chain = self.whole.names.directory.find_chain(text)
        if isinstance(chain, Unknown):
            self._refuse(CHAIN, chain.message)
            return None
        self._require_own(chain.id)
        self._attempt(lambda: self.whole.register.require_chain(chain), key=CHAIN)
        return chain

    def _require_same(self, entry: Entry, text: str) -> None:
        """An entry of a chain that is closed by now comes back as it was exported."""
        chain = self.whole.names.directory.chains.get(chain_key(text))
        if chain is None or chain.id != entry.chain_id:
            self._refuse(CHAIN, "不能改产业链，请撤回后重新登记")

    def _require_own(self, chain_id: UUID) -> None:
        if self.whole.own is not None and chain_id not in self.whole.own:
            self._refuse(CHAIN, "您任职的岗位不负责这条产业链")

    def _fields(self) -> dict[str, Any]:
        """The register's fields of the row, with records by their ids."""
        fields: dict[str, Any] = {}
        for rule in self.whole.register.fields:
            if rule.key not in self.row.values:
                continue
            value = self.row.values[rule.key]
            if value is not None and rule.type in (FieldType.CHAIN, FieldType.ORG, FieldType.POST, FieldType.PROJECT):
                found = self.whole.names.find(rule.type, value)
                if isinstance(found, str):
                    self._refuse(rule.key, found)
                    continue
                value = str(found)
            fields[rule.key] = value
        return fields

    def _post(self) -> Post | None:
        text = self.row.values.get(POST)
        if not text:
            return None
        post = self.whole.names.find_post(text)
        if isinstance(post, str):
            self._refuse(POST, post)
            return None
        return post

    def _like(self, chain: Chain, fields: Mapping[str, Any]) -> Entry | None:
        register = self.whole.register
        if any(fields.get(key) is None for key in register.identity):
            return None
        identity = (chain.id, self.row.values.get(YEAR), register.identity_of(fields))
        id = self.whole.like(identity)
        if id is None:
            return None
        if above := self.whole.taken_in(id):
            self._refuse(register.identity[0] if register.identity else CHAIN, repeated(above))
            self._end()
        return self.whole.entry(id)

    def _attempt(self, decide: Callable[[], Any], *, key: str = "") -> Any:
        """What is decided, or None where it is refused; fields that could not be read are not missed."""
        try:
            return decide()
        except FieldsRefused as refused:
            known = {*self.row.unreadable, *(refusal.key for refusal in self.refusals)}
            for trouble in refused.troubles:
                if trouble.key not in known:
                    self._refuse(trouble.key, trouble.detail)
        except DomainError as error:
            self._refuse(key, error.message)
        return None

    def _refuse(self, key: str, message: str) -> None:
        self.refusals.append(RowRefusal(key, message))

    def _end(self) -> None:
        """Raises _Refused where there is a reason."""
        if self.refusals or self.row.unreadable:
            raise _Refused


def too_long(row: Row, longest: Mapping[str, int]) -> list[RowRefusal]:
    """A refusal for each of these columns whose text is longer than it may be over HTTP."""
    return [
        RowRefusal(key, f"文字过长，最多{most}字")
        for key, most in longest.items()
        if len(row.values.get(key) or "") > most
    ]


def repeated(above: str, what: str = "条目") -> str:
    """What is said of a row that repeats one above it (`sheet!row`)."""
    sheet, _, number = above.rpartition("!")
    return f"与“{sheet}”第{number}行是同一{what}，请只保留一行"
