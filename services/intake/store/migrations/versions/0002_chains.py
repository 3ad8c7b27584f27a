"""The 17 chains of the reference data (5+5+7), each with its first fact, so that each is published exactly once.

The data file is frozen with this revision. Later chains are added, and these renamed, through the service.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid5

from alembic import op
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from shared.contracts.ids import chain_id
from shared.contracts.programme import PROGRAMME, ChainRecorded

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DECIDED_AT = datetime(2024, 3, 18, 1, tzinfo=UTC)  # the conference that set the chains (S14), 09:00 in Qingdao
ACTOR = "reference data"

CHAIN = text("""
    INSERT INTO chain (id, version, code, name, category) VALUES (:chain_id, 1, :code, :name, :category)
""")
HEAD = text("INSERT INTO aggregate_head (aggregate_id, topic, seq, event_id) VALUES (:chain_id, :topic, 1, :event_id)")
FACT = text("""
    INSERT INTO event_log (event_id, topic, aggregate_id, seq, type, at, actor, data)
    VALUES (:event_id, :topic, :chain_id, 1, :type, :at, :actor, :data)
""").bindparams(bindparam("data", type_=JSONB))


def upgrade() -> None:
    connection = op.get_bind()
    chains = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    for chain in sorted(chains, key=lambda chain: chain_id(chain["code"])):
        event = ChainRecorded(chain_id=chain_id(chain["code"]), **chain)
        data = event.model_dump(mode="json")
        event_id = uuid5(event.chain_id, f"{ChainRecorded.type}:1")
        of = {"chain_id": event.chain_id, "event_id": event_id, "topic": PROGRAMME}
        connection.execute(CHAIN, {**data, "chain_id": event.chain_id})
        connection.execute(HEAD, of)
        connection.execute(FACT, {**of, "type": ChainRecorded.type, "at": DECIDED_AT, "actor": ACTOR, "data": data})


def downgrade() -> None:
    raise NotImplementedError("a history is not unmade")
