"""What assessment is told by its environment besides what every service is told."""

from pydantic import DirectoryPath, FilePath

from shared.kit.settings import ServiceSettings


class AssessmentSettings(ServiceSettings):
    """`policy_file`: a site's own policy in place of the default one; a changed one needs a new version.
    `scoring_file`: a site's own scoring rules, likewise.

    `document_templates`: a folder with the office's own forms of documents; `document_office`: the name at their head.
    """

    policy_file: FilePath | None = None
    scoring_file: FilePath | None = None
    document_templates: DirectoryPath | None = None
    document_office: str = "产业链链长制工作督查室"
