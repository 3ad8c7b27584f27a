"""Looking up what a list names: chains, organisations and posts, by the words offices use."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import NewType
from uuid import UUID

from services.intake.domain.drafts import Field, Refusal
from services.intake.domain.organisation.programme import Chain, Organisation, Person, Post

ChainKey = NewType("ChainKey", str)
CHAIN_SUFFIXES = ("产业链", "产业", "链")
_BETWEEN = re.compile(r"[、,，;；/\n]+")
_KIND_OF_OFFICE = re.compile(
    r"(?:街道办事处|街道|管理委员会|委员会|管委会|委|人民政府|政府|办公室|办|中心|局|处|科室?|公司|产业链)$"
)


@dataclass(frozen=True, slots=True)
class Directory:
    """Who and what there is on a day. `posts_of`: by organisation; `holders`: who holds each post that day, by name.

    Chains and organisations stand under every name that they have or had.
    """

    chains: Mapping[ChainKey, Chain]
    organisations: Mapping[str, Organisation]
    posts_of: Mapping[UUID, tuple[Post, ...]]
    holders: Mapping[UUID, Person]

    def find_chain(self, text: str) -> Chain | Refusal:
        """A chain by code or name, with or without 产业链 behind it."""
        if chain := self.chains.get(chain_key(text)):
            return self._closed(chain) if chain.closed_from else chain
        if len([part for part in _BETWEEN.split(text) if part.strip()]) > 1:
            return Refusal(Field.CHAIN, f"“{text.strip()}”不是一条产业链，一个项目只填一条主产业链")
        names = sorted({chain.name for chain in self.chains.values() if not chain.closed_from})
        return Refusal(Field.CHAIN, _unknown("产业链", text, names))

    def _closed(self, chain: Chain) -> Refusal:
        successors = sorted({other.name for other in self.chains.values() if other.id in chain.successor_ids})
        instead = f"，请改填：{'、'.join(successors)}" if successors else ""
        return Refusal(Field.CHAIN, f"{chain.name}产业链自{chain.closed_from}起已撤并{instead}")

    def find_organisation(self, name: str) -> Organisation | Refusal:
        """An organisation by its full name, or a former one."""
        if organisation := self.organisations.get(name.strip()):
            return organisation
        return Refusal(Field.RESPONSIBLE_ORG, _unknown("责任单位", name, self.organisations))

    def find_post(self, text: str, organisation: Organisation) -> Post | Refusal:
        """A post of the organisation by title or by its holder's name; otherwise anyone's by an unmistakable title."""
        wanted = text.strip()
        if not wanted:
            return Refusal(Field.RESPONSIBLE_POST, "没有责任人，时间表的每个节点都须落实责任岗位")
        found = self._posts(wanted, organisation)
        if len(found) == 1:
            return found[0]
        if found:
            titles = "、".join(post.title for post in found)
            return Refusal(Field.RESPONSIBLE_POST, f"责任人“{wanted}”对应多个岗位（{titles}），请写明岗位名称")
        known = [name for post in self.posts_of.get(organisation.id, ()) for name in self._names(post)]
        return Refusal(Field.RESPONSIBLE_POST, _unknown(f"{organisation.name}的责任人", wanted, known))

    def knows_post(self, text: str, organisation: Organisation) -> bool:
        """Whether the text leads to a post, or to several."""
        return bool(self._posts(text, organisation))

    def holder_of(self, post: Post) -> UUID | None:
        holder = self.holders.get(post.id)
        return holder.id if holder else None

    def _posts(self, text: str, organisation: Organisation) -> list[Post]:
        own = [post for post in self.posts_of.get(organisation.id, ()) if text in self._names(post)]
        titled = own or [post for posts in self.posts_of.values() for post in posts if post.title == text]
        return titled or self._written_out(text)

    def _written_out(self, text: str) -> list[Post]:
        """The post that `单位/岗位` means."""
        unit, _, title = text.partition("/")
        organisation = self.organisations.get(unit)
        return [post for post in self.posts_of.get(organisation.id, ()) if post.title == title] if organisation else []

    def name_of(self, post: Post, organisation: Organisation) -> str:
        """What leads to this post in a list of the organisation's: its title, its unit before it where needed."""
        if self.find_post(post.title, organisation) == post:
            return post.title
        unit = next((own.name for own in self.organisations.values() if own.id == post.organisation_id), "")
        return f"{unit}/{post.title}"

    def _names(self, post: Post) -> tuple[str, ...]:
        holder = self.holders.get(post.id)
        return (post.title, holder.name) if holder else (post.title,)


def directory_of(
    *,
    chains: Iterable[Chain],
    organisations: Iterable[Organisation],
    posts: Iterable[Post],
    people: Iterable[Person],
    today: date,
) -> Directory:
    """A directory of these records as they stand today."""
    by_id = {person.id: person for person in people}
    posts_of: dict[UUID, list[Post]] = {}
    holders: dict[UUID, Person] = {}
    for post in posts:
        posts_of.setdefault(post.organisation_id, []).append(post)
        if (holder := post.holder(today)) in by_id:
            holders[post.id] = by_id[holder]
    return Directory(
        chains={chain_key(text): chain for text, chain in _chain_names(chains)},
        organisations={name: organisation for organisation in organisations for name in organisation.names},
        posts_of={organisation_id: tuple(own) for organisation_id, own in posts_of.items()},
        holders=holders,
    )


def _chain_names(chains: Iterable[Chain]) -> list[tuple[str, Chain]]:
    """What each chain was called first, so that what a chain is called now wins."""
    known = list(chains)
    former = [(before.name, chain) for chain in known for before in chain.former]
    return [*former, *((text, chain) for chain in known for text in (chain.code, chain.name))]


def chain_key(text: str) -> ChainKey:
    """What two ways of writing one chain have in common."""
    key = text.strip().casefold()
    for suffix in CHAIN_SUFFIXES:
        key = key.removesuffix(suffix)
    return ChainKey(key)


def _unknown(what: str, text: str, known: Iterable[str]) -> str:
    wanted = text.strip()
    if not wanted:
        return f"{what}不能为空"
    near = _near(wanted, known)
    hint = f"，是否为：{'、'.join(near)}" if near else "，请先登记"
    return f"没有{what}“{wanted}”{hint}"


def _near(wanted: str, known: Iterable[str]) -> list[str]:
    """The three nearest names; what kind of office it is (局, 办公室) makes no two names alike."""
    names: dict[str, list[str]] = {}
    for name in dict.fromkeys(known):
        names.setdefault(_distinctive(name), []).append(name)
    found = get_close_matches(_distinctive(wanted), list(names), n=3, cutoff=0.6)
    return [name for key in found for name in names[key]][:3]


def _distinctive(name: str) -> str:
    return _KIND_OF_OFFICE.sub("", name) or name
