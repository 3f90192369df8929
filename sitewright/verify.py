"""`sitewright verify`: whether a signed pack says what was signed, without a network."""

from pathlib import Path
from typing import Annotated

import typer


def verify(
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="A pack of `sitewright report`.")],
    key: Annotated[
        Path | None, typer.Option(metavar="KEY", help="The public key that must have signed it, PEM or JWK.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the answer as JSON.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Check a signed pack offline: signature, every file, the journal's chain, and the figures made again from it."""
    from site_safety.records import to_json
    from site_safety.verify import verify_pack
    from sitewright import __version__
    from sitewright.cli import _answer, _check_files
    from sitewright.console import print_values
    from sitewright.settings import load_settings

    _check_files([pack, key], [json])
    found = verify_pack(pack, version=__version__, key=key)
    trust = "your key signed it" if found.trusted else f"compare the thumbprint with the one that {found.site} gave you"
    values = {"result": f"nothing was changed; {trust}", **to_json(found)}
    _answer(values, json, quiet=True)
    if not quiet:
        language = load_settings().language
        print_values({**values, "notes": "\n".join(note[language] for note in values["notes"])})
