"""The rule file: a few readable lines of TOML that say which elements a task brings about."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import Limits, isolated

RULE_LIMITS = Limits(memory_bytes=512 * 1024**2, cpu_s=20.0, wall_s=60.0)
MAX_BYTES = 4 * 1024**2
OF_TASK = ("task", "id", "wbs", "zone")
OF_ELEMENT = ("class", "storey", "name", "system")
IN_TASK = "in task"
"""As a storey: the one whose name stands in the task's name or in that of a summary above it."""

Patterns = tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """Tasks that fit every condition bring about the elements that fit every condition; patterns with * and ?."""

    of_task: Mapping[str, Patterns]
    of_element: Mapping[str, Patterns]
    nth: int | None = None
    """Of the tasks that fit, the one that starts first, second, …: plans repeat a name from storey to storey."""

    @cached_property
    def _compiled(self) -> Mapping[str, re.Pattern[str]]:
        both = {**self.of_task, **self.of_element}
        return {key: re.compile("|".join(map(translate, patterns)), re.IGNORECASE) for key, patterns in both.items()}

    def fits(self, key: str, value: str) -> bool:
        """Whether a value fits the condition `key`; what has no condition fits."""
        return key not in self._compiled or bool(self._compiled[key].match(value.strip()))


@dataclass(frozen=True)
class Rules:
    """What a rule file says: rules in their order, and links made by hand from task ids to GlobalIds."""

    rules: tuple[Rule, ...] = ()
    by_hand: Mapping[str, tuple[str, ...]] | None = None


def read_rules(path: Path, limits: Limits = RULE_LIMITS) -> Rules:
    """The rules in a file. Raises BadInput for what is no rule file, naming the line or key."""
    return _rules(isolated(_read, str(path), limits=limits, failure=BadInput, what=f"rules {path.name}"))


def default_rules() -> Rules:
    """The rules that count where nothing else links a task: common names of trades in four languages."""
    text = files("bim.schedule").joinpath("default_rules.toml").read_text(encoding="utf-8")
    return _rules(_checked(tomllib.loads(text), "the default rules"))


def _read(path: str) -> Payload:
    """In the child."""
    name = Path(path).name
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise BadInput(f"{name} is too large for a rule file", f"at most {MAX_BYTES} bytes", "shorten it")
        return _checked(tomllib.loads(Path(path).read_text(encoding="utf-8-sig")), name)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{name} is no rule file ({error})", "TOML with [[rule]] tables", "correct it") from error


def _checked(document: Mapping[str, Any], name: str) -> Payload:
    _refuse_unknown(document, {"rule", "link"}, name, "tables")
    rules = [_check_rule(rule, name) for rule in _tables(document, "rule", name)]
    links = [_check_link(link, name) for link in _tables(document, "link", name)]
    return {"rules": rules, "links": links}


def _tables(document: Mapping[str, Any], key: str, name: str) -> list[Mapping[str, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise BadInput(f"{name}: {key} is no list of tables", f"[[{key}]]", "write double brackets")
    return found


def _check_rule(rule: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    _refuse_unknown(rule, {*OF_TASK, *OF_ELEMENT, "nth"}, name, "keys of a rule")
    if not set(rule) & set(OF_TASK) or not set(rule) & set(OF_ELEMENT):
        found = f"{name}: a rule with only {', '.join(rule) or 'nothing'}"
        raise BadInput(found, f"one of {', '.join(OF_TASK)} and one of {', '.join(OF_ELEMENT)}", "complete the rule")
    nth = rule.get("nth")
    if nth is not None and (not isinstance(nth, int) or nth < 1):
        raise BadInput(f"{name}: nth = {nth!r}", "1 for the first, 2 for the second, …", "correct it")
    return {key: _texts(value, f"{name}: {key}") for key, value in rule.items() if key != "nth"} | {"nth": nth}


def _check_link(link: Mapping[str, Any], name: str) -> tuple[str, list[str]]:
    _refuse_unknown(link, {"task", "elements"}, name, "keys of a link")
    if not isinstance(link.get("task"), str):
        raise BadInput(f"{name}: a link without a task", 'task = "the id of a task"', "name the task")
    return link["task"], _texts(link.get("elements", []), f"{name}: elements")


def _texts(value: Any, where: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadInput(f"{where} = {str(value)[:80]}", "a text or a list of texts", "put it in quotes")
    return texts


def _refuse_unknown(table: Mapping[str, Any], known: set[str], name: str, what: str) -> None:
    if unknown := sorted(set(table) - known):
        raise BadInput(f"{name}: unknown {unknown[0]}", f"{what}: {', '.join(sorted(known))}", "correct or remove it")


def _rules(payload: Payload) -> Rules:
    return Rules(tuple(map(_rule, payload["rules"])), {task: tuple(elements) for task, elements in payload["links"]})


def _rule(values: Mapping[str, Any]) -> Rule:
    def chosen(keys: tuple[str, ...]) -> dict[str, Patterns]:
        return {key: tuple(values[key]) for key in keys if key in values}

    return Rule(chosen(OF_TASK), chosen(OF_ELEMENT), values["nth"])
