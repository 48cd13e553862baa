"""What a public page must not do: hand out files of the server, take odd values, load backbones for strangers, run past its queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from fusion.paths import BACKBONE
from fusion.types import FusionError
from fusion.ui.page import launch_options
from fusion.ui.security import FRAME_SIZER, BackbonePolicy, is_local, response_headers
from fusion.ui.state import PageState

MODALITIES = ("image", "text", "audio", "video")
EMPTY = {"source": "none"}
TEXT = {"source": "text", "text": "seven"}
COUNT = 9  # values of the page


def values(**slots: dict[str, object]) -> list[str]:
    """The page's nine values."""
    return [*(json.dumps(slots.get(m, EMPTY)) for m in MODALITIES), "digits", "late", "en", "", ""]


@pytest.fixture(scope="module")
def server(fake_page: str) -> Iterator[httpx.Client]:
    """A visitor without a browser."""
    with httpx.Client(base_url=fake_page, timeout=30) as client:
        yield client


def events(server: httpx.Client) -> list[dict]:
    return server.get("/config").json()["dependencies"]


def ask(server: httpx.Client, data: list, event: int = 0) -> dict:
    """What the event ends with."""
    body = {"data": data, "fn_index": event, "session_hash": "visitor"}
    server.post("/gradio_api/queue/join", content=json.dumps(body), headers={"content-type": "application/json"}).raise_for_status()
    with server.stream("GET", "/gradio_api/queue/data", params={"session_hash": "visitor"}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and json.loads(line[5:])["msg"] == "process_completed":
                return json.loads(line[5:])["output"]
    raise AssertionError("The event never ended.")


def result(output: dict) -> dict:
    first = output["data"][0]
    return json.loads(first["value"] if isinstance(first, dict) else first)


@pytest.mark.parametrize("modality", ["image", "audio", "video"])
def test_words_in_another_slot_are_no_path(modality: str, tmp_path: Path) -> None:
    picture = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(picture)
    state = PageState.read(MODALITIES, values(**{modality: {"source": "text", "text": str(picture)}}))
    assert state.media(lambda name: {}, tmp_path / "uploads") == {}


SECRET = "{folder}/secret.png"
AROUND = "{folder}/uploads/../secret.png"
LINK = "{folder}/uploads/link.png"


@pytest.mark.parametrize("path", [SECRET, AROUND, LINK, "{folder}/uploads", "secret.png", "", "\0", "{folder}/uploads/" + "a" * 300])
@pytest.mark.parametrize("modality", MODALITIES)
def test_a_file_outside_of_the_upload_folder_is_gone(modality: str, path: str, tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    (uploads / "link.png").symlink_to(tmp_path / "secret.png")
    state = PageState.read(MODALITIES, values(**{modality: {"source": "file", "path": path.format(folder=tmp_path), "name": "a.png"}}))
    with pytest.raises(FusionError, match=r"^a\.png is no longer on the server; please choose it again\.$"):
        state.media(lambda name: {}, uploads)


def test_an_upload_is_handed_on_as_a_path_object(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    state = PageState.read(MODALITIES, values(image={"source": "file", "path": str(tmp_path / "a.npy"), "name": "a.npy"}))
    assert state.media(lambda name: {}, tmp_path) == {"image": (tmp_path / "a.npy").resolve()}


def test_no_event_runs_past_the_queue(server: httpx.Client) -> None:
    assert all(event["queue"] for event in events(server))
    for event in events(server):
        for route in ("run/predict", "api/predict"):
            body = {"data": values(text=TEXT), "fn_index": event["id"], "session_hash": "visitor"}
            assert server.post(f"/gradio_api/{route}", json=body).status_code == 404


def test_an_event_through_the_queue_answers(server: httpx.Client) -> None:
    assert result(ask(server, values(text=TEXT)))["status"]["kind"] == "ok"


FILE = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("odd", [FILE, [FILE], {"a": 1}, 3, None, "[" * 100_000, '"\\ud83d"'])
def test_odd_values_are_as_good_as_none(server: httpx.Client, odd: object) -> None:
    assert result(ask(server, [odd] * 4 + values()[4:]))["status"]["key"] == "status.empty"
    assert result(ask(server, values(text=TEXT)[:4] + [odd] * 5))["status"]["kind"] in ("ok", "error")


@pytest.mark.parametrize("count", [0, 1, 12])
def test_a_wrong_number_of_values_is_one_sentence(server: httpx.Client, count: int) -> None:
    wanted = len(events(server)[0]["inputs"])
    assert COUNT <= wanted <= COUNT + 1, "a client sends nine values, and what it holds if it holds anything"
    assert ask(server, ["a"] * count)["error"] == f"This event takes {wanted} values, not {count}."


def test_half_an_emoji_is_dropped(server: httpx.Client) -> None:
    """JavaScript's slice cuts a pair of surrogates in two."""
    assert result(ask(server, values(text=TEXT | {"text": "seven \ud83d"})))["media"]["text"] == "seven "


def test_a_backbone_of_a_stranger_is_not_looked_for(server: httpx.Client, tmp_path: Path) -> None:
    refused = []
    for folder in (tmp_path, tmp_path / "missing"):
        chosen = json.dumps({"choice": {"image": f"{BACKBONE}{folder}"}})
        refused.append(result(ask(server, [*values(text=TEXT)[:-1], chosen]))["status"]["text"]["template"])
    assert refused == ["This server does not load this pretrained backbone; its owner can allow it with --backbones."] * 2


@pytest.mark.parametrize(
    ("allowed", "name", "loads"),
    [
        ("all", "a/b", True),
        ("none", "a/b", False),
        ("", "a/b", False),
        ("a/b, c/d", "c/d", True),
        ("a/b", "c/d", False),
        ("none", "", False),
    ],
)
def test_a_policy_allows_what_it_lists(allowed: str, name: str, loads: bool) -> None:
    try:
        BackbonePolicy(allowed).check({"image": f"{BACKBONE}{name}", "text": "text_lstm"})
    except FusionError:
        assert not loads
    else:
        assert loads


@pytest.mark.parametrize(
    ("host", "share", "local"),
    [
        (None, False, True),
        ("127.0.0.1", False, True),
        ("localhost", False, True),
        ("::1", False, True),
        ("0.0.0.0", False, False),
        ("192.168.1.5", False, False),
        ("example.org", False, False),
        ("127.0.0.1", True, False),
    ],
)
def test_a_page_is_local_on_a_loopback_address_only(host: str | None, share: bool, local: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert is_local(host, share) is local
    monkeypatch.setenv("SPACE_ID", "somebody/fusion-lab")
    assert not is_local(host, share)


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/nothing"])
def test_every_response_has_the_headers(server: httpx.Client, path: str) -> None:
    headers = server.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors" not in headers["content-security-policy"]
    assert "x-frame-options" not in headers


def test_only_a_space_may_load_the_script_of_its_frame() -> None:
    assert FRAME_SIZER not in response_headers(on_space=False)["Content-Security-Policy"]
    assert FRAME_SIZER in response_headers(on_space=True)["Content-Security-Policy"]


def test_sessions_are_bounded() -> None:
    assert launch_options()["state_session_capacity"] <= 500
