"""What the facts of visits, promotion events, agreements, leads and contacts say, in Chinese."""

from services.intake.api.projects.wording import Names
from services.intake.api.promotion.shapes import AGREEMENT_NAMES
from services.intake.api.subject_history import Sentences
from services.intake.domain.promotion.approximate import words
from services.intake.domain.terms import STAGE_NAMES, money
from shared.contracts.promotion import (
    Agreement,
    AgreementRecorded,
    AgreementRevised,
    AgreementWithdrawn,
    Contact,
    ContactDisclosed,
    ContactErased,
    ContactRecorded,
    ContactRevised,
    Lead,
    LeadConverted,
    LeadDropped,
    LeadFound,
    LeadRevised,
    Place,
    Promotion,
    PromotionCancelled,
    PromotionRecorded,
    PromotionRevised,
    Visit,
    VisitCancelled,
    VisitRecorded,
    VisitRevised,
)


def _visit(visit: Visit, names: Names) -> str:
    team = "、".join(names[id] for id in visit.org_ids)
    places = "、".join(_place(place) for place in visit.places)
    met = f"，会见{'、'.join(met.name for met in visit.met)}" if visit.met else ""
    return f"“{visit.name}”，{team}组团，{visit.from_day}至{visit.until_day}赴{places}{met}"


def _promotion(event: Promotion, names: Names) -> str:
    firms = f"，参会企业{words(event.firms, '家')}" if event.firms else ""
    agreements = f"，签署协议{words(event.agreements, '份')}" if event.agreements else ""
    where = f"{_place(event.place)}{event.venue}"
    return f"“{event.name}”，{names[event.organiser_org_id]}主办，{event.from_day}在{where}举行{firms}{agreements}"


def _agreement(agreement: Agreement, names: Names) -> str:
    parties = "、".join(party.name for party in agreement.parties)
    amount = f"，意向投资{money(agreement.amount_wan)}" if agreement.amount_wan else ""
    project = f"，涉及项目{names[agreement.project_id]}" if agreement.project_id else ""
    kind = AGREEMENT_NAMES[agreement.kind]
    return f"{agreement.signed_on}与{parties}签署{kind}“{agreement.title}”{amount}{project}"


def _lead(lead: Lead, names: Names) -> str:
    expected = f"，预计投资{money(lead.expected_wan)}" if lead.expected_wan else ""
    return (
        f"{lead.found_on}发现线索“{lead.name}”（{lead.firm}），产业链：{names[lead.chain_id]}，"
        f"跟进单位：{names[lead.responsible_org_id]}{expected}"
    )


def _contact(contact: Contact) -> str:
    return f"{contact.firm}{contact.title}{contact.name}"


def _place(place: Place) -> str:
    return f"{place.country}{place.city}"


SENTENCES: Sentences = {
    VisitRecorded: lambda event, names: f"登记招商活动{_visit(event.content, names)}",
    VisitRevised: lambda event, names: f"修改为{_visit(event.content, names)}",
    VisitCancelled: lambda event, _: f"取消：{event.reason}",
    PromotionRecorded: lambda event, names: f"登记推介会{_promotion(event.content, names)}",
    PromotionRevised: lambda event, names: f"修改为{_promotion(event.content, names)}",
    PromotionCancelled: lambda event, _: f"取消：{event.reason}",
    AgreementRecorded: lambda event, names: _agreement(event.content, names),
    AgreementRevised: lambda event, names: f"修改为：{_agreement(event.content, names)}",
    AgreementWithdrawn: lambda event, _: f"撤销：{event.reason}",
    LeadFound: lambda event, names: _lead(event.content, names),
    LeadRevised: lambda event, names: f"修改为：{_lead(event.content, names)}",
    LeadConverted: lambda event, names: (
        f"{event.converted_on}转为项目{names[event.project_id]}，阶段：{STAGE_NAMES[event.stage]}"
    ),
    LeadDropped: lambda event, _: f"{event.ended_on}放弃：{event.reason}",
    ContactRecorded: lambda event, _: f"登记联系人{_contact(event.content)}",
    ContactRevised: lambda event, _: f"修改为{_contact(event.content)}",
    ContactDisclosed: lambda event, _: f"查看手机号码，用途：{event.purpose}",
    ContactErased: lambda event, _: f"删除：{event.reason}",
}
