"""Which life of a log this is: a log that is restored from a backup begins another.

What was logged after the backup is gone, and its numbers will be given again. So every record says of which life it is
(`ce_epoch`), and whoever consumes believes none of another life than the one it has compared itself with (see
`consuming.auditor`).
"""

import secrets

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_READ = text("SELECT epoch FROM log_epoch")
_BEGIN = text("UPDATE log_epoch SET epoch = :epoch")


async def read_epoch(conn: AsyncConnection) -> str:
    epoch: str = (await conn.execute(_READ)).scalar_one()
    return epoch


async def begin_epoch(conn: AsyncConnection) -> str:
    """A new life from the commit on; its name."""
    epoch = secrets.token_hex(8)
    await conn.execute(_BEGIN, {"epoch": epoch})
    return epoch
