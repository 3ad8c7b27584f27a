"""What assessment is told by its environment besides what every service is told."""

from pydantic import FilePath

from shared.kit.settings import ServiceSettings


class AssessmentSettings(ServiceSettings):
    """`policy_file`: a site's own policy in place of the default one; a changed one needs a new version."""

    policy_file: FilePath | None = None
