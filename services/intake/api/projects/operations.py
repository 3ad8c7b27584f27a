"""The operations of a batch as callers send them, told apart by `operation`; their fields are those of the routes."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from services.intake.api.bodies import (
    Body,
    CancelBody,
    DayBody,
    DelayBody,
    MetBody,
    MilestoneBody,
    MilestoneChanges,
    Name,
    ProjectBody,
    ProjectChanges,
    ReasonBody,
    TransitionBody,
)
from services.intake.domain.projects import operations as domain

MOST = 1000


class OnProject(Body):
    """An operation on a project, named by `project_id` or `project_code`: also one that was recorded further up.

    `version`: the project's as its caller read it, before this batch; needed where the single route needs If-Match.
    """

    project_id: UUID | None = None
    project_code: Annotated[Name, StringConstraints(max_length=40)] | None = None
    version: Annotated[int, Field(ge=1, lt=2**63)] | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.project_id is None) == (self.project_code is None):
            raise ValueError("须填写 project_id 或 project_code 其中之一")
        return self

    def change(self, verb: domain.Verb) -> domain.Change:
        named = self.project_id or self.project_code
        assert named is not None, "the validator saw to it"
        return domain.Change(named, self.version, verb)


class RecordProject(ProjectBody):
    operation: Literal["record_project"]

    def asked(self) -> domain.Operation:
        return self.recording()


class ReviseProject(OnProject, ProjectChanges):
    operation: Literal["revise_project"]

    def asked(self) -> domain.Operation:
        return self.change(domain.Revise(self.changes()))


class AdvanceProject(OnProject, TransitionBody):
    operation: Literal["advance_project"]

    def asked(self) -> domain.Operation:
        return self.change(domain.Advance(self.step()))


class HoldProject(OnProject, ReasonBody):
    operation: Literal["hold_project"]

    def asked(self) -> domain.Operation:
        return self.change(domain.Hold(self.reason, self.on))


class ResumeProject(OnProject, DayBody):
    operation: Literal["resume_project"]

    def asked(self) -> domain.Operation:
        return self.change(domain.Resume(self.on))


class TerminateProject(OnProject, ReasonBody):
    operation: Literal["terminate_project"]

    def asked(self) -> domain.Operation:
        return self.change(domain.Terminate(self.reason, self.on))


class PlanMilestone(OnProject, MilestoneBody):
    operation: Literal["plan_milestone"]

    def asked(self) -> domain.Operation:
        return self.change(domain.Plan(self.line()))


class ReviseMilestone(OnProject, MilestoneChanges):
    operation: Literal["revise_milestone"]
    milestone_id: UUID

    def asked(self) -> domain.Operation:
        return self.change(
            domain.ReviseLine(self.milestone_id, self.due_on, self.reason, self.responsible_post_id),
        )


class MeetMilestone(OnProject, MetBody):
    operation: Literal["meet_milestone"]
    milestone_id: UUID

    def asked(self) -> domain.Operation:
        return self.change(domain.Meet(self.milestone_id, self.met_on))


class CancelMilestone(OnProject, CancelBody):
    operation: Literal["cancel_milestone"]
    milestone_id: UUID

    def asked(self) -> domain.Operation:
        return self.change(domain.CancelLine(self.milestone_id, self.reason))


class DeclareDelay(OnProject, DelayBody):
    operation: Literal["declare_delay"]

    def asked(self) -> domain.Operation:
        return self.change(domain.Delay(self.milestone_id, self.reason, self.expected_on))


Item = Annotated[
    RecordProject
    | ReviseProject
    | AdvanceProject
    | HoldProject
    | ResumeProject
    | TerminateProject
    | PlanMilestone
    | ReviseMilestone
    | MeetMilestone
    | CancelMilestone
    | DeclareDelay,
    Field(discriminator="operation"),
]


class Malformed:
    """An item that cannot be read, with what is wrong with it: refused by itself, as a rule would."""

    def __init__(self, errors: Sequence[Any]) -> None:
        # The way into a union's member begins with its name, which stands nowhere in the item.
        self.errors = [{**error, "loc": error["loc"][1:]} for error in errors]


def _or_malformed(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError as error:
        return Malformed(error.errors(include_url=False, include_input=False))


class Batch(Body):
    """`atomic`: all of it or nothing; otherwise each item stands for itself."""

    atomic: bool = True
    items: Annotated[tuple[Annotated[Item, WrapValidator(_or_malformed)], ...], Field(min_length=1, max_length=MOST)]

    def read(self) -> Sequence[Item | Malformed]:
        """The items, some of which may be malformed."""
        return self.items
