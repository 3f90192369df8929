"""The viewer: bytes, draw calls, recolouring, and how soon a large scan shows. Chromium draws in software."""

import gzip
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page

from bim.ifc import read_building
from bim.mesh import Mesh
from bim.model import Building, Storey
from bim.verdict import Evidence, Reason, State, Verdict
from scan_to_bim.clouds import write_las
from scan_to_bim.copc import write_copc
from sitewright.demo_building import write_building
from tests.web.viewer_page import WATCHED, build_page, chromium, served, write_site
from web.packs import pack

ELEMENTS, COPIES_OF_AN_OFFICE = 16_000, 3
POINTS = 10_000_000
MODELS = (
    "Duplex_A",
    "BimWhale_LargeBuilding",
    "bim2sim_hvac_heating",
    "Schependomlaan_walls_ground",
    "Ifc4_SampleHouse",
)
TURNS = 40


def measure(shared: Path) -> dict[str, Any]:
    """Figures of docs/benchmarks.md; milliseconds and bytes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_building(folder / "office.ifc")
        office = read_building([folder / "office.ifc"])
        build_page(folder / "page")
        tower = stacked(office, -(-ELEMENTS // len(office.elements)))
        write_site(folder / "page/tower", tower, verdicts(tower))
        return {
            "viewer_gzipped_bytes": chunk_bytes(folder / "page"),
            "office": pack_of(stacked(office, COPIES_OF_AN_OFFICE)),
            "models": {model: pack_of(read_building([shared / f"data/ifc/{model}.ifc"])) for model in MODELS},
            "tower": {"storeys": len(tower.storeys)} | pack_of(tower),
            **scan_of(folder / "page/tower", tower),
            **seen(folder / "page"),
        }


def stacked(building: Building, copies: int) -> Building:
    """Copies of a building on top of each other, each with storeys and GUIDs of its own."""
    mesh, elements, storeys = building.mesh, building.elements, building.storeys
    height_m = float(np.ptp(mesh.vertices[:, 2]))
    up = np.array([0.0, 0.0, height_m])
    return Building(
        tuple(
            type(e)(f"{e.global_id}{i}", e.ifc_class, e.name, f"{i} {e.storey}", e.system, 0, e.area_m2, e.volume_m3)
            for i in range(copies)
            for e in elements
        ),
        tuple(
            Storey(f"{s.global_id}{i}", f"{i} {s.name}", s.elevation_m + i * height_m)
            for i in range(copies)
            for s in storeys
        ),
        Mesh(
            np.concatenate([mesh.vertices + i * up for i in range(copies)]),
            np.concatenate([mesh.triangles + i * len(mesh.vertices) for i in range(copies)]),
            np.concatenate([mesh.element + i * len(elements) for i in range(copies)]),
        ),
        building.sources,
    )


def verdicts(building: Building) -> list[Verdict]:
    """Every state by turns."""
    states, evidence, reason = list(State), Evidence(1, 1, 1, 1), Reason("It is so.", "就是这样。")
    return [
        Verdict(e.global_id, states[i % len(states)], None, 0.0, 1.0, 1.0, 0.9, evidence, None, reason)
        for i, e in enumerate(building.elements)
    ]


def pack_of(building: Building) -> dict[str, Any]:
    """What fetching a pack costs; copies are made with other GUIDs but the same shapes, which gzip may notice."""
    start = time.process_time()
    sizes = [len(gzip.compress(part.content)) for part in pack(building)]
    return {
        "elements": len(building.elements),
        "triangles": len(building.mesh.triangles),
        "gzipped_bytes": sum(sizes),
        "cpu_s": round(time.process_time() - start, 2),
    }


def chunk_bytes(page: Path) -> int:
    """The lazy chunk and what it brings, the workers for points apart."""
    entry = (page / "index.html").read_text()
    lazy = [f for f in (page / "assets").glob("*.[jc]s*") if f.name not in entry and not f.name.startswith("points")]
    shell = ("react-", "i18nInstance-", "parts-")
    return sum(len(gzip.compress(f.read_bytes())) for f in lazy if not f.name.startswith(shell))


def scan_of(folder: Path, building: Building) -> dict[str, Any]:
    """A large scan beside the model, as COPC."""
    rng = np.random.default_rng(1)
    low, high = building.mesh.vertices.min(axis=0), building.mesh.vertices.max(axis=0)
    xyz = rng.uniform(low, high, (POINTS, 3))
    xyz[np.arange(POINTS), rng.integers(0, 3, POINTS)] = low.min()
    write_las(folder / "scan.laz", xyz, np.ones(POINTS, np.int32))
    del xyz
    before = time.perf_counter()
    write_copc(folder / "scan.laz", folder / "scan.copc.laz")
    took_s = time.perf_counter() - before
    site = json.loads((folder / "site.json").read_text())
    scan = {"id": "s", "name": "all", "url": f"/{folder.name}/scan.copc.laz", "T_site_scan": np.eye(4).tolist()}
    (folder / "site.json").write_text(json.dumps(site | {"scans": [scan]}))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"copc_points": POINTS, "copc_written_s": took_s, "copc_peak_memory_bytes_at_most": peak}


def seen(page_folder: Path) -> dict[str, Any]:
    """What the browser does."""
    with served(page_folder) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1180, "height": 820})
        page.add_init_script(WATCHED)
        page.goto(f"{address}/?site=/tower/site.json")
        page.get_by_text("Storey 1 of").wait_for(state="hidden", timeout=300_000)
        until(page, "Boolean(window.parts) && window.most > 1")
        page.locator("canvas").focus()
        page.keyboard.press("Home")
        page.wait_for_timeout(2000)
        draw_calls = page.evaluate("window.most")
        return {"draw_calls": draw_calls, **page.evaluate(RECOLOUR, TURNS), **first_points(page)}


def first_points(page: Page) -> dict[str, Any]:
    """From asking for the scan to its first points on the screen."""
    page.evaluate(WATCH_POINTS)
    page.get_by_label("Scan: all").check()
    until(page, "Boolean(window.firstPoints)")
    page.wait_for_timeout(8000)
    return {"first_points_ms": page.evaluate("window.firstPoints - window.asked"),
            "draw_calls_with_points": page.evaluate("window.most")}  # fmt: skip


def until(page: Page, condition: str) -> None:
    """Wait; the page's policy forbids Playwright's own way, which evaluates text."""
    while not page.evaluate(condition):
        page.wait_for_timeout(20)


WATCH_POINTS = """() => {
  document.addEventListener('change', () => { window.asked ||= performance.now() }, true)
  new MutationObserver(() => {
    const text = document.querySelector('.vw-status')?.textContent ?? ''
    if (/^[1-9]/.test(text)) window.firstPoints ||= performance.now()
  }).observe(document.body, { subtree: true, childList: true, characterData: true })
}"""
RECOLOUR = """async (turns) => {
  const site = await (await fetch('/tower/site.json')).json()
  const pack = await parts.loadPack(site.packs)
  const verdicts = await parts.loadVerdicts(pack, site.verdicts)
  const texels = new Uint8Array(4 * 256 * Math.ceil(pack.elements.length / 256))
  const gl = document.createElement('canvas').getContext('webgl2')
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture())
  gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8UI, 256, texels.length / 1024)
  const [classified, painted, sent] = [[], [], []]
  for (let i = 0; i < turns; i++) {
    const choice = { mode: parts.COLOUR_MODES[i % 5], storey: null, hidden: new Set(), day: '2026-05-01' }
    const start = performance.now()
    const model = parts.modelOf(pack, verdicts, null, choice)
    const known = performance.now()
    parts.paint(texels, model.mode, model.classes, model.shown, 5)
    const done = performance.now()
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, 256, texels.length / 1024, gl.RGBA_INTEGER, gl.UNSIGNED_BYTE, texels)
    gl.finish()
    classified.push(known - start)
    painted.push(done - known)
    sent.push(performance.now() - done)
  }
  const median = (all) => all.toSorted((a, b) => a - b)[all.length >> 1]
  return { recolour_elements: pack.elements.length, classify_ms: median(classified), paint_ms: median(painted),
           upload_ms: median(sent) }
}"""
