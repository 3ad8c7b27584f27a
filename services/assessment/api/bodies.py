"""What several routes are given: a reason, a remark, a number within a record."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

TEXT = r"^[^\x00]*$"

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
"""Counts something within its record: a feedback of a case, an extension of an obligation."""


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    reason: str = Field(min_length=1, max_length=2000, pattern=TEXT)


class Remark(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    remark: str = Field(default="", max_length=2000, pattern=TEXT)
