"""Settings come from a file and the environment, and nothing unknown passes."""

from pathlib import Path

import pytest

from bim.errors import BadInput
from sitewright.settings import load_settings


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_file_and_environment_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.tolerance_mm == 15.0
    assert settings.language == "en"
    assert settings.limits.wall_s == 900.0
    assert settings.cache.is_absolute()


def test_the_file_of_the_working_folder_is_read(working_folder: Path) -> None:
    (working_folder / "sitewright.toml").write_text('tolerance_mm = 20\nlanguage = "zh"\n')
    assert (load_settings().tolerance_mm, load_settings().language) == (20.0, "zh")


def test_the_environment_wins_over_the_file(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (working_folder / "sitewright.toml").write_text("tolerance_mm = 20\n")
    monkeypatch.setenv("SITEWRIGHT_TOLERANCE_MM", "8")
    assert load_settings().tolerance_mm == 8.0


def test_another_file_can_be_named(working_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (working_folder / "site.toml").write_text("parse_memory_gib = 0.5\n")
    monkeypatch.setenv("SITEWRIGHT_CONFIG", "site.toml")
    assert load_settings().limits.memory_bytes == 2**29


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("tolerence_mm = 20", "unknown setting tolerence_mm in sitewright.toml; one of cache_dir"),
        ("tolerance_mm = -1", "setting tolerance_mm = -1"),
        ('language = "fr"', "setting language = 'fr'"),
        ("tolerance_mm", "is not TOML"),
        ("[tolerance_mm]", "setting tolerance_mm"),
    ],
)
def test_a_wrong_file_is_refused_with_its_mistake(working_folder: Path, content: str, words: str) -> None:
    (working_folder / "sitewright.toml").write_text(content)
    with pytest.raises(BadInput) as refusal:
        load_settings()
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SITEWRIGHT_TOLERENCE_MM", "20", "unknown setting SITEWRIGHT_TOLERENCE_MM"),
        ("SITEWRIGHT_TOLERANCE_MM", "wide", "in the environment"),
        ("SITEWRIGHT_CONFIG", "absent.toml", "no file absent.toml"),
    ],
)
def test_a_wrong_variable_is_refused_with_its_mistake(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput) as refusal:
        load_settings()
    assert words in str(refusal.value)
