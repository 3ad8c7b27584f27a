"""What record keeping is told by its environment besides what every service is told."""

from typing import Annotated

from pydantic import Field

from shared.kit.settings import ServiceSettings

MB = 1 << 20
LARGEST_FILE_MB = 20
"""What the table of files takes; a site may allow less."""


class IntakeSettings(ServiceSettings):
    """`evidence_file_mb`: the largest evidence file; `evidence_files`: how many a project may have."""

    evidence_file_mb: Annotated[int, Field(ge=1, le=LARGEST_FILE_MB)] = LARGEST_FILE_MB
    evidence_files: Annotated[int, Field(ge=1, le=10_000)] = 500
