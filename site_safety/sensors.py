"""Readings of sensors into alarms: three levels on the value and on its rate, as data. Pure.

    state = Sensors()
    for reading in readings:
        state, alarms = read(state, reading, plan)
    state, alarms = look(state, now, plan)          # who has said nothing for too long?

A reading that cannot be true, and a sensor that falls silent, are hazards themselves and never all-clear.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from statistics import linear_regression

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated
from bim.verdict import Reason
from site_safety.hazards import Level, Source
from site_safety.records import from_json
from site_safety.rules_scene import Alarm, Phase

LIMITS = Limits(memory_bytes=GIB, cpu_s=10.0, wall_s=20.0)
MAX_BYTES = 1024**2
LEVELS = (Level.NOTICE, Level.WARNING, Level.DANGER)
MIN_SAMPLES = 3
MAX_SAMPLES = 2000
AHEAD = timedelta(seconds=60)
"""A reading may be so far in the future before its clock is wrong."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that a sensor says, or words that are no value."""

    sensor_id: str
    at: datetime
    value: float | None
    unit: str | None = None
    """Where it is stated, it must be the plan's."""
    raw: str = ""
    """What was said, where it is no value."""


@dataclass(frozen=True)
class SensorRule:
    """What the sensors with a name like this may say."""

    match: str
    quantity: str
    unit: str
    valid: tuple[float, float]
    """Beyond this no reading is true: the sensor or its line is broken."""
    max_gap_s: float
    source: str = ""
    value: tuple[float, ...] = ()
    """Notice, warning and danger."""
    rate_per_h: tuple[float, ...] = ()
    rate_window_s: float = 3600.0
    below: bool = False
    """Falling is what is dangerous: the thresholds fall too."""
    two_sided: bool = False
    """Both ways are: the absolute value counts."""
    ease: float = 0.05
    """An alarm ends when the value is this share of its threshold better."""

    def __post_init__(self) -> None:
        """Refuse thresholds that are not three in order."""
        for name, given in (("value", self.value), ("rate_per_h", self.rate_per_h)):
            ordered = sorted(given, reverse=self.below and name == "value")
            if given and (len(given) != 3 or list(given) != ordered or len(set(given)) < 3):
                raise BadInput(
                    f"{self.match}: {name} = {list(given)}", "notice, warning, danger in order", "correct it"
                )
        if self.valid[0] >= self.valid[1] or self.max_gap_s <= 0 or self.rate_window_s <= 0:
            raise BadInput(f"{self.match}: valid {self.valid} or times", "low below high, times above 0", "correct it")


@dataclass(frozen=True)
class SensorPlan:
    """Rules in order: the first whose name fits counts."""

    sensor: tuple[SensorRule, ...]

    def rule(self, sensor_id: str) -> SensorRule | None:
        """What holds for a sensor; None where nothing does."""
        return next((rule for rule in self.sensor if fnmatchcase(sensor_id, rule.match)), None)


@dataclass(frozen=True)
class Sensors:
    """What is known of every sensor: recent values, and which alarms stand, by key."""

    samples: Mapping[str, tuple[tuple[datetime, float], ...]] = field(default_factory=dict)
    heard: Mapping[str, datetime] = field(default_factory=dict)
    standing: Mapping[str, Alarm] = field(default_factory=dict)


def read(state: Sensors, reading: Reading, plan: SensorPlan) -> tuple[Sensors, tuple[Alarm, ...]]:
    """What is known, and raised or ended, after a reading."""
    rule = plan.rule(reading.sensor_id)
    last = state.heard.get(reading.sensor_id)
    if wrong := _wrong(rule, reading, last):
        return _settled(state, reading.sensor_id, {"sensor_bad": (Level.WARNING, wrong)}, reading.at)
    assert rule is not None
    assert reading.value is not None
    since = reading.at - timedelta(seconds=rule.rate_window_s)
    kept = [each for each in state.samples.get(reading.sensor_id, ()) if each[0] > since]
    samples = (*kept[-MAX_SAMPLES + 1 :], (reading.at, reading.value))
    state = replace(
        state,
        samples={**state.samples, reading.sensor_id: samples},
        heard={**state.heard, reading.sensor_id: reading.at},
    )
    return _settled(state, reading.sensor_id, dict(_findings(state, rule, reading)), reading.at)


def look(state: Sensors, now: datetime, plan: SensorPlan) -> tuple[Sensors, tuple[Alarm, ...]]:
    """Which sensors have said nothing for too long. Nothing else changes."""
    said: list[Alarm] = []
    for sensor_id, at in state.heard.items():
        rule = plan.rule(sensor_id)
        gap_s = (now - at).total_seconds()
        key = f"sensor_silent|{sensor_id}"
        if rule and gap_s > rule.max_gap_s and key not in state.standing:
            text = Reason(f"Sensor {sensor_id} has said nothing for {gap_s / 60:.0f} min",
                          f"传感器 {sensor_id} 已 {gap_s / 60:.0f} 分钟无数据")  # fmt: skip
            said.append(_alarm(key, Level.WARNING, text, now))
    return replace(state, standing={**state.standing, **{alarm.key: alarm for alarm in said}}), tuple(said)


def expect(state: Sensors, sensor_ids: tuple[str, ...], now: datetime) -> Sensors:
    """Sensors that must speak from now on, so that one that never does is silent too."""
    return replace(state, heard={**dict.fromkeys(sensor_ids, now), **state.heard})


# --- One reading ------------------------------------------------------------------------------------------------------


def _wrong(rule: SensorRule | None, reading: Reading, last: datetime | None) -> Reason | None:
    """Why a reading cannot be used; None where it can."""
    who = f"Sensor {reading.sensor_id}", f"传感器 {reading.sensor_id}"
    if rule is None:
        return Reason(f"{who[0]} has no rule: nothing watches it", f"{who[1]} 未配置规则，无人监视")
    if reading.value is None:
        return Reason(
            f"{who[0]} says {reading.raw[:40]!r}, which is no value", f"{who[1]} 读数无效：{reading.raw[:40]!r}"
        )
    if reading.unit not in (None, rule.unit):
        return Reason(f"{who[0]} speaks in {reading.unit}, not in {rule.unit}",
                      f"{who[1]} 单位为 {reading.unit}，应为 {rule.unit}")  # fmt: skip
    if not rule.valid[0] <= reading.value <= rule.valid[1]:
        return Reason(f"{who[0]} says {reading.value:g} {rule.unit}, which cannot be",
                      f"{who[1]} 读数 {reading.value:g} {rule.unit} 超出量程")  # fmt: skip
    if last is not None and reading.at < last:
        return Reason(f"{who[0]} went back in time by {(last - reading.at).total_seconds():.0f} s",
                      f"{who[1]} 时间倒退 {(last - reading.at).total_seconds():.0f} 秒")  # fmt: skip
    return None


def _findings(state: Sensors, rule: SensorRule, reading: Reading) -> Iterator[tuple[str, tuple[Level, Reason]]]:
    value, sensor_id = reading.value or 0.0, reading.sensor_id
    level = _level(rule, rule.value, value, state.standing, f"sensor_value|{sensor_id}", rule.below)
    if level:
        limit = rule.value[LEVELS.index(level)]
        yield f"sensor_value|{sensor_id}|{level}", (level, Reason(
            f"{rule.quantity} at {sensor_id}: {value:g} {rule.unit} (limit {limit:g})",
            f"{sensor_id} {rule.quantity}：{value:g} {rule.unit}（限值 {limit:g}）"))  # fmt: skip
    rate = _rate_per_h(rule, state.samples[sensor_id])
    if rate is None:
        return
    level = _level(rule, rule.rate_per_h, rate, state.standing, f"sensor_rate|{sensor_id}", False)
    if level:
        limit = rule.rate_per_h[LEVELS.index(level)]
        yield f"sensor_rate|{sensor_id}|{level}", (level, Reason(
            f"{rule.quantity} at {sensor_id} changes by {rate:.3g} {rule.unit} an hour (limit {limit:g})",
            f"{sensor_id} {rule.quantity} 每小时变化 {rate:.3g} {rule.unit}（限值 {limit:g}）"))  # fmt: skip


def _level(
    rule: SensorRule, limits: tuple[float, ...], value: float, standing: Mapping[str, Alarm], key: str, below: bool
) -> Level | None:
    """The highest level that is reached; one that stands holds until the value has eased."""
    amount = abs(value) if rule.two_sided else value
    reached = None
    for level, limit in zip(LEVELS, limits, strict=False):
        eased = rule.ease * abs(limit) if f"{key}|{level}" in standing else 0.0
        if amount <= limit + eased if below else amount >= limit - eased:
            reached = level
    return reached


def _rate_per_h(rule: SensorRule, samples: tuple[tuple[datetime, float], ...]) -> float | None:
    """Slope by least squares over the window; None before half of it has been seen."""
    if not rule.rate_per_h or len(samples) < MIN_SAMPLES:
        return None
    hours = [(at - samples[0][0]).total_seconds() / 3600.0 for at, _ in samples]
    if hours[-1] * 3600.0 < rule.rate_window_s / 2:
        return None
    slope = linear_regression(hours, [value for _, value in samples]).slope
    return slope if rule.below or rule.two_sided or slope > 0 else 0.0


def _settled(
    state: Sensors, sensor_id: str, found: Mapping[str, tuple[Level, Reason]], at: datetime
) -> tuple[Sensors, tuple[Alarm, ...]]:
    """Alarms that are new are raised; those of this sensor that no longer hold end."""
    keys = {key if "|" in key else f"{key}|{sensor_id}": told for key, told in found.items()}
    bad = f"sensor_bad|{sensor_id}" in keys
    # A reading that cannot be true says nothing about what stood before it.
    mine = {key: alarm for key, alarm in state.standing.items() if key.split("|")[1] == sensor_id}
    ended = {key for key in mine if key not in keys and not bad}
    raised = {key: _alarm(key, *told, at) for key, told in keys.items() if key not in mine}
    standing = {key: alarm for key, alarm in state.standing.items() if key not in ended} | raised
    endings = [replace(mine[key], phase=Phase.ENDED, at=at) for key in sorted(ended)]
    return replace(state, standing=standing), (*raised.values(), *endings)


def _alarm(key: str, level: Level, text: Reason, at: datetime) -> Alarm:
    return Alarm(key, Phase.RAISED, key.partition("|")[0], level, Source.SENSOR, text, at, at)


# --- The plan as a file -----------------------------------------------------------------------------------------------


def default_plan() -> SensorPlan:
    """Common starting points, none of them those of a site."""
    text = files("site_safety").joinpath("sensors.toml").read_text(encoding="utf-8")
    return from_json(SensorPlan, tomllib.loads(text), "sensors.toml")


def read_plan(path: Path) -> SensorPlan:
    """A site's own plan. Raises BadInput that names the sensor and the key."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path} is no plan of sensors", f"TOML of at most {MAX_BYTES} bytes", "check the path")
    document = isolated(_parse, str(path), limits=LIMITS, failure=BadInput, what=f"sensors {path.name}")["document"]
    return from_json(SensorPlan, document, path.name)


def _parse(path: str) -> Payload:
    try:
        return {"document": tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))}
    except (ValueError, OSError, RecursionError) as error:
        raise BadInput(f"{Path(path).name} is no TOML ({error})", "[[sensor]] tables", "correct it") from error
