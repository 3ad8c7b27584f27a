"""The year of the demonstration, act by act: who does what on which day."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from rich.markup import escape

from services.operator.demo.chat import Chat
from services.operator.demo.reports import hand_in
from services.operator.demo.stage import Person, Stage
from services.operator.samples.programme import Programme, sample_programme
from services.operator.words import console
from shared.kit.clock import CHINA

START = datetime(2026, 1, 5, 9, tzinfo=CHINA)
END = datetime(2026, 12, 31, 18, tzinfo=CHINA)


@dataclass(slots=True)
class Told:
    """What the story keeps for the account at its end."""

    followed: str = ""
    """The project whose case nobody answers."""
    import_report: str = ""
    error_sheet: str = ""
    passed_without_intake: int = 0


class Story:
    def __init__(self, stage: Stage, chat: Chat) -> None:
        self._stage = stage
        self._chat = chat
        self._programme: Programme = sample_programme(START.date())
        self.clerk = stage.as_("clerk", "专班办公室示例员")
        self.supervisor = stage.as_("supervisor", "督查室示例员")
        self.operator = stage.as_("operator", "运维示例员")
        self.told = Told(followed=self._programme.missed)

    def tell(self) -> Told:
        self._groups_are_connected()
        self._the_workbook_comes_in()
        self._the_baseline_is_settled()
        self._nobody_answers()
        self._record_keeping_is_down()
        self._somebody_answers()
        self._somebody_is_early()
        self._the_year_goes_on()
        return self.told

    def _act(self, title: str) -> None:
        console.print(f"\n[bold]{title}[/]")

    def _to(self, month: int, day: int, hour: int = 9) -> None:
        moment = datetime(2026, month, day, hour, tzinfo=CHINA)
        self._stage.advance_to(moment)
        console.print(f"  [cyan]{moment:%Y-%m-%d %H:%M}[/]")
        self._chat.show()

    def _groups_are_connected(self) -> None:
        self._act("1  五个群接入机器人，各层级各归其群 · Five groups get a robot, and each tier its group")
        console.print(self._stage.liandu("connect-robots"))

    def _the_workbook_comes_in(self) -> None:
        self._act("2  导入办公室的项目清单 · The office's workbook comes in, with all its mess")
        file = self._stage.data / "示例项目清单.xlsx"
        self._stage.liandu("sample-workbook", str(file), "--start", f"{START:%Y-%m-%d}")
        self.told.import_report = self._stage.liandu("import", str(file), codes=(0, 3))
        console.print(f"  {file}")
        console.print(escape(self.told.import_report))
        sheet = file.with_name(f"{file.stem}-错误清单.xlsx")
        self.told.error_sheet = str(sheet) if sheet.exists() else ""
        self._stage.liandu("clock", "settle")

    def _the_baseline_is_settled(self) -> None:
        self._act("3  存量逾期经督查室确认后才督办 · What was late before climbs only where 督查室 confirms it")
        late = self.supervisor.every("assessment", "/v1/obligations", baseline=True)
        for obligation in late:
            matter = obligation["matter"]
            console.print(f"  {obligation['due_on']}  {matter['project_name']}：{matter['milestone_name']}")
        self.supervisor.ask("POST", "assessment", f"/v1/obligations/{late[-1]['id']}:confirm")
        console.print(f"  督查室确认 confirmed: {late[-1]['matter']['project_name']}")
        self._reports_are_in(1, 15)
        self._to(1, 30)

    def _nobody_answers(self) -> None:
        self._act("4  逾期未开工，无人反馈，逐级上报 · A start is missed and nobody answers: the climb begins")
        console.print(f"  {self._programme.missed}，计划2月28日开工（星期六，调休上班）")
        self._reports_are_in(2, 11)
        self._to(2, 25)
        self._to(3, 2)
        self._to(3, 6)

    def _record_keeping_is_down(self) -> None:
        self._act("5  记录服务停机，督导照常 · Record keeping is down for two weeks; supervision is not")
        self._reports_are_in(3, 6)
        before = len(self._chat.heard)
        self._stage.liandu("stop", "intake")
        console.print("  记录服务已停止 · intake is stopped")
        self._to(3, 13)
        self._to(3, 20)
        self._to(3, 27)
        self.told.passed_without_intake = len(self._chat.heard) - before
        self._stage.liandu("start", "intake")
        console.print("  记录服务已恢复 · intake is up again")

    def _somebody_answers(self) -> None:
        self._act("6  岗位空缺逐级上报，签收并反馈 · Another is missed; a vacant post is passed over; somebody answers")
        name = self._programme.passing_over
        self._to(4, 1)
        self._press(name, "units")
        self._reports_are_in(4, 20)
        case = self._case_of(name)
        body = {"text": "施工许可已取得，4月30日前开工", "commitment_on": "2026-04-30"}
        self._holder_of(case).ask("POST", "assessment", f"/v1/cases/{case['id']}:feedback", body)
        shown = self.supervisor.get("assessment", f"/v1/cases/{case['id']}")
        console.print(f"  反馈：{body['text']}。{shown['next_step']}")
        self._to(4, 27)
        self._start(name, "2026-04-27")
        self._start(self._programme.missed, "2026-04-24")
        self._stage.liandu("clock", "settle")
        self._chat.show()

    def _somebody_is_early(self) -> None:
        self._act("7  提前开工，提出激励建议 · A start comes early: a commendation is proposed")
        self._start(self._programme.early, "2026-04-16")
        self._stage.liandu("clock", "settle")
        self._chat.show()

    def _the_year_goes_on(self) -> None:
        self._act("8  一份月报漏报，走完全年 · One month's report is forgotten; the year goes on to its end")
        self._reports_are_in(5, 15, but=self._programme.missed)
        self._to(5, 27)
        self._reports_are_in(5, 27)
        for month in range(6, 13):
            self._reports_are_in(month, 15)
        self._stage.advance_to(END)
        self._chat.show()

    def _reports_are_in(self, month: int, day: int, *, but: str = "") -> None:
        """The offices' reports of the month, handed in on a day."""
        self._to(month, day)
        count = hand_in(self.supervisor, f"{START.year}-{month:02}", but=but)
        console.print(f"  {month}月月报已报送{count}份 · monthly reports handed in: {count}")
        self._stage.liandu("clock", "settle")

    def _press(self, project: str, robot: str) -> None:
        """Open the link of a message as a phone does, and press the button of its page."""
        link = self._chat.latest_link(robot, project)
        with httpx.Client(timeout=30, trust_env=False) as phone:
            asked = phone.get(link)
            asked.raise_for_status()
            pressed = phone.post(link, data={"name": "示例开工负责人"})
            pressed.raise_for_status()
        heading = re.search(r"<h1>(.*?)</h1>", pressed.text, re.S)
        console.print(f"  链接签收：{heading[1].strip() if heading else pressed.status_code}")

    def _case_of(self, project: str) -> dict[str, Any]:
        cases = self.supervisor.every("assessment", "/v1/cases")
        return next(case for case in cases if case["matter"]["project_name"] == project)

    def _holder_of(self, case: dict[str, Any]) -> Person:
        """Whoever holds the case's responsible post, logged in."""
        post = case["matter"]["responsible_post_id"]
        holder = self.supervisor.get("intake", f"/v1/posts/{post}/holder")["holder"]
        return self._stage.as_("clerk", holder["person_name"], person=holder["person_id"])

    def _start(self, project: str, on: str) -> None:
        """Record a project's way from its contract to its start, with the evidence."""
        found = next(each for each in self.clerk.every("intake", "/v1/projects") if each["name"] == project)
        path = f"/v1/projects/{found['id']}"
        evidence = [
            {"kind": "construction_contract", "on": on, "reference": "示例施〔2026〕8号"},
            {"kind": "site_photograph", "on": on, "reference": "开工现场.jpg"},
        ]
        version = found["version"]
        for target, papers in (("registered", []), ("approved", []), ("started", evidence)):
            step = {"target": target, "on": on, "evidence": papers}
            at = {"If-Match": f'"{version}"'}
            version = self.clerk.ask("POST", "intake", f"{path}/transitions", step, headers=at)["version"]
        console.print(f"  {project}于{on}开工")
