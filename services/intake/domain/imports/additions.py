"""What an import names that is not known yet, for imports that may record it: organisations, people and their posts."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from services.intake.domain.drafts import ProjectDraft
from services.intake.domain.imports.directory import Directory, directory_of
from services.intake.domain.organisation import programme
from services.intake.domain.organisation.programme import Organisation, Person, Post
from shared.contracts.event import Event
from shared.contracts.ids import organisation_id
from shared.contracts.programme import Tier

PERSONAL_NAME = re.compile(r"[\u4e00-\u9fff]{2,4}|[\u4e00-\u9fff]+·[\u4e00-\u9fff·]+")
OFFICES = ("长", "主任", "书记", "经理", "负责人", "专班", "办公室", "科", "处", "局", "部", "组")
"""How titles end: such a text is no person's name, and no post is made up from it."""


@dataclass(frozen=True, slots=True)
class Addition:
    """One thing to be recorded, with its events; `about` is the organisation or post that a draft refers to by it."""

    record: Organisation | Person | Post
    about: UUID
    events: tuple[Event, ...]


def missing(
    drafts: Iterable[ProjectDraft], directory: Directory, *, today: date, new_id: Callable[[], UUID]
) -> list[Addition]:
    """The organisations that drafts name and nobody knows, and for people not known there a 责任人 post each."""
    additions: dict[tuple[str, ...], list[Addition]] = {}
    for draft in drafts:
        name = draft.responsible_org.strip()
        known = directory.organisations.get(name)
        organisation = known or Organisation(organisation_id(name), name)
        if name and known is None:
            additions.setdefault((name,), [_organisation(organisation)])
        for text in _officers(draft) if name else ():
            if (name, text) not in additions and _is_unknown_person(text, organisation, directory):
                additions[name, text] = _officer(text, organisation, today=today, new_id=new_id)
    return [addition for group in additions.values() for addition in group]


def extended(directory: Directory, additions: Collection[Addition], *, today: date) -> Directory:
    """The directory as it stands once these are recorded."""
    records = [addition.record for addition in additions]
    new = directory_of(
        chains=(),
        organisations=(record for record in records if isinstance(record, Organisation)),
        posts=(record for record in records if isinstance(record, Post)),
        people=(record for record in records if isinstance(record, Person)),
        today=today,
    )
    posts_of = dict(directory.posts_of)
    for organisation, posts in new.posts_of.items():
        posts_of[organisation] = (*posts_of.get(organisation, ()), *posts)
    return replace(
        directory,
        organisations={**directory.organisations, **new.organisations},
        posts_of=posts_of,
        holders={**directory.holders, **new.holders},
    )


def _officers(draft: ProjectDraft) -> list[str]:
    return sorted({(line.responsible_post or draft.responsible_post).strip() for line in draft.milestones} - {""})


def _is_unknown_person(text: str, organisation: Organisation, directory: Directory) -> bool:
    if not PERSONAL_NAME.fullmatch(text) or text.endswith(OFFICES):
        return False
    return not directory.knows_post(text, organisation)


def _organisation(organisation: Organisation) -> Addition:
    events = programme.record_organisation(None, organisation)
    return Addition(programme.evolve_organisation(None, events[0]), organisation.id, tuple(events))


def _officer(name: str, organisation: Organisation, *, today: date, new_id: Callable[[], UUID]) -> list[Addition]:
    recorded = programme.record_person(None, Person(new_id(), name, organisation.id))
    person = programme.evolve_person(None, recorded[0])
    wanted = Post(new_id(), f"责任人（{name}）", Tier.OFFICER, organisation.id, established_on=today)
    events = programme.establish(wanted)
    post = programme.fold_post(None, events)
    events += programme.assume(post, person_id=person.id, from_day=today)
    post = programme.fold_post(None, events)
    return [Addition(person, post.id, tuple(recorded)), Addition(post, post.id, tuple(events))]
