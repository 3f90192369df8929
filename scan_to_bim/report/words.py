"""What a report says, in both languages of the product, and how a state looks: colour, ink and symbol."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from bim.verdict import State

Language = Literal["en", "zh"]


class Phrase(NamedTuple):
    """The same words in English and in simplified Chinese; both carry the same placeholders."""

    en: str
    zh: str

    def format(self, **values: object) -> "Phrase":
        """Both languages with their placeholders filled."""
        return Phrase(self.en.format(**values), self.zh.format(**values))

    def joined(self, other: "Phrase") -> "Phrase":
        """This sentence and then the other; Chinese needs no space between them."""
        return Phrase(f"{self.en} {other.en}", f"{self.zh}{other.zh}")

    def to(self, language: Language) -> str:
        """The words in one language."""
        return self.en if language == "en" else self.zh


class Look(NamedTuple):
    """How a state is drawn: `fill` for surfaces, `ink` for text (at least 7:1 on white), `symbol` without colour."""

    fill: str
    ink: str
    symbol: str
    word: Phrase
    meaning: Phrase


# Blue-green, amber, magenta and greys stay apart under every common colour blindness; the symbol and the pattern say
# the same without any colour.
LOOKS: Mapping[State, Look] = MappingProxyType({
    State.BUILT: Look(
        "#2bb3a8", "#00524d", "✓", Phrase("built", "已建成"),
        Phrase("Stands where the model has it, within tolerance.", "已按模型位置建成，偏差在允许范围内。"),
    ),
    State.PARTIAL: Look(
        "#f5a70a", "#6b4000", "◐", Phrase("partial", "部分完成"),
        Phrase("Part of it stands; the rest was looked through.", "部分已建成，其余部位的激光直接穿过。"),
    ),
    State.DISPLACED: Look(
        "#d4107a", "#8a004c", "⇄", Phrase("displaced", "偏位"),
        Phrase("Stands, but out of tolerance.", "已建成，但偏差超出允许范围。"),
    ),
    State.ABSENT: Look(
        "#4a4f57", "#33373d", "✕", Phrase("absent", "未建"),
        Phrase("The scanner looked through the place where it should be.", "激光穿过了构件应在的位置。"),
    ),
    State.UNSEEN: Look(
        "#c8ced6", "#4a5058", "?", Phrase("unseen", "未扫到"),
        Phrase("Nothing can be said: hidden or never looked at. This is not missing.",
               "无法判断：被遮挡或未扫描到，不等于缺失。"),
    ),
})  # fmt: skip


def rgb(colour: str) -> tuple[float, float, float]:
    """Red, green and blue in 0..1 of "#rrggbb"."""
    return (int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255)


CLASSES: Mapping[str, str] = MappingProxyType({
    "IfcBeam": "梁", "IfcBuildingElementProxy": "其他构件", "IfcChimney": "烟囱", "IfcColumn": "柱",
    "IfcCovering": "面层", "IfcCurtainWall": "幕墙", "IfcDoor": "门", "IfcDuctFitting": "风管管件",
    "IfcDuctSegment": "风管", "IfcFlowFitting": "管件", "IfcFlowSegment": "管段", "IfcFlowTerminal": "末端设备",
    "IfcFooting": "基础", "IfcFurnishingElement": "家具", "IfcFurniture": "家具", "IfcMember": "杆件",
    "IfcPile": "桩", "IfcPipeFitting": "管道管件", "IfcPipeSegment": "管道", "IfcPlate": "板件",
    "IfcRailing": "栏杆", "IfcRamp": "坡道", "IfcRampFlight": "坡道段", "IfcReinforcingBar": "钢筋", "IfcRoof": "屋面",
    "IfcSlab": "楼板", "IfcStair": "楼梯", "IfcStairFlight": "梯段", "IfcWall": "墙", "IfcWallStandardCase": "墙",
    "IfcWindow": "窗",
})  # fmt: skip


def class_word(ifc_class: str) -> Phrase:
    """IfcDuctSegment as a person would say it; a class without a Chinese word keeps its IFC name."""
    bare = ifc_class.removeprefix("Ifc").removesuffix("StandardCase")
    spaced = "".join(f" {c.lower()}" if c.isupper() and i else c for i, c in enumerate(bare))
    return Phrase(spaced, CLASSES.get(ifc_class, ifc_class))


UNEXPLAINED: Mapping[str, Phrase] = MappingProxyType({
    "scaffold": Phrase("scaffold", "脚手架"),
    "formwork": Phrase("formwork", "模板"),
    "object": Phrase("object", "物体"),
    "unknown": Phrase("unknown", "未知"),
})  # fmt: skip

METHODS: Mapping[str, Phrase] = MappingProxyType({
    "auto": Phrase("found from the building's own surfaces", "根据建筑自身表面自动定位"),
    "identity": Phrase("taken as already in the model's frame", "视为已在模型坐标系中"),
    "given": Phrase("given by the user", "由用户给定"),
})  # fmt: skip


def printable(text: str) -> str:
    """A model's or a file's words without control characters, which could steer a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


NO_STOREY = Phrase("no storey", "未分楼层")
