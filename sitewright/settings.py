"""Every setting, typed and described: a TOML file, then the environment on top of it; what is not known is refused.

The file is sitewright.toml in the working folder, or what SITEWRIGHT_CONFIG names. `python -m sitewright.settings`
prints docs/guide/settings.md.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, TypeGuard, get_args

from pydantic import BaseModel, Field, PositiveFloat, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bim.errors import BadInput
from bim.isolation import GIB, Limits
from scan_to_bim.report.words import Language
from web.settings import ServerSettings

PREFIX = "SITEWRIGHT_"
CONFIG, DEBUG, SHARED = "SITEWRIGHT_CONFIG", "SITEWRIGHT_DEBUG", "SITEWRIGHT_SHARED"
TOKEN = "SITEWRIGHT_TOKEN"  # noqa: S105
"""Variables that share the prefix and are no settings: the file, tracebacks of errors, where the test data lies, and
the token by which robots and cameras report to a server."""
NESTED = "__"


class Settings(BaseSettings):
    """What a site sets once; options of a command override it."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=NESTED, extra="forbid", frozen=True)

    cache_dir: Path = Field(
        default=Path("~/.cache/sitewright"),
        description="Folder for the geometry of models that were read before; safe to delete at any time.",
    )
    tolerance_mm: PositiveFloat = Field(
        default=15.0, description="How far an element may stand from where the model has it, in millimetres."
    )
    language: Language = Field(
        default="en", description="Language of tables and messages to read: English or simplified Chinese."
    )
    parse_memory_gib: PositiveFloat = Field(
        default=8.0,
        description="Memory that reading one model or scan may take, in GiB.",
    )
    parse_cpu_s: PositiveFloat = Field(
        default=600.0, description="Processor time that reading one model or scan may take, in seconds."
    )
    parse_wall_s: PositiveFloat = Field(
        default=900.0, description="Time by the clock that reading one model or scan may take, in seconds."
    )
    server: ServerSettings = Field(default=ServerSettings(), description="The server; its settings are below.")

    @property
    def cache(self) -> Path:
        """`cache_dir` with ~ resolved."""
        return self.cache_dir.expanduser()

    @property
    def limits(self) -> Limits:
        """What the child process that reads a file may use."""
        return Limits(memory_bytes=int(self.parse_memory_gib * GIB), cpu_s=self.parse_cpu_s, wall_s=self.parse_wall_s)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as the arguments of the constructor."""
        return env_settings, init_settings


def load_settings() -> Settings:
    """The settings of this working folder and environment. Raises BadInput for what is unknown or has a wrong value."""
    path = Path(os.environ.get(CONFIG, "sitewright.toml"))
    _refuse_unknown_variables()
    try:
        return Settings(**_read(path))
    except ValidationError as error:
        raise _bad_setting(error.errors()[0], path) from None


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        if CONFIG in os.environ:
            raise BadInput(f"no file {path}", "the settings file that SITEWRIGHT_CONFIG names", "correct the path")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML ({error})", "lines such as tolerance_mm = 15", "correct the file") from None


def _refuse_unknown_variables() -> None:
    known = {PREFIX + name.upper() for name in _all_names()} | {CONFIG, DEBUG, SHARED, TOKEN}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            raise BadInput(f"unknown setting {name} in the environment", _names(), "correct or unset it")


def _all_names() -> list[str]:
    """Every setting as a variable has it, those of groups among them."""
    groups = {name: field.annotation for name, field in Settings.model_fields.items() if _is_group(field.annotation)}
    inner = [f"{name}{NESTED}{each}" for name, group in groups.items() for each in group.model_fields]
    return [*(name for name in Settings.model_fields if name not in groups), *inner]


def _is_group(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _bad_setting(error: ErrorDetails, path: Path) -> BadInput:
    name = ".".join(map(str, error["loc"]))
    where = "the environment" if PREFIX + name.upper() in os.environ else path
    if error["type"] == "extra_forbidden":
        return BadInput(f"unknown setting {name} in {path}", _names(), "correct or remove it")
    return BadInput(f"setting {name} = {error['input']!r} in {where}", error["msg"], "correct it")


def _names() -> str:
    return f"one of {', '.join(Settings.model_fields)}"


def settings_page() -> str:
    """docs/guide/settings.md: a row a field."""
    page = [_PAGE, *_table(Settings)]
    for name, field in Settings.model_fields.items():
        if _is_group(field.annotation):
            variable = f"{PREFIX}{name}{NESTED}NAME".upper()
            page += ["", f"## [{name}]", f"A table `[{name}]` of the file, or variables `{variable}`.", "",
                     *_table(field.annotation)]  # fmt: skip
    return "\n".join([*page, ""])


def _table(group: type[BaseModel]) -> list[str]:
    rows = [
        f"| `{name}` | {_values(field.annotation)} | {_default(field.default)} | {field.description} |"
        for name, field in group.model_fields.items()
        if not _is_group(field.annotation)
    ]
    return ["| setting | value | default | what it does |", "|---|---|---|---|", *rows]


def _default(value: Any) -> str:
    return "" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(annotation: Any) -> str:
    choices = get_args(annotation)
    if annotation == Language:
        return " or ".join(f"`{choice}`" for choice in choices)
    return _WORDS[next(choice for choice in (*choices, annotation) if choice in _WORDS)]


_WORDS = {Path: "a path", float: "a number above 0", int: "a whole number", str: "a text",
          SecretStr: "a text, kept secret", bool: "`true` or `false`"}  # fmt: skip
_PAGE = """# Settings

<!-- Written by `python -m sitewright.settings`; change sitewright/settings.py instead. -->

Settings come from `sitewright.toml` in the working folder, or from the file that `SITEWRIGHT_CONFIG` names:

```toml
tolerance_mm = 20
language = "zh"
```

A variable of the environment wins over the file: `SITEWRIGHT_TOLERANCE_MM=20`. An option of a command wins over both.
An unknown name, or a value of the wrong kind, ends every command with exit code 2. `SITEWRIGHT_DEBUG=1` is no
setting: it shows the traceback of an error.
"""

if __name__ == "__main__":
    print(settings_page(), end="")
