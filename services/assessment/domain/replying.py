"""Replies owed in a case: whoever gets a letter that asks for one owes it by its day.

The case climbs in any case, so a reply that is late opens none of its own, and nobody is reminded: the letter named
the day. Any feedback after the letter answers it.
"""

from uuid import uuid5

from services.assessment.domain import case as cases
from services.assessment.domain import obligation as obligations
from services.assessment.domain.case import Case
from services.assessment.domain.names import DOCUMENTS
from services.assessment.domain.obligation import FINAL, Obligation
from services.assessment.domain.work import Work
from shared.contracts.supervision import CaseEscalated, ObligationKind

_CLOSED = "督办件已办结"


def owe(letter: CaseEscalated, case: Case, work: Work) -> None:
    """A reply to this letter, where it asks for one and somebody gets it."""
    to = [one.post_id for one in letter.addressees if not one.copy_only]
    if letter.reply_by is None or not to:
        return
    name, due_on = f"回复{letter.document_number or DOCUMENTS[letter.document]}", letter.reply_by
    id = uuid5(case.id, f"reply:{letter.rung}")
    reply = Obligation(id, case.id, case.project_id, name, due_on, due_on, to[0])
    org_id = work.project_of(work.obligations[case.obligation_id]).org_id
    reply = reply._replace(kind=ObligationKind.REPLY, org_id=org_id)
    work.place(reply)
    work.on_obligation(reply, obligations.plan(reply, work.project_of(reply), work.rules_for(reply)))


def answer(case: Case, work: Work) -> None:
    """Feedback was given: what was owed by then is there."""
    for reply in _owed(case, work):
        if reply.allows(obligations.Verb.MEET):
            work.on_obligation(reply, obligations.meet(reply, work.on, work.rules_for(reply)))


def drop(case: Case, work: Work) -> None:
    """The case is over: nobody waits for a reply any more."""
    for reply in _owed(case, work):
        work.on_obligation(reply, obligations.cancel(reply, reason=_CLOSED))


def fall_due(reply: Obligation, work: Work) -> None:
    """It is late, unless its case was closed by somebody who did not have it at hand."""
    case = work.cases.get(reply.milestone_id)
    if case is None or case.state is cases.State.CLOSED:
        work.on_obligation(reply, obligations.cancel(reply, reason=_CLOSED))
    else:
        work.on_obligation(reply, obligations.miss(reply))


def _owed(case: Case, work: Work) -> list[Obligation]:
    of_project = (work.obligations[one] for one in sorted(work.of_project.get(case.project_id, ())))
    return [
        one
        for one in of_project
        if one.kind is ObligationKind.REPLY and one.milestone_id == case.id and one.state not in FINAL
    ]
