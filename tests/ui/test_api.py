"""The public endpoints: named and typed, with one sentence for whatever is wrong, and nothing opened that was not uploaded."""

from __future__ import annotations

import errno
import http.server
import io
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from fusion.types import FusionError
from fusion.ui.api.body import LARGEST_BODY
from fusion.ui.api.endpoints import answered
from fusion.ui.api.errors import EXCEPTION_HANDLERS
from fusion.ui.api.functions import AT_A_TIME, Functions, in_turns
from fusion.ui.api.inputs import LARGEST_ARRAY, media_of, server_path
from fusion.ui.security import BackbonePolicy
from fusion.ui.service import TaskServices
from tests.ui.fake_lab import FakeLab
from tests.ui.fake_page import BACKBONES
from tests.ui.fake_registry import FakeRegistry

NAMES = ("tasks", "describe", "predict", "compare", "explain", "encoders")
KINDS = {"image": "image", "text": "text", "audio": "audio", "video": "video"}
NOT_UPLOADED = "image is not among the uploads of this server; send it to /gradio_api/upload first."


@pytest.fixture(scope="module")
def server(fake_page: str) -> Iterator[httpx.Client]:
    """A caller without a client library."""
    with httpx.Client(base_url=f"{fake_page}/gradio_api", timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def client(fake_page: str) -> Client:
    return Client(fake_page, verbose=False)


def call(server: httpx.Client, name: str, **values: Any) -> Any:
    """The answer of an endpoint, or the sentence that says what is wrong."""
    said = server.post(f"/call/v2/{name}", json=values)
    if said.status_code != 200:
        return said.json()["detail"]
    with server.stream("GET", f"/call/{name}/{said.json()['event_id']}") as stream:
        lines = [line for line in stream.iter_lines() if line]
    kind, data = lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))
    return data[0] if kind == "complete" else data["error"]


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "png")
    return buffer.getvalue()


def upload(server: httpx.Client, name: str = "a.png", content: bytes | None = None) -> str:
    return server.post("/upload", files={"files": (name, content or png())}).json()[0]


def test_the_endpoints_are_public_named_and_typed(server: httpx.Client) -> None:
    info = server.get("/info").json()
    assert tuple(name.strip("/") for name in info["named_endpoints"]) == NAMES and not info["unnamed_endpoints"]
    for about in info["named_endpoints"].values():
        assert about["description"].endswith(".")
        for parameter in about["parameters"]:
            assert parameter["python_type"]["type"] != "Any" and parameter["python_type"]["description"].endswith(".")
            assert parameter["parameter_has_default"]
        assert all(returned["python_type"]["type"] != "Any" for returned in about["returns"])
    typed = {p["parameter_name"]: p for p in info["named_endpoints"]["/explain"]["parameters"]}
    assert typed["image"]["python_type"]["type"] == "filepath"
    assert typed["severity"]["type"]["additionalProperties"] == {"type": "integer", "minimum": 0, "maximum": 5}
    assert typed["method"]["type"]["enum"] == ["attention", "relevance", "occlusion", "shapley"]
    probs = info["named_endpoints"]["/predict"]["returns"][0]["type"]["properties"]["probs"]
    assert "sum to 1" in probs["description"]


def test_the_schema_for_other_tools_has_every_endpoint(server: httpx.Client) -> None:
    paths = server.get("/openapi.json").json()["paths"]
    assert {f"/gradio_api/call/v2/{name}" for name in NAMES} <= set(paths)
    body = paths["/gradio_api/call/v2/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert set(body) == {"task", "strategy", "image", "text", "audio", "video", "severity", "encoders", "inputs", "language"}


def test_events_of_the_page_stay_private(server: httpx.Client, fake_page: str) -> None:
    events = httpx.get(f"{fake_page}/config").json()["dependencies"]
    assert [event["api_name"] for event in events if event["api_visibility"] != "private"] == [*NAMES]
    assert all(event["queue"] for event in events)


def test_the_page_is_sent_without_the_schemas(server: httpx.Client, fake_page: str) -> None:
    assert server.get("/info").status_code == 200
    components = httpx.get(f"{fake_page}/config").json()["components"]
    sizes = [len(json.dumps(component)) for component in components if component["type"] == "api"]
    assert len(sizes) > 30 and max(sizes) < 500


def test_every_endpoint_answers(server: httpx.Client) -> None:
    assert [task["name"] for task in call(server, "tasks")][0] == "digits"
    about = call(server, "describe", task="scenes", strategy="late")
    assert about["modalities"] == KINDS and [s["name"] for s in about["strategies"]] == ["late"]
    found = call(server, "predict", strategy="late", text="four", image={"path": upload(server)}, severity={"text": 2})
    assert (found["task"], found["strategy"], found["label"]) == ("digits", "late", "7") and found["weights"] == {"image": 0.5, "text": 0.5}
    compared = call(server, "compare", text="four")["answers"]
    assert len(compared) == 14 and {answer["label"] for answer in compared} == {"4"}
    assert call(server, "explain", text="four seven", method="shapley")["modalities"] == {"text": pytest.approx(0.8)}
    tokens = call(server, "explain", text="four seven", inputs={"image": {"pixels": [[0, 255]]}})["tokens"]
    assert tokens["text"]["places"] == [[0, 4], [5, 10]] and sum(tokens["image"]["scores"]) == pytest.approx(1)
    encoders = call(server, "encoders", task="digits")
    assert [e["name"] for e in encoders["modalities"]["audio"] if e["shipped"]] == ["audio_cnn"]
    assert encoders["backbones"] == sorted(BACKBONES)


def test_a_client_uploads_by_itself(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    answer = client.predict(image=handle_file(str(tmp_path / "a.png")), text="seven", api_name="/predict")
    assert answer["label"] == "7" and set(answer["contributions"]) == {"image", "text"}


WRONG = [
    ({}, "Nothing is given: give at least one of image, text, audio, video."),
    ({"task": "x", "text": "a"}, "There is no task named 'x'; there is digits, digits-add, digits-find, scenes."),
    ({"task": 3, "text": "a"}, "task must be text."),
    ({"task": "x" * 100, "text": "a"}, "task has more than 80 characters."),
    ({"text": 3}, "text must be text, an uploaded file or an array."),
    ({"text": "bad"}, "The text is bad."),
    ({"severity": {"text": 6}, "text": "a"}, "severity.text must be at most 5."),
    ({"severity": {"text": -1}, "text": "a"}, "severity.text must be at least 0."),
    ({"severity": 3, "text": "a"}, "severity must be an object."),
    ({"encoders": {"image": 3}, "text": "a"}, "encoders.image must be text."),
    ({"encoders": {"image": "x"}, "text": "a"}, "There is no encoder named 'x'; there are "),
    ({"encoders": {"image": "backbone:/etc"}, "text": "a"}, "This server does not load this pretrained backbone; "),
    ({"inputs": [], "text": "a"}, "inputs must be an object with one entry per modality."),
    ({"inputs": {"text": "a"}, "text": "a"}, "text is given twice."),
    ({"inputs": {"smell": "a"}}, "There is no modality named 'smell'; there are image, text, audio, video."),
    ({"inputs": {"image": "/etc/hostname"}}, "image must be an uploaded file or an array; text is for modalities that hold text."),
    ({"image": "/etc/hostname"}, "image must be an uploaded file or an array; text is for modalities that hold text."),
    ({"image": {"path": 3}}, "path must be text."),
    ({"smell": "a"}, "The endpoint has no such parameter; /gradio_api/info lists its parameters."),
]


@pytest.mark.parametrize(("values", "sentence"), WRONG)
def test_what_is_wrong_is_one_sentence(server: httpx.Client, values: dict[str, Any], sentence: str) -> None:
    said = call(server, "predict", **values)
    assert said.startswith(sentence) and said.endswith(".")
    assert "/etc" not in said and "secret" not in said


def test_sentences_come_in_the_language_that_is_asked_for(server: httpx.Client) -> None:
    """Titles, notes and errors; names and labels stay as they are, and where a language has no words it is English."""
    tasks = {task["name"]: task for task in call(server, "tasks", language="zh")}
    assert tasks["digits"]["title"] == "数字" and tasks["digits"]["labels"] == list("0123456789") and "图像" in tasks["digits"]["note"]
    assert call(server, "describe", task="scenes", strategy="late", language="zh")["title"] == "生活场景"
    assert call(server, "predict", language="zh") == "没有输入：请至少给出其中一种：图像、文字、声音、短片。"
    assert call(server, "predict", language="zh", inputs={"smell": "a"}).startswith("没有名为 'smell' 的模态；现有：图像、文字")
    assert call(server, "predict", language="zh", text="bad") == "The text is bad."
    assert call(server, "explain", language="xx", text="a") == "There is no language named 'xx'; there are en, zh."


def test_an_unforeseen_error_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def failing() -> int:
        raise RuntimeError("secret detail")

    with pytest.raises(gr.Error, match=r"^'An unexpected error happened on the server; its log has the details\.'$") as caught:
        answered(failing)()
    assert not caught.value.print_exception and "secret detail" in caplog.text


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_an_upload_without_room_is_one_sentence(reason: int) -> None:
    def full(_: Request) -> Response:
        raise OSError(reason, os.strerror(reason))

    page = Starlette(routes=[Route("/upload", full)], exception_handlers=dict(EXCEPTION_HANDLERS))
    said = TestClient(page).get("/upload")
    assert said.status_code == 507 and said.json()["detail"] == "The server has no space left for the file."


def test_calls_that_reach_no_endpoint_are_one_sentence(server: httpx.Client) -> None:
    for route in ("/call/v2/smell", "/call/smell"):
        said = server.post(route, json={"data": []})
        assert said.status_code == 404
        assert said.json()["detail"] == "There is no endpoint with this name; /gradio_api/info lists all of them."
    deep = '{"inputs": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert server.post("/call/v2/predict", content=deep, headers={"content-type": "application/json"}).status_code == 400
    assert call(server, "explain", text="a", method="magic") == "method must be one of attention, relevance, occlusion, shapley."
    assert call(server, "explain", text="a", label="x").startswith("There is no label named 'x'; there are 0, 1")
    assert call(server, "predict", text="a", strategy="x").startswith("There is no strategy named 'x'; there are early, ")
    assert call(server, "explain", text="a", strategy="late") == "Late has no attention here; use relevance, occlusion or shapley."


def test_nothing_runs_past_the_queue(server: httpx.Client) -> None:
    for route in ("run/predict", "api/predict", "run/explain"):
        assert server.post(f"/{route}", json={"data": [None] * 9}).status_code == 404


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A web server of somebody else, and what it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(png())

        do_HEAD = do_GET

        def log_message(self, *values: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{other.server_port}", asked
        other.shutdown()
        thread.join()


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}, {"meta": 3}])
def test_only_uploads_are_opened_and_no_address_is_fetched(
    server: httpx.Client, elsewhere: tuple[str, list[str]], meta: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "secret.png").write_bytes(png())
    address, asked = elsewhere
    own = upload(server)
    around = f"{Path(own).parent}/../../../../../../..{tmp_path}/secret.png"
    secret = str(tmp_path / "secret.png")
    addresses = (f"{address}/a.png", f"{address}/gradio_api/file={secret}", f"file://{secret}", "http://[")
    for path in (secret, around, *addresses, "", "\0", str(Path(own).parent)):
        for field in ({"path": path}, {"path": path, "url": f"{address}/b.png"}):
            assert call(server, "predict", image=field | meta) == NOT_UPLOADED
            assert call(server, "predict", inputs={"image": field | meta}) == NOT_UPLOADED
    assert call(server, "predict", image={"path": own, "url": f"{address}/b.png"} | meta)["label"] == "7"
    assert call(server, "predict", image={"path": f"{address}/gradio_api/file={own}"} | meta)["label"] == "7", "the path is all that counts"
    assert asked == []


def test_an_upload_has_the_limit_of_the_page(fake_page: str, server: httpx.Client) -> None:
    limit = httpx.get(f"{fake_page}/config").json()["max_file_size"]
    assert server.post("/upload", files={"files": ("a.wav", b"0" * (limit + 1))}).status_code == 413


def test_json_is_limited_and_uploads_are_not_json(server: httpx.Client) -> None:
    large = b'{"text": "' + b"a" * LARGEST_BODY + b'"}'
    for route in ("/call/v2/predict", "/queue/join"):
        said = server.post(route, content=large, headers={"content-type": "application/json"})
        assert (said.status_code, said.json()["detail"]) == (413, "The request is larger than 10 MB; send files to /gradio_api/upload.")
        chunks = (large[i : i + 1_000_000] for i in range(0, len(large), 1_000_000))
        assert server.post(route, content=chunks, headers={"content-type": "application/json"}).status_code == 400
    assert upload(server, "a.wav", b"0" * (LARGEST_BODY + 1)).endswith("a.wav")


ARRAYS = [
    ("image", {"pixels": [[0, 128.4], [255, 3]]}, np.array([[0, 128], [255, 3]], np.uint8)),
    ("image", {"pixels": [[[1, 2, 3]]]}, np.array([[[1, 2, 3]]], np.uint8)),
    ("audio", {"rate": 8000, "samples": [0, 0.5, -1]}, np.array([0, 0.5, -1], np.float32)),
    ("audio", {"rate": 8000, "samples": [[0, 1], [1, 0]]}, np.array([[0, 1], [1, 0]], np.float32)),
    ("video", {"fps": 10, "frames": [[[0, 255]]] * 2}, np.repeat(np.array([[[0, 255]]] * 2, np.uint8)[..., None], 3, -1)),
]


@pytest.mark.parametrize(("kind", "given", "wanted"), ARRAYS)
def test_small_arrays_become_media(kind: str, given: dict[str, Any], wanted: np.ndarray, tmp_path: Path) -> None:
    medium = media_of({"own": given}, {"own": kind}, tmp_path)["own"]
    if kind != "image":
        assert medium[0] == next(iter(given.values()))
        medium = medium[1]
    np.testing.assert_array_equal(medium, wanted)
    assert medium.dtype == wanted.dtype


BROKEN = [
    ("image", {"pixels": [[1, 2], [3]]}, "The lists of own do not form an array."),
    ("image", {"pixels": [["a"]]}, "The lists of own do not form an array of numbers."),
    ("image", {"pixels": [[None]]}, "The lists of own do not form an array of numbers."),
    ("image", {"pixels": []}, "The lists of own do not form an array of numbers."),
    ("image", {"pixels": [1, 2]}, "own must be 2 or 3 lists deep, not 1."),
    ("image", {"pixels": [[[1, 2]]]}, "A pixel of own must be one number or three, not 2."),
    ("image", {"pixels": [[256]]}, "The numbers of own must lie between 0 and 255."),
    ("image", {"pixels": [[float("nan")]]}, "The numbers of own must lie between 0 and 255."),
    ("image", {"pixels": [[10**400]]}, "The lists of own do not form an array of numbers."),
    ("image", {"pixels": [[0] * (LARGEST_ARRAY + 1)]}, "own has 500,001 numbers; larger than 500,000 must be uploaded as a file."),
    ("image", {"pixels": 3}, "pixels must be a list."),
    ("image", {"pixels": [[1]], "x": 1}, "There is no field named x."),
    ("image", {"rate": 8000, "samples": [0]}, "pixels is missing."),
    ("audio", {"rate": 0, "samples": [0]}, "rate must be at least 1."),
    ("audio", {"rate": 8000, "samples": [2]}, "The numbers of own must lie between -1 and 1."),
    ("video", {"fps": 0, "frames": [[[0]]]}, "fps must be greater than 0."),
    ("text", {"pixels": [[1]]}, "own must be text or an uploaded file."),
    ("image", [[1]], "own must be text, an uploaded file or an array."),
]


@pytest.mark.parametrize(("kind", "given", "sentence"), BROKEN)
def test_arrays_that_are_none_are_one_sentence(kind: str, given: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(FusionError) as caught:
        media_of({"own": given}, {"own": kind}, tmp_path)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/a/b.png", "/a/b.png"),
        ("http://host:1/gradio_api/file=/a/b%20c.png", "/a/b c.png"),
        ("https://host/root/gradio_api/file=/a/b.png?x=1", "/a/b.png"),
        ("http://host/a.png", ""),
        ("http://[", ""),
    ],
)
def test_the_address_of_an_upload_is_read_not_asked(path: str, found: str) -> None:
    assert server_path(path) == found


class TwoPictures(FakeLab):
    """A lab whose modalities have names of their own."""

    modalities = ("left", "note")

    def __init__(self) -> None:
        super().__init__()
        kinds = {"left": "image", "note": "text"}
        same = ("title", "question", "interaction", "heads", "encoder_choice", "texts", "drawn")
        about = {name: getattr(self.task, name) for name in same}
        self.task = SimpleNamespace(name="own", modalities=self.modalities, kinds=kinds, labels=self.labels, encoders=kinds, **about)
        self.got: dict[str, Any] = {}

    def encode(self, inputs: dict[str, Any], severity: dict[str, int] | None = None, cache: Any = None) -> Any:
        self.got = {"inputs": inputs, "severity": severity}
        return super().encode({"image": inputs["left"], "text": inputs["note"]}, severity)


def test_modalities_go_by_the_names_of_the_task(tmp_path: Path) -> None:
    lab = TwoPictures()
    functions = Functions(TaskServices({"own": lambda: lab}, {}, tmp_path, FakeRegistry, None, BackbonePolicy("none")))
    functions.services._services.clear()
    given = {"left": {"pixels": [[1]]}, "note": "/etc/hostname seven"}
    assert functions.predict("own", "late", severity={"left": 3}, inputs=given).label == "7"
    assert lab.got["severity"] == {"left": 3} and lab.got["inputs"]["note"] == "/etc/hostname seven"
    assert functions.tasks()[0].modalities == {"left": "image", "note": "text"}
    with pytest.raises(FusionError, match=r"^There is no modality named 'image'; there are left, note\.$"):
        functions.predict("own", inputs={"image": {"pixels": [[1]]}})


def test_an_occlusion_lets_others_compute_in_between() -> None:
    computing, sizes = threading.Semaphore(1), []

    def predict(media: Any) -> np.ndarray:
        part = list(media)
        assert not computing.acquire(blocking=False)
        sizes.append(len(part))
        return np.array(part, float)

    def media() -> Iterator[int]:
        for i in range(3 * AT_A_TIME - 1):
            assert computing.acquire(blocking=False)
            computing.release()
            yield i

    np.testing.assert_array_equal(in_turns(predict, computing)(media()), np.arange(3 * AT_A_TIME - 1))
    assert sizes == [AT_A_TIME, AT_A_TIME, AT_A_TIME - 1]
