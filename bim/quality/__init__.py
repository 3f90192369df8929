"""Tolerances as data: what a standard allows, chosen by quantity and IFC class, cited by its clause.

Each .toml file beside this one is a library; a project may bring its own. `bim.quality.library` reads them.
"""
