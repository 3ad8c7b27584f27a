"""Ids that several parties must derive alike: reference data, and what follows one-to-one from something else."""

from uuid import UUID, uuid5

NAMESPACE = UUID("6f1f2a52-8c6e-5d0b-9a57-6c69616e6475")


def chain_id(code: str) -> UUID:
    """The id of an industrial chain, from its code (S3 of the reference data)."""
    return uuid5(NAMESPACE, f"chain:{code}")


def organisation_id(name: str) -> UUID:
    """The id of an organisation, from its full name: two offices that import it meet at one record."""
    return uuid5(NAMESPACE, f"organisation:{name}")


def obligation_id(item_id: UUID) -> UUID:
    """The id of the obligation that follows from a due thing (a milestone): one item, one obligation."""
    return uuid5(item_id, "obligation")


def rung_id(case_id: UUID, rung: int) -> UUID:
    """A rung of a case as a link names it, beside the case: the link of a lower rung does not acknowledge a higher."""
    return uuid5(case_id, f"rung:{rung}")


def filing_id(register_key: str, year: int, chain_id: UUID) -> UUID:
    """The id of a register's filing by a chain for a year: it is called for once."""
    return uuid5(chain_id, f"filing:{register_key}:{year}")


def freeze_id(register_key: str, year: int) -> UUID:
    """The id of a register's frozen list of a year: there is one."""
    return uuid5(NAMESPACE, f"freeze:{register_key}:{year}")


def map_id(chain_id: UUID) -> UUID:
    """The id of a chain's 招商图谱: a chain has one."""
    return uuid5(chain_id, "map")


def score_id(period: str, chain_id: UUID) -> UUID:
    """The id of a chain's published score of a period (2026-Q1): it is published once."""
    return uuid5(chain_id, f"score:{period}")
