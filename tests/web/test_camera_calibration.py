"""A camera is placed from marks; a layout that does not fix it is refused with what to do."""

from typing import Any

import numpy as np

from site_safety.calibration import Calibration
from site_safety.records import from_json
from tests.web.people import Crowd

EYE = np.array([1.0, -6.0, 6.0])
FOCAL, WIDTH, HEIGHT = 900.0, 1280, 720
PLACES = [[x, y, 0.0] for x in (-3.0, 1.0, 5.0) for y in (2.0, 8.0, 14.0)] + [[-3.0, 8.0, 2.5], [5.0, 14.0, 2.5]]
WAY = "cameras/gate/calibration"


def marked(places: list[list[float]]) -> dict[str, Any]:
    """What somebody sends who marks these places in the picture of a camera that looks north and 30 degrees down."""
    down = np.radians(30)
    right, ahead = np.array([1.0, 0, 0]), np.array([0, np.cos(down), -np.sin(down)])
    below = np.cross(ahead, right)
    off = np.array(places) - EYE
    pixels = np.stack([off @ right, off @ below], axis=1) / (off @ ahead)[:, None] * FOCAL + [WIDTH / 2, HEIGHT / 2]
    marks = [{"picture_px": px, "site_m": at} for px, at in zip(pixels.tolist(), places, strict=True)]
    return {"width_px": WIDTH, "height_px": HEIGHT, "marks": marks, "storeys": {"Ground": 0.0}}


def test_marks_give_the_pose_their_misses_and_the_error_on_the_ground(one_crowd: Crowd) -> None:
    found = one_crowd.as_("surveyor")("POST", WAY, json=marked(PLACES)).json()
    assert np.allclose(np.array(found["T_site_camera"])[:3, 3], EYE, atol=0.01)
    assert max(found["marks_off_px"]) < 0.1
    assert len(found["marks_off_px"]) == len(PLACES)
    near, far = (min(found["error_map"]["Ground"], key=lambda e: abs(e["distance_m"] - off)) for off in (8, 20))
    assert 0 < near["sigma_m"] < far["sigma_m"] < 0.5


def test_too_few_marks_are_refused_with_what_to_do(one_crowd: Crowd) -> None:
    refused = one_crowd.as_("surveyor")("POST", WAY, json=marked(PLACES[:7]))
    assert refused.status_code == 422
    assert "7 marks" in refused.text
    assert "add marks" in refused.text


def test_only_who_plans_places_cameras(one_crowd: Crowd) -> None:
    assert one_crowd.as_("viewer")("POST", WAY, json=marked(PLACES)).status_code == 403
    assert one_crowd.as_("viewer")("PUT", WAY, json=marked(PLACES)).status_code == 403


def test_what_is_kept_is_read_again_with_its_marks_and_as_the_watch_reads_it(crowd: Crowd) -> None:
    surveyor, seen = crowd.as_("surveyor"), marked(PLACES)
    assert surveyor("GET", WAY).status_code == 404
    tried = surveyor("POST", WAY, json=seen).json()
    assert surveyor("GET", WAY).status_code == 404, "to try keeps nothing"
    kept = surveyor("PUT", WAY, json=seen)
    assert kept.status_code == 200, kept.text
    read = crowd.program()("GET", WAY)
    assert read.json() == kept.json()
    assert {key: read.json()[key] for key in (*seen, *tried)} == seen | tried
    assert from_json(Calibration, read.json()["calibration"]).camera_id == "gate"


def test_who_marks_what_another_marked_anew_is_told_and_the_audit_has_both(crowd: Crowd) -> None:
    surveyor = crowd.as_("surveyor")
    first = surveyor("PUT", WAY, json=marked(PLACES)).headers["etag"]
    assert surveyor("PUT", WAY, {"If-Match": first}, json=marked(PLACES[1:])).status_code == 200
    stale = crowd.as_("manager")("PUT", WAY, {"If-Match": first}, json=marked(PLACES))
    assert stale.status_code == 412
    trail = crowd.as_("regulator")("GET", "audit").json()["items"]
    assert [(each["verb"], each["ref"]) for each in trail if each["kind"] == "calibration"] == [
        ("changed", "gate"), ("created", "gate"),
    ]  # fmt: skip


def test_marks_that_place_nothing_leave_what_was_kept(crowd: Crowd) -> None:
    surveyor = crowd.as_("surveyor")
    kept = surveyor("PUT", WAY, json=marked(PLACES)).json()
    assert surveyor("PUT", WAY, json=marked(PLACES[:7])).status_code == 422
    assert surveyor("GET", WAY).json() == kept
