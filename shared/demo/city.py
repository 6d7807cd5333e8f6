"""The demo city: real places of Yichang, made-up people, one hub and four nodes."""

from __future__ import annotations

from dataclasses import dataclass

from shared.demo.generator import Unit, UnitKind

HUB_NAME = "宜昌市档案管理平台（演示）"
CITY = "420500000000"
CITY_ARCHIVE, YILING_ARCHIVE, ZHIJIANG_ARCHIVE = "420500", "420506", "420583"
#: 夷陵区 reviews and the city receives, for all its units and townships.
AGREEMENT_BASIS = "《夷陵区档案集中保管协议》（演示）"
#: What the archives that receive share with the provincial platform, on what ground.
RECEIVING_ARCHIVES = (CITY_ARCHIVE, ZHIJIANG_ARCHIVE)
SHARED = ("code", "title", "doc_no", "author", "date")
SHARED_OF_CLOSED = ("code", "date")
SHARING_BASIS = "馆务会决定（演示）"
#: One for everybody: this is a demo, and it says so.
PASSWORD = "yichang-2024"  # noqa: S105 - printed in the demo's own table


@dataclass(frozen=True)
class Person:
    """Somebody with an account: at the hub within an archive, at a node within a fonds."""

    login: str
    name: str
    role: str
    archive: str | None = None
    fonds: str | None = None


@dataclass(frozen=True)
class FondsPlan:
    """A fonds that an office keeps; `hands_over` is false where filing is the end (villages)."""

    unit: Unit
    division: str
    number: str
    share: int
    hands_over: bool = True

    @property
    def name(self) -> str:
        """Its name, which is its unit's."""
        return self.unit.name


@dataclass(frozen=True)
class Office:
    """One node: an office with its fonds and people. `share` is its part of all records."""

    slug: str
    name: str
    division: str
    share: int
    fonds: tuple[FondsPlan, ...]
    people: tuple[Person, ...]

    def clerk_of(self, fonds: FondsPlan) -> Person:
        """Who files for a fonds: its own clerk, else the office's."""
        return next(
            (each for each in self.people if each.role == "clerk" and each.fonds == fonds.name),
            self.clerk,
        )

    @property
    def clerk(self) -> Person:
        """The clerk of the office itself."""
        return next(
            each
            for each in self.people
            if each.role == "clerk" and each.fonds == self.fonds[0].name
        )

    @property
    def leader(self) -> Person:
        """Who approves and signs."""
        return next(each for each in self.people if each.role == "leader")


HUB_PEOPLE = (
    Person("shiguan-jieshou", "王建国", "archivist", CITY_ARCHIVE),
    Person("shiguan-shenhe", "陈晓梅", "reviewer", CITY_ARCHIVE),
    Person("yiling-shenhe", "李文静", "reviewer", YILING_ARCHIVE),
    Person("zhijiang-shenhe", "周志远", "reviewer", ZHIJIANG_ARCHIVE),
    Person("zhijiang-jieshou", "吴海燕", "archivist", ZHIJIANG_ARCHIVE),
)


def _staff(fonds: str, clerk: tuple[str, str], leader: tuple[str, str]) -> tuple[Person, ...]:
    return (
        Person(*clerk, "clerk", fonds=fonds),
        Person(*leader, "leader", fonds=fonds),
    )


_MINZHENG = Unit(
    name="宜昌市民政局",
    kind=UnitKind.CITY_DEPARTMENT,
    matters="civil",
    sign="宜民发",
    superiors=(
        ("宜昌市人民政府", "宜府发"),
        ("宜昌市人民政府办公室", "宜府办发"),
        ("湖北省民政厅", "鄂民政发"),
    ),
    places=("夷陵区", "枝江市", "宜都市", "当阳市", "秭归县", "兴山县"),
)
_SHUILI = Unit(
    name="宜昌市夷陵区水利和湖泊局",
    kind=UnitKind.COUNTY_DEPARTMENT,
    matters="water",
    sign="夷水发",
    superiors=(
        ("宜昌市夷陵区人民政府", "夷政发"),
        ("宜昌市夷陵区人民政府办公室", "夷政办发"),
        ("宜昌市水利和湖泊局", "宜水发"),
    ),
    places=("黄花镇", "分乡镇", "雾渡河镇", "鸦鹊岭镇", "龙泉镇"),
)
_FENXIANG = Unit(
    name="宜昌市夷陵区分乡镇人民政府",
    kind=UnitKind.TOWNSHIP,
    matters="township",
    sign="分政发",
    superiors=(
        ("宜昌市夷陵区人民政府", "夷政发"),
        ("宜昌市夷陵区人民政府办公室", "夷政办发"),
        ("宜昌市夷陵区农业农村局", "夷农发"),
    ),
    places=("大中坝村", "普溪河村", "高家堰村", "南垭村", "金竹村"),
)
_DAZHONGBA, _PUXIHE = (
    Unit(
        name=f"分乡镇{village}村民委员会",
        kind=UnitKind.VILLAGE,
        matters="village",
        sign="",
        superiors=(("宜昌市夷陵区分乡镇人民政府", "分政发"),),
        places=("一组", "二组", "三组", "四组"),
    )
    for village in ("大中坝村", "普溪河村")
)
_DONGSHI = Unit(
    name="枝江市董市镇人民政府",
    kind=UnitKind.TOWNSHIP,
    matters="township",
    sign="董政发",
    superiors=(
        ("枝江市人民政府", "枝政发"),
        ("枝江市人民政府办公室", "枝政办发"),
        ("枝江市农业农村局", "枝农发"),
    ),
    places=("石匠店村", "裴圣村", "平湖村", "姚家港村"),
)

OFFICES = (
    Office(
        slug="minzheng",
        name="宜昌市民政局档案室",
        division=CITY,
        share=30,
        fonds=(FondsPlan(_MINZHENG, CITY, "0112", 100),),
        people=_staff(_MINZHENG.name, ("minzheng", "赵雅琴"), ("minzheng-ju", "刘振华")),
    ),
    Office(
        slug="shuili",
        name="夷陵区水利和湖泊局档案室",
        division="420506000000",
        share=25,
        fonds=(FondsPlan(_SHUILI, "420506000000", "0231", 100),),
        people=_staff(_SHUILI.name, ("shuili", "黄立新"), ("shuili-ju", "郑国栋")),
    ),
    Office(
        slug="fenxiang",
        name="分乡镇综合档案室",
        division="420506103000",
        share=25,
        fonds=(
            FondsPlan(_FENXIANG, "420506103000", "0308", 76),
            FondsPlan(_DAZHONGBA, "420506103202", "0401", 12, hands_over=False),
            FondsPlan(_PUXIHE, "420506103204", "0402", 12, hands_over=False),
        ),
        people=(
            *_staff(_FENXIANG.name, ("fenxiang", "孙丽萍"), ("fenxiang-zhen", "何光明")),
            Person("dazhongba", "田秀英", "clerk", fonds=_DAZHONGBA.name),
            Person("puxihe", "向德贵", "clerk", fonds=_PUXIHE.name),
        ),
    ),
    Office(
        slug="dongshi",
        name="董市镇综合档案室",
        division="420583104000",
        share=20,
        fonds=(FondsPlan(_DONGSHI, "420583104000", "0215", 100),),
        people=_staff(_DONGSHI.name, ("dongshi", "杨小玲"), ("dongshi-zhen", "邓宏伟")),
    ),
)
