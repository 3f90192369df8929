"""The sentences of dispatch, in both languages."""

from collections.abc import Iterable, Mapping, Sequence

from bim.verdict import Reason
from robots.robot import Profile
from robots.roster import Sighting
from robots.tasks import Task

QUEUED = Reason("It waits for a robot.", "等待机器人。")
STARTED = Reason("The robot has begun.", "机器人已开始。")
BUSY = Reason("Every robot that can do it is busy.", "能够执行的机器人都在忙。")
ABSENT = Reason("No robot that can do it is present.", "能够执行的机器人都不在线。")


def approved(person: str) -> Reason:
    """Who let it go ahead."""
    return Reason(f"Approved by {person}.", f"由{person}批准。")


def cancelled_by(person: str) -> Reason:
    """Who ended it."""
    return Reason(f"Cancelled by {person}.", f"由{person}取消。")


def paused_by(person: str) -> Reason:
    """Who halted it."""
    return Reason(f"Paused by {person}.", f"由{person}暂停。")


def resumed_by(person: str) -> Reason:
    """Who let it go on."""
    return Reason(f"Resumed by {person}.", f"由{person}恢复。")


def wanted_by(person: str) -> Reason:
    """Who looked and wants it done."""
    return Reason(f"{person} looked, and wants the rest done.", f"{person}已检查，要求完成剩余部分。")


def given_to(robot_id: str) -> Reason:
    """Who has it."""
    return Reason(f"Given to {robot_id}.", f"分配给{robot_id}。")


def left_the_model(element: str) -> Reason:
    """What it is about is no longer planned."""
    return Reason(f"The element {element} left the model.", f"构件{element}已不在模型中。")


def no_zone(zone_id: str) -> Reason:
    """It names a zone that nobody drew."""
    return Reason(f"There is no zone {zone_id}.", f"没有区域{zone_id}。")


def nobody_can(abilities: Iterable[Reason | None]) -> Reason:
    """No robot of the fleet can ever do it."""
    first = next((reason for reason in abilities if reason), Reason("There is no robot.", "没有机器人。"))
    return Reason(f"No robot of this fleet can do it. {first.en}", f"本机队没有机器人能够执行。{first.zh}")


def silent(robot_id: str) -> Reason:
    """Its robot is gone, and what it did is not known."""
    return Reason(
        f"{robot_id} fell silent while it had this task; what of it was done is not known. Look, then decide.",
        f"{robot_id}执行该任务时失去联系，完成情况未知。请查看后决定。",
    )


def miscounted(task: Task, targets_done: int) -> Reason:
    """Its robot says what cannot be."""
    wanted = len(task.spec.targets)
    return Reason(
        f"{task.robot_id} counts {targets_done} of {wanted} targets as done, which cannot be. Look, then decide.",
        f"{task.robot_id}报告{wanted}个目标中完成{targets_done}个，这不可能。请查看后决定。",
    )


def uncertain(reason: Reason) -> Reason:
    """The robot itself does not know what is done."""
    return Reason(
        f"{reason.en} Whether the target in hand was done is not known. Look, then decide.",
        f"{reason.zh}当前目标是否完成未知。请查看后决定。",
    )


def too_often(reason: Reason, attempts: int) -> Reason:
    """No more tries."""
    return Reason(f"Given up after {attempts} attempts. {reason.en}", f"尝试{attempts}次后放弃。{reason.zh}")


def also(reason: Reason, more: Reason) -> Reason:
    """Both sentences."""
    return Reason(f"{reason.en} {more.en}", f"{reason.zh}{more.zh}")


def tried(errand: Task) -> Reason:
    """It was sent before, and that did not help."""
    said = errand.history[-1].reason
    return Reason(
        f"its errand {errand.spec.task_id} is {errand.state}: {said.en} Look, then decide.",
        f"其任务{errand.spec.task_id}状态为{errand.state}：{said.zh}请查看后决定。",
    )


def distrusted(able: Sequence[Profile], sightings: Mapping[str, Sighting]) -> Reason | None:
    """Whoever could do it is not believed."""
    for profile in able:
        sighting = sightings.get(profile.robot_id)
        if sighting and sighting.distrust:
            return Reason(f"{profile.name}: {sighting.distrust.en}", f"{profile.name}：{sighting.distrust.zh}")
    return None
