"""The front door for plans: any file of a known format into a `Plan`, parsed in a child process with limits."""

from pathlib import Path

from bim.arrays import Payload
from bim.errors import BadModel, BadSchedule
from bim.isolation import Limits, isolated
from bim.schedule.plan import Plan, from_payload, to_payload
from bim.schedule.soundness import examined

PLAN_LIMITS = Limits(memory_bytes=4 * 1024**3, cpu_s=300.0, wall_s=600.0)
MAX_BYTES = 1024**3
MAX_TASKS = 500_000
FORMATS = "an IFC work schedule, MS Project XML, Primavera P6 XML or XER, or CSV"


def read_plan(path: Path, limits: Limits = PLAN_LIMITS) -> Plan:
    """The plan in a file, its problems named and its cycles opened.

    Which format it is, the content says, not the name. Raises BadSchedule for what cannot be read within `limits`.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadSchedule(f"{path} cannot be opened ({error.strerror})", FORMATS, "check the path") from error
    if size > MAX_BYTES:
        raise BadSchedule(f"{path.name} has {size} bytes", f"a plan of at most {MAX_BYTES}", "export the plan alone")
    return examined(
        from_payload(isolated(_read, str(path), limits=limits, failure=BadSchedule, what=f"schedule {path.name}"))
    )


def _read(path: str) -> Payload:
    """In the child."""
    file = Path(path)
    plan = _parse(file)
    if not plan.tasks:
        raise BadSchedule(f"{file.name} holds no task", FORMATS, "export the plan with its tasks")
    if len(plan.tasks) > MAX_TASKS:
        raise BadSchedule(f"{file.name} holds {len(plan.tasks)} tasks", f"at most {MAX_TASKS}", "split the plan")
    return to_payload(plan)


def _parse(file: Path) -> Plan:
    with file.open("rb") as opened:
        head = opened.read(4096).replace(b"\0", b"")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadSchedule(f"{file.name} is a binary Office file (.mpp, .xls)", FORMATS, "save it as XML or CSV")
    if b"[Content_Types]" in head or file.suffix.lower() == ".xlsx":
        raise BadSchedule(f"{file.name} is an Excel workbook", FORMATS, "save its sheet as CSV")
    if b"ISO-10303-21" in head or (head.startswith(b"PK") and file.suffix.lower() != ".xml"):
        return _ifc(file)
    return _text(file, head)


def _ifc(file: Path) -> Plan:
    from bim.schedule.ifc_schedule import read_ifc_schedule

    try:
        return read_ifc_schedule(file)
    except BadModel as error:
        raise BadSchedule(error.found, error.expected, error.action) from error


def _text(file: Path, head: bytes) -> Plan:
    data = file.read_bytes()
    if head.startswith(b"ERMHDR"):
        from bim.schedule.primavera_xer import read_xer

        return read_xer(data, file.stem)
    if b"<" not in head.lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t")[:1]:
        from bim.schedule.csv_plan import read_csv

        return read_csv(data, file.stem)
    return _xml(data, file)


def _xml(data: bytes, file: Path) -> Plan:
    from bim.schedule.msproject import read_msproject
    from bim.schedule.primavera_xml import read_primavera
    from bim.schedule.xml_text import local, parsed

    root = parsed(data, file.name)
    if local(root) == "Project" and root.find("{*}Tasks") is not None:
        return read_msproject(root, file.stem)
    if local(root) == "APIBusinessObjects":
        return read_primavera(root, file.stem)
    raise BadSchedule(f"{file.name} is XML with the root {local(root)[:40]}", FORMATS, "export the plan again")
