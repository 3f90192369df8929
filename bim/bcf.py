"""BCF issues: topics with comments and viewpoints. BCF 2.0, 2.1 and 3.0 come in as one vocabulary; 3.0 goes out.

    issues = read_bcf(Path("from-the-designer.bcfzip"))
    write_bcf(issues, Path("answer.bcf"))

The vocabulary is that of BCF 3.0 (buildingSMART, BCF-XML release 3.0). What an older version says otherwise is
translated on reading, and `Bcf.assumptions` says what had to be settled. Coordinates are those of the file: metres,
Z up, in the frame of the model that the issue is about.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from bim.bcf_transit import unpacked
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated
from bim.verdict import Vector

BCF_LIMITS = Limits(memory_bytes=2 * GIB, cpu_s=60.0, wall_s=120.0)
MAX_BYTES = GIB // 2


@dataclass(frozen=True, slots=True)
class Component:
    """An element of a model, by its IFC GUID or by what its tool calls it."""

    ifc_guid: str = ""
    originating_system: str = ""
    authoring_tool_id: str = ""


@dataclass(frozen=True, slots=True)
class Coloring:
    """`color` is RRGGBB or AARRGGBB in hexadecimal."""

    color: str
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Visibility:
    """What is shown: everything or nothing (`default`), but for the exceptions."""

    default: bool = True
    exceptions: tuple[Component, ...] = ()
    spaces: bool = False
    space_boundaries: bool = False
    openings: bool = False


@dataclass(frozen=True, slots=True)
class Camera:
    """`extent` is the vertical field of view in degrees (perspective) or the height shown in metres (orthogonal)."""

    kind: Literal["perspective", "orthogonal"]
    position_m: Vector
    direction: Vector
    up: Vector
    extent: float
    aspect_ratio: float = 1.0
    """Width over height; 1 where an older file does not say."""


@dataclass(frozen=True, slots=True)
class ClippingPlane:
    """What lies on the side to which `direction` points is cut away."""

    location_m: Vector
    direction: Vector


@dataclass(frozen=True, slots=True)
class Line:
    """A mark drawn in the model."""

    start_m: Vector
    end_m: Vector


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A picture that stands in the model, `height_m` tall."""

    format: Literal["png", "jpg"]
    data: bytes
    location_m: Vector
    normal: Vector
    up: Vector
    height_m: float


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """What to look at, from where. `snapshot` is a PNG or JPEG file, or None."""

    guid: str
    camera: Camera | None = None
    selection: tuple[Component, ...] = ()
    visibility: Visibility = Visibility()
    coloring: tuple[Coloring, ...] = ()
    lines: tuple[Line, ...] = ()
    clipping_planes: tuple[ClippingPlane, ...] = ()
    bitmaps: tuple[Bitmap, ...] = ()
    snapshot: bytes | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """What someone said; `viewpoint` is the GUID of the viewpoint that it is about, or empty."""

    guid: str
    date: datetime
    author: str
    text: str = ""
    viewpoint: str = ""
    modified_date: datetime | None = None
    modified_author: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A file that came with the issues."""

    guid: str
    filename: str
    data: bytes
    description: str = ""


@dataclass(frozen=True, slots=True)
class DocumentReference:
    """A document of the archive by its GUID, or one elsewhere by its address."""

    guid: str
    document: str = ""
    url: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of a model. `reference` is an address when `data` is None, else the name of the file that it came as."""

    type: str
    reference: str
    schema: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that the topic is about."""

    filename: str = ""
    date: datetime | None = None
    reference: str = ""
    ifc_project: str = ""
    ifc_spatial_structure_element: str = ""
    is_external: bool = True


@dataclass(frozen=True, slots=True)
class Topic:
    """One issue. Texts that are not given are empty; the first six must be given."""

    guid: str
    title: str
    type: str
    status: str
    creation_date: datetime
    creation_author: str
    priority: str = ""
    index: int | None = None
    labels: tuple[str, ...] = ()
    modified_date: datetime | None = None
    modified_author: str = ""
    due_date: datetime | None = None
    assigned_to: str = ""
    stage: str = ""
    description: str = ""
    server_assigned_id: str = ""
    reference_links: tuple[str, ...] = ()
    related_topics: tuple[str, ...] = ()
    document_references: tuple[DocumentReference, ...] = ()
    snippet: Snippet | None = None
    files: tuple[ModelFile, ...] = ()
    comments: tuple[Comment, ...] = ()
    viewpoints: tuple[Viewpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Extensions:
    """The words that the project allows."""

    topic_types: tuple[str, ...] = ()
    topic_statuses: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    topic_labels: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    snippet_types: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bcf:
    """All issues of one archive. `version` is that of the file they were read from."""

    topics: tuple[Topic, ...]
    project_id: str = ""
    project_name: str = ""
    extensions: Extensions = Extensions()
    documents: tuple[Document, ...] = ()
    version: str = "3.0"
    assumptions: tuple[str, ...] = field(default=(), compare=False)


def read_bcf(path: Path, limits: Limits = BCF_LIMITS) -> Bcf:
    """The issues of a .bcf or .bcfzip archive of BCF 2.0, 2.1 or 3.0.

    Raises BadInput for archives that are broken, of another version, that would unpack to more than they may, or whose
    entries have names that lead outside, are links, or hold XML entities.
    """
    if not path.is_file():
        raise BadInput(f"no file {path}", "a BCF archive (.bcf, .bcfzip)", "check the path")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise BadInput(f"{path} has {size} bytes", f"at most {MAX_BYTES}", "split the issues over several archives")
    payload = isolated(_read, str(path), limits=limits, failure=BadInput, what=f"BCF archive {path.name}")
    return unpacked(Bcf, payload)


def _read(path: str) -> dict[str, object]:
    from bim.bcf_reader import read_archive
    from bim.bcf_transit import packed

    return packed(read_archive(Path(path)))


def write_bcf(issues: Bcf, path: Path) -> None:
    """Write a BCF 3.0 archive. Raises BadInput for issues that BCF cannot hold."""
    path.write_bytes(bcf_bytes(issues))


def bcf_bytes(issues: Bcf) -> bytes:
    """A BCF 3.0 archive; the same issues give the same bytes. Raises BadInput for issues that BCF cannot hold."""
    from bim.bcf_writer import archive_bytes

    return archive_bytes(issues)
