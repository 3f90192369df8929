"""What columns and custom fields are called in plans as people export them, and where their values belong."""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from bim.schedule.plan import Task

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "id": ("ID", "Task ID", "Activity ID", "Unique ID", "Code", "编号", "任务编号", "序号", "标识号", "Nr",
           "Vorgangs-ID"),
    "name": ("Name", "Task Name", "Activity Name", "任务名称", "名称", "工作名称", "Vorgangsname", "Taaknaam", "Naam"),
    "start": ("Start", "Start Date", "Task Start", "Planned Start", "开始时间", "开始日期", "计划开始时间", "计划开始",
              "Anfang", "Begin"),
    "finish": ("Finish", "End", "Finish Date", "End Date", "Task Finish", "Planned Finish", "完成时间", "结束时间",
               "完成日期", "结束日期", "计划完成时间", "计划完成", "Ende", "Fertigstellen", "Einde", "Einddatum"),
    "duration": ("Duration", "Original Duration", "工期", "持续时间", "Dauer", "Duur"),
    "predecessors": ("Predecessors", "Predecessor", "前置任务", "紧前任务", "紧前工作", "Vorgänger", "Voorgangers"),
    "percent": ("% Complete", "Percent Complete", "Physical % Complete", "Complete", "完成百分比", "完成率",
                "% Abgeschlossen", "% voltooid"),
    "baseline_start": ("Baseline Start", "BL Start", "基线开始时间", "基准开始时间", "比较基准开始时间",
                       "Geplanter Anfang"),
    "baseline_finish": ("Baseline Finish", "BL Finish", "基线完成时间", "基准完成时间", "比较基准完成时间",
                        "Geplantes Ende"),
    "actual_start": ("Actual Start", "实际开始时间", "实际开始", "Ist-Anfang", "Tatsächlicher Anfang"),
    "actual_finish": ("Actual Finish", "实际完成时间", "实际完成", "Ist-Ende", "Tatsächliches Ende"),
    "cost": ("Cost", "Budget", "Budgeted Cost", "Planned Cost", "Budgeted Total Cost", "成本", "费用", "预算",
             "Kosten"),
    "actual_cost": ("Actual Cost", "Actual Total Cost", "实际成本", "实际费用", "Ist-Kosten"),
    "level": ("Outline Level", "大纲级别", "Gliederungsebene"),
    "wbs": ("WBS", "WBS Code", "PSP-Code", "工作分解结构"),
    "milestone": ("Milestone", "里程碑", "Meilenstein"),
    "summary": ("Summary", "摘要", "摘要任务", "Sammelvorgang"),
    "guid": ("GUID", "GlobalId", "IFC GUID", "Element GUID", "Elements", "构件GUID", "构件编码"),
    "class": ("IfcClass", "IFC Class", "Element Class", "Class", "构件类别", "IFC类"),
    "part": ("Element Name", "Element", "Component", "构件名称", "构件"),
    "resource": ("Resource",),
    "storey": ("Storey", "Level", "Floor", "楼层", "层", "Geschoss", "Verdieping"),
    "system": ("System", "系统", "Discipline", "专业"),
    "zone": ("Zone", "Area", "区域", "分区", "施工段"),
})  # fmt: skip
"""The first name of each is what Sitewright writes."""

CODE_FIELDS = ("class", "storey", "system", "zone")
GUID = re.compile(r"[0-3][0-9A-Za-z_$]{21}")


def plain(name: str) -> str:
    """A name without case, spaces and punctuation, so that `Task_Name` and `task name` are the same."""
    return re.sub(r"[\W_]+", "", name).casefold()


_FIELD_OF = {plain(name): key for key, names in FIELDS.items() for name in names}


def field_of(name: str) -> str:
    """Which field a column means; empty for none of them."""
    return _FIELD_OF.get(plain(name), "")


def with_field(task: Task, field: str, value: str) -> Task:
    """The task with a value that leads to its elements: GUIDs or an activity code."""
    if field == "guid":
        return replace(task, products=tuple(dict.fromkeys((*task.products, *GUID.findall(value)))))
    if field in CODE_FIELDS and value:
        return replace(task, codes={**task.codes, field: value})
    return task
