"""A case (督办件): it opens at the first rung and climbs in working days until the matter is settled.

The ladder's clock stands still while a rung is acknowledged (once for each rung, for the days the policy grants), until
a commitment date has passed, and while the project is held. `next_at` is when the next rung is due by that clock. After
an outage the climb goes on one rung a working morning, each with the date it was due on; what is announced is the
morning on which it will be.

`state`: what a case is, and what each state allows · `ladder`: it opens and climbs, to whom · `timing`: what moves the
next rung · `answers`: 签收, 反馈, 退办 · `holding`: how these stop the climb · `endings`: 办结, what takes it back ·
`evolving`: the case after each event. What 督查室 does beyond that is in `domain.dealing`.
"""

from services.assessment.domain.case.answers import acknowledge, give_feedback, send_back
from services.assessment.domain.case.endings import close, reopen, reopen_missed
from services.assessment.domain.case.evolving import evolve
from services.assessment.domain.case.ladder import (
    assisting_heads,
    climb_at,
    escalate,
    needs_letter_number,
    open_case,
    whom,
)
from services.assessment.domain.case.state import (
    ENDINGS,
    TABLE,
    AlreadyAcknowledged,
    AlreadySentBack,
    Case,
    CaseIsArchived,
    CaseIsClosed,
    CaseIsSuspended,
    Ending,
    Feedback,
    NoSuchFeedback,
    Plain,
    State,
    Verb,
    begin,
    require,
)
from services.assessment.domain.case.timing import extend, move_to_policy, recount, resume, suspend

__all__ = [
    "ENDINGS",
    "TABLE",
    "AlreadyAcknowledged",
    "AlreadySentBack",
    "Case",
    "CaseIsArchived",
    "CaseIsClosed",
    "CaseIsSuspended",
    "Ending",
    "Feedback",
    "NoSuchFeedback",
    "Plain",
    "State",
    "Verb",
    "acknowledge",
    "assisting_heads",
    "begin",
    "climb_at",
    "close",
    "escalate",
    "evolve",
    "extend",
    "give_feedback",
    "move_to_policy",
    "needs_letter_number",
    "open_case",
    "recount",
    "reopen",
    "reopen_missed",
    "require",
    "resume",
    "send_back",
    "suspend",
    "whom",
]
