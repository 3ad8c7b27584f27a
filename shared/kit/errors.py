"""Errors that the domain raises: they carry data. The HTTP layer and the workbook turn them into words, once each."""

from uuid import UUID


class DomainError(Exception):
    """A rule says no. Subclasses are named after the rule and hold what a person needs to mend it.

    `message` is what an official reads (Chinese); `details` what a program reads.
    """

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class NotFound(DomainError):
    """There is no such record."""


class NotAllowed(DomainError):
    """The caller may not do this (their role, or a post they do not hold)."""


class Invalid(DomainError):
    """The input breaks a rule whatever state things are in."""


class Conflict(DomainError):
    """The input is sound but does not fit the present state."""


class VersionConflict(Conflict):
    """Somebody else changed the record since it was read."""

    def __init__(self, aggregate_id: UUID, *, expected: int, actual: int) -> None:
        super().__init__(
            "该记录已被他人修改，请刷新后重试", aggregate_id=str(aggregate_id), expected=expected, actual=actual
        )
