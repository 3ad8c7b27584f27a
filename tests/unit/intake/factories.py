"""Projects, timetables and directories for tests, each sound unless a test says otherwise."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from services.intake.domain.drafts import MilestoneDraft, ProjectDraft
from services.intake.domain.imports.directory import Directory, directory_of
from services.intake.domain.organisation.programme import Chain, Organisation, Person, Post, Term
from services.intake.domain.projects import project as projects
from services.intake.domain.projects.project import NewProject, Project, Step
from services.intake.domain.terms import STAGES, EvidenceKind
from shared.contracts import ids
from shared.contracts.ids import NAMESPACE
from shared.contracts.programme import ChainCategory, Tier
from shared.contracts.projects import Evidence, ProjectKind, Stage

TODAY = date(2026, 3, 10)
DAY = date(2026, 3, 2)

DISPLAY = Chain(ids.chain_id("DISPLAY"), "DISPLAY", "新型显示", ChainCategory.EMERGING_MANUFACTURING, 1)
AUTO = Chain(ids.chain_id("AUTO"), "AUTO", "汽车", ChainCategory.TRADITIONAL_MANUFACTURING, 1)
BUREAU = Organisation(ids.organisation_id("区商务局"), "区商务局", None, 1)
PARK = Organisation(ids.organisation_id("新型显示产业园"), "新型显示产业园", None, 1)


def an_id(name: object) -> UUID:
    return uuid5(NAMESPACE, f"test:{name}")


def ids_from(stem: str) -> Callable[[], UUID]:
    numbers: Iterator[int] = count(1)
    return lambda: an_id(f"{stem}{next(numbers)}")


ZHANG = Person(an_id("张伟"), "张伟", BUREAU.id, 1)
LI = Person(an_id("李娜"), "李娜", BUREAU.id, 1)
OFFICER = Post(an_id("项目专员"), "项目专员", Tier.OFFICER, BUREAU.id, (), (Term(ZHANG.id, date(2025, 1, 1)),), 2)
HEAD = Post(an_id("局长"), "局长", Tier.UNIT_HEAD, BUREAU.id, (), (Term(LI.id, date(2025, 1, 1)),), 2)


def a_directory(**changes: Any) -> Directory:
    given: dict[str, Any] = {
        "chains": (DISPLAY, AUTO),
        "organisations": (BUREAU, PARK),
        "posts": (OFFICER, HEAD),
        "people": (ZHANG, LI),
        "today": TODAY,
    }
    return directory_of(**{**given, **changes})


def a_new_project(**changes: Any) -> NewProject:
    sound = NewProject(
        code="P2026-0001",
        name="显示面板项目",
        chain_id=DISPLAY.id,
        responsible_org_id=BUREAU.id,
        kind=ProjectKind.NEW,
        total_investment_wan=120000,
        stage=Stage.NEGOTIATING,
    )
    return replace(sound, **changes)


def a_project(stage: Stage = Stage.NEGOTIATING, **changes: Any) -> Project:
    new = a_new_project(stage=stage)
    return replace(projects.fold(None, projects.record(an_id("project"), new, today=TODAY)), **changes)


def evidence(*kinds: EvidenceKind, on: date = DAY) -> tuple[Evidence, ...]:
    return tuple(Evidence(kind=kind, on=on, reference=f"{kind}-1") for kind in kinds)


ENOUGH = evidence(
    EvidenceKind.FORMAL_CONTRACT,
    EvidenceKind.CONSTRUCTION_CONTRACT,
    EvidenceKind.SITE_PHOTOGRAPH,
    EvidenceKind.ACCEPTANCE,
)


def after(stage: Stage) -> Stage:
    return STAGES[STAGES.index(stage) + 1]


def a_step(target: Stage, **changes: Any) -> Step:
    return replace(Step(target, DAY, ENOUGH, None, Decimal("1.2")), **changes)


def a_draft(**changes: Any) -> ProjectDraft:
    sound = ProjectDraft(
        row="在谈!4",
        name="显示面板项目",
        chain="新型显示产业链",
        responsible_org="区商务局",
        total_investment_wan=120000,
        stage=Stage.NEGOTIATING,
        responsible_post="张伟",
    )
    return replace(sound, **changes)


def a_line(**changes: Any) -> MilestoneDraft:
    return replace(MilestoneDraft(name="签订合同", due_on=date(2026, 4, 30), stage=Stage.SIGNED), **changes)
