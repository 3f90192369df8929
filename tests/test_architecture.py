"""docs/architecture.md, held true."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.main import get_command

from sitewright.cli import app
from sitewright.settings import Settings, settings_page

ROOT = Path(__file__).parents[1]
PACKAGES = ("bim", "scan_to_bim", "robots", "site_safety", "web", "sitewright")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="ignore")


def imported(path: Path) -> set[str]:
    """Top-level names that a file imports."""
    nodes = list(ast.walk(ast.parse(text(path))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | froms}


def declared() -> dict[str, Requirement]:
    found = map(Requirement, PYPROJECT["project"]["dependencies"])
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def test_the_import_rules_hold_for_every_folder_that_exists() -> None:
    assert tuple(PYPROJECT["tool"]["importlinter"]["root_packages"]) == PACKAGES
    assert tuple(PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_file_is_called_utils_and_ros_keeps_the_name_launch() -> None:
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    assert not [name for name in names if re.search(r"(^|/)(utils?|helpers?|misc)(\.py|/)", name)]
    assert "launch/__init__.py" not in names


def test_the_map_names_every_source_file() -> None:
    page = text(ROOT / "docs/architecture.md")
    names = {path.name for path in SOURCES if path.name not in {"__init__.py", "__main__.py"}}
    assert not {name for name in names if name not in page}


def test_every_package_that_is_imported_is_declared() -> None:
    belongs = packages_distributions()
    known = sys.stdlib_module_names | set(PACKAGES) | {"sitewright_interfaces"}  # the last is built from robots/
    third_party = {name for path in SOURCES for name in imported(path)} - known
    # Some wheels do not list their modules; those are named as their distribution is, ROS's with a prefix.
    assert {
        name
        for name in third_party
        if not {canonicalize_name(d) for d in (*belongs.get(name, [name]), f"ros-{name}")} & set(declared())
    } == set()


def test_the_lock_holds_nothing_but_names_and_versions() -> None:
    assert not [line for line in LOCK if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)]
    assert sorted(LOCK, key=str.lower) == LOCK


def test_the_lock_covers_every_dependency_of_every_dependency() -> None:
    locked = {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in LOCK}
    extras = [Requirement(line) for line in PYPROJECT["project"]["optional-dependencies"]["dev"]]
    wanted = [*declared().values(), *extras]
    for name in locked:
        wanted += map(Requirement, requires(name) or [])
    needed = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    missing = {str(r) for r in needed if canonicalize_name(r.name) not in locked}
    unfit = {
        str(r)
        for r in needed
        if (version := locked.get(canonicalize_name(r.name))) and not r.specifier.contains(version, prereleases=True)
    }
    assert (missing, unfit) == (set(), set())


def test_tracked_files_hold_no_machine_paths_and_no_download_addresses() -> None:
    machine = re.compile(r"(?<![\w.<])/(?:home|root|Users|work|opt)/\w")
    address = re.compile(r"https?://(?:files\.pythonhosted|pypi|registry\.npmjs)\.")
    own = {Path(__file__)}
    assert not [
        path for path in tracked() if path not in own and (machine.search(text(path)) or address.search(text(path)))
    ]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_commands_in_the_readme_exist(readme: str) -> None:
    page = text(ROOT / readme)
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    shown = set(re.findall(r"^\./run (\w+)", page, re.MULTILINE)) - {"test"}
    rows = re.findall(r"^\| (`.+?) \|", page, re.MULTILINE)
    here = {command for row in rows for command in re.findall(r"`(\w+)", row)}
    assert shown <= commands
    assert here == commands


def test_every_option_of_compare_is_explained_in_the_guide() -> None:
    page = text(ROOT / "docs/guide/compare.md")
    options = {option for p in get_command(app).commands["compare"].params for option in p.opts}  # type: ignore[attr-defined]
    assert not {o for o in options if o.startswith("--") and o not in page}


PAGES = [
    "README",
    *(
        f"docs/guide/{name}"
        for name in (
            "reading-a-verdict",
            "progress",
            "quality",
            "epochs",
            "planning",
            "viewer",
            "safety",
            "reports",
            "printing",
            "adapters",
            "cameras",
            "robots",
            "server",
        )
    ),
]


@pytest.mark.parametrize("page", PAGES)
def test_the_chinese_pages_are_the_equals_of_the_english_ones(page: str) -> None:
    english, chinese = text(ROOT / f"{page}.md"), text(ROOT / f"{page}.zh-CN.md")
    for pattern in (r"^#+ ", r"^\|", r"^```", r"^!\[", r"^- "):
        assert len(re.findall(pattern, english, re.MULTILINE)) == len(re.findall(pattern, chinese, re.MULTILINE)), (
            pattern
        )


def test_links_between_pages_lead_somewhere() -> None:
    for page in (path for path in tracked() if path.suffix == ".md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text(page)):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_setting_is_described() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


def test_the_page_of_settings_is_what_the_code_says() -> None:
    assert text(ROOT / "docs/guide/settings.md") == settings_page()
