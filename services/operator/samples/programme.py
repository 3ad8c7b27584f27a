"""The people and projects of the sample workbook: invented, seeded, the same for the same start.

Days are told from the start of supervision: some projects were due before it (they become the baseline), a few fall due
in the months after, one has a milestone that can be met early, most lie further off.
"""

import random
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

CHAINS = {
    "船舶海工": "远帆船舶配套",
    "智能家电": "云居智能家电",
    "高端化工新材料": "青禾特种材料",
    "汽车": "驰原汽车零部件",
    "智能制造装备及精密仪器仪表": "精衡仪器装备",
    "集成电路": "芯屿封装测试",
    "新型显示": "晶澜显示模组",
    "人工智能及虚拟现实": "灵境虚拟现实",
    "生物医药及医疗器械": "泽康医疗器械",
    "氢能储能及新能源": "氢澄储能装备",
    "现代金融": "海汇产业基金",
    "现代物流": "通港冷链物流",
    "现代商贸": "集市跨境商贸",
    "软件和信息服务": "数栈工业软件",
    "科技服务": "启研检验检测",
    "文化旅游及影视": "光影数字摄制",
    "会展": "会云会展中心",
}
UNITS = (
    "工信局",
    "商务局",
    "发改局",
    "科技局",
    "海洋发展局",
    "文旅局",
    "金融局",
    "交通局",
    "开发区管委",
    "自贸片区管委",
)
GOVERNMENT, OFFICE = "示例区政府", "示例区链长制工作办公室"
VACANT_CHAIN = "现代物流"
"""Its 副链长 is vacant: a climb passes the post over, visibly."""

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜"
_GIVEN = "安博诚达恩帆光浩佳凯岚明宁鹏清瑞松涛唯翔雅泽舟"
_PARTS = ("基地", "二期扩能", "研发中心", "产业园")


@dataclass(frozen=True, slots=True)
class Office:
    """A row of the organisation sheet; no `person`: vacant."""

    unit: str
    parent: str
    title: str
    tier: str
    person: str
    chains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleProject:
    """A project; `plans` and `days` by step: 签约 开工 竣工 投产 达产. `officer`: a post's title or a holder's name."""

    name: str
    chain: str
    unit: str
    officer: str
    total_wan: int
    stage: str
    kind: str
    plans: dict[str, date]
    days: dict[str, date]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Programme:
    """`missed`, `passing_over`, `early`: names of projects that a demonstration follows (see `_leading`)."""

    offices: tuple[Office, ...]
    projects: tuple[SampleProject, ...]
    missed: str
    passing_over: str
    early: str


def sample_programme(start: date, *, seed: int = 2026) -> Programme:
    """The programme as an office would hand it in on the day supervision starts."""
    random_ = random.Random(seed)
    offices = _offices(random_)
    officers = _officers(offices)
    leading = _leading(start, officers)
    others = [
        _project(number, chain, start, officers, random_)
        for number, chain in enumerate([*CHAINS, *CHAINS, *list(CHAINS)[:3]])
    ]
    return Programme(
        tuple(offices),
        (*leading, *others),
        missed=leading[0].name,
        passing_over=leading[1].name,
        early=leading[2].name,
    )


def month_end(start: date, months: int) -> date:
    """The last day of the month that lies some months from the start's."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, monthrange(year, month + 1)[1])


def _offices(random_: random.Random) -> list[Office]:
    names = _names(random_)
    offices = [Office(GOVERNMENT, "", f"总链长（示例{each}）", "总链长", next(names)) for each in ("甲", "乙", "丙")]
    pairs = list(CHAINS)
    for number in range(0, len(pairs), 2):
        title = f"链长（示例副区长{number // 2 + 1}）"
        offices.append(Office(GOVERNMENT, "", title, "链长", next(names), tuple(pairs[number : number + 2])))
    for number, chain in enumerate(CHAINS):
        unit, person = f"示例{UNITS[number % len(UNITS)]}", next(names)
        offices += [
            Office(
                unit, GOVERNMENT, f"{chain}产业链副链长", "副链长", "" if chain == VACANT_CHAIN else person, (chain,)
            ),
            Office(OFFICE, GOVERNMENT, f"{chain}产业链工作专班负责人", "工作专班", next(names), (chain,)),
            Office(OFFICE, GOVERNMENT, f"{chain}产业链专班办公室主任", "专班办公室", next(names), (chain,)),
        ]
    for unit in UNITS:
        offices.append(Office(f"示例{unit}", GOVERNMENT, f"{unit}主要负责人", "单位负责人", next(names)))
        offices += [
            Office(f"示例{unit}", GOVERNMENT, f"{unit}项目专员{each}", "责任人", next(names)) for each in "一二"
        ]
    return offices


def _names(random_: random.Random) -> Iterator[str]:
    pool = [f"{surname}示{given}" for surname in _SURNAMES for given in _GIVEN]
    random_.shuffle(pool)
    return iter(pool)


def _officers(offices: list[Office]) -> dict[str, list[Office]]:
    found: dict[str, list[Office]] = {}
    for office in offices:
        if office.tier == "责任人":
            found.setdefault(office.unit, []).append(office)
    return found


def _leading(start: date, officers: dict[str, list[Office]]) -> tuple[SampleProject, ...]:
    """Three that a demonstration follows: one is missed, one climbs past a vacant post, one can be met early.

    And three whose start was due before supervision begins.
    """
    signed = {"签约": month_end(start, -4)}

    def project(name: str, chain: str, unit: str, plans: dict[str, date], **more: str) -> SampleProject:
        officer = officers[f"示例{unit}"][0].person
        kind, remark = more.get("kind", "新建"), more.get("remark", "")
        return SampleProject(
            f"示例{name}项目", chain, f"示例{unit}", officer, 120_000, "签约", kind, plans, signed, remark
        )

    return (
        project("晶澜显示模组一期", "新型显示", "工信局", {"开工": month_end(start, 1), "竣工": month_end(start, 23)}),
        project("通港冷链枢纽", VACANT_CHAIN, "交通局", {"开工": month_end(start, 2), "投产": month_end(start, 26)}),
        project("氢澄储能增资扩产", "氢能储能及新能源", "开发区管委", {"开工": month_end(start, 3)}, kind="增资"),
        project(
            "青禾特种材料技改", "高端化工新材料", "发改局", {"开工": month_end(start, -2)}, remark="用地手续未完成"
        ),
        project("驰原底盘零部件", "汽车", "商务局", {"开工": month_end(start, -3)}, remark="等待环评批复"),
        project("云居整机装配", "智能家电", "科技局", {"开工": month_end(start, -1)}),
    )


_STAGES = ("在谈", "签约", "开工", "在建", "在谈", "竣工", "在建")


def _project(
    number: int, chain: str, start: date, officers: dict[str, list[Office]], random_: random.Random
) -> SampleProject:
    """One of the many: every seventh falls due within the year, the others later."""
    stage = _STAGES[number % len(_STAGES)]
    unit = f"示例{UNITS[number % len(UNITS)]}"
    officer = random_.choice(officers[unit])
    soon = random_.randrange(3, 11) if number % 7 == 1 else random_.randrange(13, 30)
    return SampleProject(
        name=f"示例{CHAINS[chain]}{_PARTS[number * 3 // len(CHAINS) % len(_PARTS)]}{number + 1}号项目",
        chain=chain,
        unit=unit,
        officer=random_.choice((officer.person, officer.title)),
        total_wan=random_.randrange(1_200, 480_000, 100),
        stage=stage,
        kind="增资" if number % 9 == 4 else "新建",
        plans=_plans(stage, month_end(start, soon), month_end(start, soon + 14)),
        days=_days(stage, start, random_),
    )


def _plans(stage: str, first: date, second: date) -> dict[str, date]:
    match stage:
        case "在谈":
            return {"签约": first}
        case "签约":
            return {"开工": first, "竣工": second}
        case "开工" | "在建":
            return {"竣工": first, "投产": second}
        case _:
            return {"投产": first, "达产": second}


def _days(stage: str, start: date, random_: random.Random) -> dict[str, date]:
    if stage == "在谈":
        return {}
    signed = month_end(start, -random_.randrange(26, 40)).replace(day=random_.randrange(1, 28))
    if stage == "签约":
        return {"签约": signed}
    started = month_end(start, -random_.randrange(4, 14)).replace(day=random_.randrange(1, 28))
    return {"签约": signed, "开工": started}
