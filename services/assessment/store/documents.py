"""Documents of cases, read from the log itself; and the templates that signed ones were made with, kept for ever."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.store.queries import require_chain

_SIGNED = "signed.type = 'cn.liandu.case.document_signed.v1'"
_NEWEST_TALK = """
SELECT data ->> 'talk' FROM event_log talk
 WHERE talk.aggregate_id = one.aggregate_id AND talk.type = 'cn.liandu.case.talk_held.v1'
   AND talk.data ->> 'rung' = one.data ->> 'rung'
 ORDER BY talk.seq DESC LIMIT 1
"""
_DOCUMENT = f"""
SELECT one.position, one.at, CAST(one.data ->> 'rung' AS integer) AS rung, one.data ->> 'document' AS document,
       one.data ->> 'document_number' AS document_number, one.data -> 'subject' ->> 'project_name' AS said_project,
       one.data -> 'subject' ->> 'milestone_name' AS said_milestone, signed.data ->> 'by' AS signed_by,
       CAST(signed.data ->> 'signed_on' AS date) AS signed_on,
       ({_NEWEST_TALK}) AS talk, kept.id AS case_id, kept.version AS case_version, kept.number AS case_number,
       kept.state AS case_state, kept.due_on, obligation.kind AS obligation_kind,
       obligation.name AS milestone_name, obligation.post_id,
       post.title AS post_title, project.id AS project_id, project.name AS project_name, project.code AS project_code,
       project.chain_id, chain.code AS chain_code, chain.name AS chain_name, organisation.name AS organisation_name
  FROM event_log one
  JOIN supervision_case kept ON kept.id = one.aggregate_id
  JOIN obligation ON obligation.id = kept.obligation_id
  JOIN project ON project.id = kept.project_id
  LEFT JOIN chain ON chain.id = project.chain_id
  LEFT JOIN organisation ON organisation.id = COALESCE(obligation.org_id, project.org_id)
  LEFT JOIN post ON post.id = obligation.post_id
  LEFT JOIN event_log signed
    ON signed.aggregate_id = one.aggregate_id AND {_SIGNED} AND signed.data ->> 'rung' = one.data ->> 'rung'
 WHERE one.type = 'cn.liandu.case.escalated.v1'
"""  # noqa: S608 - a constant of this module
_OF_CASE = text(f"{_DOCUMENT} AND one.aggregate_id = :case ORDER BY one.position")
_LISTED = text(f"""{_DOCUMENT}
   AND one.data ->> 'document' <> 'urge'
   AND (CAST(:document AS text) IS NULL OR one.data ->> 'document' = :document)
   AND (CAST(:state AS text) IS NULL OR :state =
        CASE WHEN signed.event_id IS NOT NULL THEN 'signed'
             WHEN kept.state = 'open' THEN 'draft' WHEN kept.state = 'suspended' THEN 'on_hold' ELSE 'lapsed' END)
   AND (CAST(:chain AS text) IS NULL OR chain.code = :chain OR CAST(project.chain_id AS text) = :chain)
   AND one.position > :after
 ORDER BY one.position
 LIMIT :limit
""")
_KEEP_FORM = text("INSERT INTO document_form (digest, body) VALUES (:digest, :body) ON CONFLICT DO NOTHING")
_FORM = text("SELECT body FROM document_form WHERE digest = :digest")

Found = list[Row[Any]]


async def of_case(case_id: UUID, *, conn: AsyncConnection) -> Found:
    """All of a case, slips too, in the order in which the rungs were reached."""
    return list(await conn.execute(_OF_CASE, {"case": case_id}))


async def listed(
    *, state: str | None, document: str | None, chain: str | None, after: int, limit: int, conn: AsyncConnection
) -> Found:
    """Those that need a signature, the oldest first. `after`: the position of the last one of the page before.

    Raises:
        UnknownChain: there is no such chain.
    """
    await require_chain(chain, conn=conn)
    asked = {"state": state, "document": document, "chain": chain, "after": after, "limit": limit}
    return list(await conn.execute(_LISTED, asked))


async def keep_form(digest: str, body: bytes, *, conn: AsyncConnection) -> None:
    await conn.execute(_KEEP_FORM, {"digest": digest, "body": body})


async def form(digest: str, *, conn: AsyncConnection) -> bytes:
    """The template of a signed document."""
    return bytes((await conn.execute(_FORM, {"digest": digest})).scalar_one())
