"""Why a robot starts a job when it does, and why a job is not in the plan: one sentence, in both languages."""

from collections.abc import Mapping

from bim.verdict import Reason
from robots.planner_problem import Bound, Job, Problem, Visit


def why_then(problem: Problem, visit: Visit, able: int) -> Reason:
    """Why this robot, and what set the start of a visit. `able`: how many robots could do it at all."""
    who = Reason(
        "the only robot that can" if able == 1 else f"least cost among {able} robots that can",
        "唯一能够执行的机器人" if able == 1 else f"在 {able} 台可用机器人中总成本最低",
    )
    way = Reason(f"{visit.travel_s} s on the way", f"行驶 {visit.travel_s} 秒")
    when = _when(visit)
    return Reason(f"{who.en}; {way.en}; {when.en}", f"{who.zh}；{way.zh}；{when.zh}")


def _when(visit: Visit) -> Reason:
    match visit.bound:
        case Bound.TRAVEL:
            return Reason("it starts when it arrives", "到达后立即开始")
        case Bound.CHARGING:
            minutes = round(visit.charge_s / 60)
            return Reason(f"it charges for {minutes} min before", f"开始前充电 {minutes} 分钟")
        case Bound.RELEASE:
            return Reason("it may not start earlier", "不得更早开始")
        case Bound.PREDECESSOR:
            return Reason(f"it waits for {visit.waits_for} to be done", f"等待前置任务 {visit.waits_for} 完成")
        case Bound.ZONE:
            return Reason(
                f"it waits for the zone {visit.waits_for}, which another holds", f"等待被占用的区域 {visit.waits_for}"
            )
        case Bound.SHIFT:
            return Reason("it waits for a shift into which the work fits", "等待能容纳该工作的班次")


def why_left_out(job: Job, ends: Mapping[str, int]) -> Reason:
    """Why a job that some robot could do is not in the plan. `ends`: when planned jobs end."""
    unplanned = [name for name in job.after if name not in ends]
    if unplanned:
        return Reason(
            f"it follows {unplanned[0]}, which is not planned within the shifts",
            f"其前置任务 {unplanned[0]} 未能排入班次",
        )
    return Reason(
        "every robot that could do it is taken until its last shift ends",
        "所有可执行该任务的机器人在最后一个班次结束前均已排满",
    )
