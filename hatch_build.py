"""A wheel carries the built app, so that installing it needs no node."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

APP = Path("web/app/dist/index.html")


class AppInside(BuildHookInterface):  # type: ignore[type-arg]
    """Refuses a wheel without the app; an editable installation serves it from the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Look before anything is packed."""
        if version != "editable" and not (Path(self.root) / APP).is_file():
            raise FileNotFoundError(f"no {APP}; expected the built app; run `npm ci && npm run build` in web/app first")
