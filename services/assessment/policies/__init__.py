"""The policy and the scoring rules as data: the documents, and what reads them."""

from services.assessment.policies.document import read_file

__all__ = ["read_file"]
