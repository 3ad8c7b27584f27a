"""Supervision as a process: `python -m services.assessment` serves, with `migrate` it migrates, with `rehearse ID` it
carries out a rehearsal that was asked for, with `rebuild [--check]` it folds all state again from journal and log."""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path
from uuid import UUID

from services.assessment import api, policies
from services.assessment.api.access import Office
from services.assessment.documents.forms import Forms
from services.assessment.domain.policy import PolicyRefused
from services.assessment.handlers import facts, measures, rebuilding, timers, watch
from services.assessment.handlers.documents import Letterhead
from services.assessment.handlers.known import Knowledge
from services.assessment.policies.document import parse_policy
from services.assessment.policies.scoring import read_scoring
from services.assessment.rehearsing import COMMAND, NICENESS, Rehearsing, carry_out
from services.assessment.settings import AssessmentSettings
from shared.kit import telemetry
from shared.kit.clock import open_clock
from shared.kit.process.declaration import Service
from shared.kit.process.service import serve_or_migrate
from shared.kit.settings import read_secrets

NAME = "assessment"
DIFFERENT = 3
MIGRATIONS = Path(__file__).parent / "store" / "migrations"


def service(settings: AssessmentSettings) -> Service:
    """The service as it is wired: what it consumes, its timers, its routes.

    Raises:
        PolicyRefused, ScoringRefused, ValueError: the policy's, the scoring rules' or a secret's file is not what
            it should be.
    """
    knowledge = Knowledge(policies.read_file(settings.policy_file))
    secrets = read_secrets(settings.link_secret_file) if settings.link_secret_file else ()
    scoring = read_scoring(settings.scoring_file)
    rehearsing = Rehearsing()
    letterhead = Letterhead(settings.document_office, Forms(settings.document_templates))
    return Service(
        name=NAME,
        settings=settings,
        routers=api.routers(Office(knowledge, secrets, rehearsing.asked.set, letterhead=letterhead), scoring),
        handler=partial(facts.apply, knowledge=knowledge),
        fire=partial(timers.fire, knowledge=knowledge),
        loops=(watch.Watch(knowledge).run, rehearsing.run),
        pending=watch.pending,
        measure=measures.Measures(knowledge).measure,
    )


def rehearse(rehearsal_id: str) -> None:
    settings = AssessmentSettings()
    telemetry.configure_logging(NAME, form=settings.log_format)
    url, policy = settings.database_url.get_secret_value(), policies.read_file(settings.policy_file)
    os.nice(NICENESS)
    sys.exit(asyncio.run(carry_out(UUID(rehearsal_id), database_url=url, policy=policy)))


def rebuild(*, check: bool) -> None:
    """Exit code 0: all stands as it follows. 3: some of it does not; it is named, and with `check` left as it is."""
    settings = AssessmentSettings()
    telemetry.configure_logging(NAME, form=settings.log_format)
    knowledge = Knowledge(policies.read_file(settings.policy_file))
    now = open_clock(settings.clock, env=settings.env).now()
    differ = asyncio.run(
        rebuilding.rebuild(settings.database_url.get_secret_value(), now=now, knowledge=knowledge, check=check)
    )
    for one in differ:
        print(f"{one.table} {one.id}\n  stands:  {one.stands}\n  follows: {one.follows}")  # noqa: T201
    sys.exit(DIFFERENT if differ else 0)


def check_policy(file: str) -> None:
    """Exit code 0: it can be used. 1: it cannot; every fault on a line of its own, for those who wrote it."""
    try:
        document = parse_policy(Path(file).read_text(encoding="utf-8"))
    except PolicyRefused as refused:
        print("\n".join(map(str, refused.faults)), file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except (OSError, UnicodeDecodeError) as error:
        print(f"{file}：文件不能读取（{type(error).__name__}），应为 UTF-8 编码的 YAML", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    sets = "、".join(policy.rule_set for _, policy in document.rule_sets)
    since = f"，自{document.in_force_from}起施行" if document.in_force_from else ""
    print(f"{document.version}{since}，督办阶梯{len(document.base.rungs)}级，规则组：{sets or '无'}。可以使用")  # noqa: T201


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["check-policy", file]:
            check_policy(file)
        case ["rebuild", *options] if set(options) <= {"--check"}:
            rebuild(check=bool(options))
        case [command, rehearsal_id] if command == COMMAND:
            rehearse(rehearsal_id)
        case _:
            serve_or_migrate(NAME, lambda: service(AssessmentSettings()), MIGRATIONS)
