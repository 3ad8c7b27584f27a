"""Record keeping over HTTP: routes only; what they do is in the handlers."""

from fastapi import APIRouter

from services.intake.api import exports, imports, statistics
from services.intake.api.organisation import (
    chain_maps,
    chains,
    enterprises,
    groups,
    organisations,
    people,
    posts,
    reorganisation,
    responsible,
)
from services.intake.api.organisation import exports as organisation_exports
from services.intake.api.organisation import workbook as organisation_workbooks
from services.intake.api.projects import (
    corrections,
    evidence,
    facts,
    lists,
    profiles,
    report_workbook,
    reports,
    support,
    timetables,
)
from services.intake.api.projects import exports as project_exports
from services.intake.api.projects import projects as project_records
from services.intake.api.projects import workbook as project_workbooks
from services.intake.api.promotion import agreements, contacts, leads, promotions, visits
from services.intake.api.promotion import exports as promotion_exports
from services.intake.api.promotion import workbook as lead_workbooks
from services.intake.api.registers import exports as register_exports
from services.intake.api.registers import filings, measures, plans, tasks
from services.intake.api.registers import measure_workbook as measure_workbooks
from services.intake.api.registers import registers as register_entries
from services.intake.api.registers import workbook as register_workbooks
from services.intake.api.requests import common_problems
from services.intake.api.requests import exports as request_exports
from services.intake.api.requests import requests as enterprise_requests


def routers() -> tuple[APIRouter, ...]:
    return (
        agreements.router,
        chains.router,
        common_problems.router,
        contacts.router,
        corrections.router,
        enterprises.router,
        evidence.router,
        exports.router,
        facts.router,
        filings.router,
        groups.router,
        imports.router,
        lead_workbooks.router,
        leads.router,
        lists.router,
        chain_maps.router,
        measure_workbooks.router,
        measures.router,
        organisation_exports.router,
        organisation_workbooks.router,
        organisations.router,
        people.router,
        plans.router,
        posts.router,
        profiles.router,
        project_exports.router,
        project_workbooks.router,
        project_records.router,
        promotion_exports.router,
        promotions.router,
        register_exports.router,
        register_workbooks.router,
        register_entries.router,
        reorganisation.router,
        report_workbook.router,  # before the months of reports: it is none of them
        reports.router,
        request_exports.router,
        enterprise_requests.router,
        responsible.router,
        statistics.router,
        support.router,
        tasks.router,
        timetables.router,
        visits.router,
    )
