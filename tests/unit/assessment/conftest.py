from datetime import date

import pytest

from services.assessment import policies
from services.assessment.domain.directory import Directory
from services.assessment.domain.project import Project, fold
from services.assessment.domain.rules import Rules
from services.assessment.policies.document import read_policy
from shared.kit.working_days import published
from tests.support.supervised import programme, recorded


@pytest.fixture(scope="session")
def rules() -> Rules:
    """The default policy and calendar; supervision began on Monday 5 January 2026."""
    return Rules(read_policy(policies.read_file(None)), published(), date(2026, 1, 5))


@pytest.fixture
def directory() -> Directory:
    directory = Directory()
    for _, event in programme():
        directory.learn(event)
    return directory


@pytest.fixture
def project() -> Project:
    made = fold(None, recorded("a")[1])
    assert made is not None
    return made
