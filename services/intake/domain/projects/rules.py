"""The lifecycle's rules as data: which stages a kind of project may skip, and what each stage rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from services.intake.domain.errors import AmountNotAllowed, EvidenceMissing, StageNotAllowed
from services.intake.domain.terms import STAGES, EvidenceKind
from shared.contracts.projects import ProjectKind, Stage


@dataclass(frozen=True, slots=True)
class Route:
    """The stages a kind of project passes, in order; `may_skip` is reference data (domain lifecycle)."""

    may_skip: frozenset[Stage] = frozenset()

    def following(self, current: Stage) -> tuple[Stage, ...]:
        """The stages that may come next: the next one, and those behind stages that may be skipped."""
        following: list[Stage] = []
        for stage in STAGES[STAGES.index(current) + 1 :]:
            following.append(stage)
            if stage not in self.may_skip:
                break
        return tuple(following)

    def require_next(self, current: Stage, target: Stage) -> None:
        """Raises StageNotAllowed where `target` does not follow `current`."""
        allowed = self.following(current)
        if target not in allowed:
            raise StageNotAllowed(current=current, target=target, allowed=allowed)


@dataclass(frozen=True, slots=True)
class EvidenceNeed:
    """Every kind of `all_of`, and at least one of `any_of` where there are any."""

    all_of: tuple[EvidenceKind, ...] = ()
    any_of: tuple[EvidenceKind, ...] = ()

    def require(self, target: Stage, given: Sequence[str]) -> None:
        """Raises EvidenceMissing."""
        if missing := [kind for kind in self.all_of if kind not in given]:
            raise EvidenceMissing(target=target, needed=missing, any_of=False, given=given)
        if self.any_of and not set(self.any_of) & set(given):
            raise EvidenceMissing(target=target, needed=self.any_of, any_of=True, given=given)


@dataclass(frozen=True, slots=True)
class Rules:
    """`minimum_output_ratio`: output against the design from which a project is 达产. `replanning_approved`: another
    due day needs a second person's approval; otherwise the reason alone."""

    routes: Mapping[ProjectKind, Route]
    evidence: Mapping[Stage, EvidenceNeed] = field(default_factory=dict)
    minimum_output_ratio: Decimal = Decimal(1)
    replanning_approved: bool = False

    def need(self, target: Stage) -> EvidenceNeed:
        return self.evidence.get(target, EvidenceNeed())

    def require_output(self, ratio: Decimal | None) -> Decimal:
        """The ratio, if it is one that counts as 达产; raises AmountNotAllowed."""
        if ratio is None or not ratio.is_finite() or ratio < self.minimum_output_ratio:
            message = f"转为“达产”须填写产出与设计之比，且不低于{self.minimum_output_ratio}"
            raise AmountNotAllowed(message, field="output_ratio", value=ratio)
        return ratio


def rules_from(data: Mapping[str, Any]) -> Rules:
    """Rules from their data file's shape.

    Raises:
        ValueError, KeyError: an unknown stage, kind or evidence, or a kind of project without a route.
    """
    return Rules(
        routes={kind: Route(frozenset(map(Stage, data["routes"][kind]["may_skip"]))) for kind in ProjectKind},
        evidence={
            Stage(stage): EvidenceNeed(
                tuple(map(EvidenceKind, need.get("all_of", ()))), tuple(map(EvidenceKind, need.get("any_of", ())))
            )
            for stage, need in data["evidence"].items()
        },
        minimum_output_ratio=Decimal(data["minimum_output_ratio"]),
        replanning_approved=bool(data.get("replanning_approved", False)),
    )
