"""What every test may use."""

import os
from pathlib import Path

import hypothesis
import pytest

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("sitewright", deadline=None)
hypothesis.settings.load_profile("sitewright")

SHARED = Path(os.environ.get("SITEWRIGHT_SHARED", Path(__file__).parents[2] / "shared")) / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real models and scans beside the checkout; a user has none, and the test then says so."""
    if not SHARED.is_dir():
        pytest.skip("needs the shared test data (../shared/data or SITEWRIGHT_SHARED), not part of the project")
    return SHARED
