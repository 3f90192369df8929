"""Both languages say everything."""

import json
import re
from typing import Any

from tests.e2e.conftest import ROOT

WORDS = ROOT / "web/app/src/i18n"


def flat(words: dict[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in words.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
    return found


EN, ZH = (flat(json.loads((WORDS / f"{name}.json").read_text(encoding="utf-8"))) for name in ("en", "zh-CN"))


def test_no_word_is_missing_in_either_language() -> None:
    assert EN.keys() == ZH.keys()
    assert [key for key, text in {**EN, **ZH}.items() if not text.strip()] == []


def test_both_languages_fill_in_the_same_values() -> None:
    def holes(text: str) -> set[str]:
        return set(re.findall(r"{{(\w+)}}", text))

    assert {key for key in EN if holes(EN[key]) != holes(ZH[key]) and not key.endswith("_one")} == set()


def test_chinese_is_chinese() -> None:
    same: set[str] = set()
    assert {key for key, text in ZH.items() if not re.search(r"[\u4e00-\u9fff]", text)} == same
