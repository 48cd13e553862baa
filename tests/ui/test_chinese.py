"""The page and the API in Chinese have no English sentence: names and formulas are the only Latin words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from fusion.describe import trained_on
from fusion.encoders import ENCODERS
from fusion.lab import Lab
from fusion.messages import message
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS
from fusion.types import FusionError
from fusion.ui.api.body import LARGEST_BODY
from fusion.ui.api.errors import EXCEPTION_HANDLERS
from fusion.ui.i18n import encoder_text, page_text, say
from tests.ui.test_api import WRONG, call

ZH = page_text()["zh"]
QUOTED = re.compile(r"'[^']*'|“[^”]*”|`[^`]*`|\{\w+\}|https?:\S+|/?[\w/-]+\.\w+|/[\w/]+")  # also addresses and files
WORD = re.compile(r"[A-Za-z][a-z]{2,}")  # a word of prose: at least three letters, all but the first of them small; `Hz` is none
DATA_SETS = {  # sentences that name data sets
    str(sentence.values["data"]) for task in TASKS.values() for m in task.card.data if (sentence := trained_on(task, m, True))
}
ALLOWED = {  # names of models, data, formats and programs, and of what a programmer types
    *(
        "English",
        "Fusion",
        "Lab",
        "Python",
        "Transformer",
        "Mobile",
        "Net",
        "Efficient",
        "Image",
        "Audio",
        "Set",
        "Word",
        "Mini",
        "pyarrow",
        "npy",
        "Parquet",
        "Windows",
        "train",
        "val",
        "test",
    ),
    *("Web", "Matroska", "Ogg", "Post", "Script", "safetensors", "transformers", "pickle", "gamma", "softmax"),
    *("hub", "microsoft", "resnet", "localhost", "https", "backbones", "inputs", "bytes", "str", "base", "data", "shift"),
    *("relevance", "occlusion", "shapley", "Adam", "Williams", "Beer", "min"),
}


def prose(text: str, names: Iterable[str] = ()) -> set[str]:
    """The Latin words of a text that are neither names nor quoted."""
    return {word for word in WORD.findall(QUOTED.sub(" ", text)) if word not in ALLOWED.union(names)}


def test_words_of_english_are_found() -> None:
    assert prose("没有名为 'smell' 的模态；现有：image、text") == {"image", "text"}
    assert prose("PNG 图片，{name} 44 kHz，fps") == {"fps"}


@pytest.mark.parametrize("key", [key for key in ZH if not key.startswith("said.")])
def test_every_text_of_the_page_is_chinese(key: str) -> None:
    assert not prose(ZH[key])


def test_every_sentence_of_the_server_is_chinese() -> None:
    for key, text in ZH.items():
        if key.startswith("said.") and key.removeprefix("said.") not in DATA_SETS:
            assert not prose(text) and (re.search(r"[\u4e00-\u9fff]", text)), key


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_every_text_of_a_task_is_chinese(task: Any) -> None:
    for key, text in task.texts["zh"].items():
        assert not prose(text) or key == "text.hint", key  # what a visitor may type


def test_every_strategy_and_encoder_is_described_in_chinese() -> None:
    for name, kind in STRATEGIES.items():
        assert {f"strategy.{name}.{field}" for field in ("title", "short", "idea")} <= set(ZH)
        assert say(message(kind.title), "zh") == ZH[f"strategy.{name}.title"]
        formula = ZH.get(f"strategy.{name}.formula", kind.formula)
        assert not prose(formula, ("fused", "log", "pool", "gate", "quality", "min", "tanh", "mean", "loss", "exp", "cos")), name
    for name in (*ENCODERS, "backbone:microsoft/resnet-18"):
        assert encoder_text(name, "idea", "zh")
        assert encoder_text(name, "title", "zh") or name.startswith("backbone:")


def test_a_sentence_names_a_strategy_in_chinese(digits_lab: Lab) -> None:
    with pytest.raises(FusionError) as caught:
        digits_lab.predict({"text": "seven"}, "image_only")
    assert say(caught.value.message, "zh") == "仅图像需要图像，但没有给出。"


@pytest.fixture(scope="module")
def server(fake_page: str) -> Any:
    with httpx.Client(base_url=f"{fake_page}/gradio_api", timeout=30) as client:
        yield client


GIVEN = {"smell", "digits", "add", "find", "scenes", "task", "severity", "image", "text", "inputs", "path", *ENCODERS}


@pytest.mark.parametrize(("values", "english"), [case for case in WRONG if case[0].get("text") != "bad"])
def test_what_is_wrong_with_a_call_is_said_in_chinese(server: httpx.Client, values: dict[str, Any], english: str) -> None:
    said = call(server, "predict", language="zh", **values)
    names = {part for name in GIVEN for part in WORD.findall(name)}
    assert re.search(r"[\u4e00-\u9fff]", said) and said.endswith("。") and not prose(said, names) - {"backbone"}


def test_answers_that_reach_no_endpoint_are_chinese(server: httpx.Client) -> None:
    wanted = {"accept-language": "zh-CN,zh;q=0.9"}
    json_ = {"content-type": "application/json"}
    assert server.post("/call/v2/smell", json={"language": "zh"}).json()["detail"] == "没有这个名称的接口；接口列表见 /gradio_api/info。"
    assert server.post("/call/v2/smell", json={"language": 3}).json()["detail"].startswith("There is no endpoint")
    assert server.post("/call/v2/smell", json={}, headers=wanted).json()["detail"].startswith("没有这个名称的接口")
    assert server.post("/call/v2/tasks", json={"language": "en", "x": 1}, headers=wanted).json()["detail"].startswith("The endpoint has no")
    assert call(server, "tasks", language="zh", x=1) == "该接口没有这个参数；参数列表见 /gradio_api/info。"
    large = server.post("/call/v2/predict", content=b"a" * (LARGEST_BODY + 1), headers=wanted | json_)
    assert (large.status_code, large.json()["detail"]) == (413, "请求超过 10 MB；文件请发送到 /gradio_api/upload。")


def test_a_full_disk_is_told_in_chinese() -> None:
    def full(_: Request) -> Response:
        raise OSError(28, "No space left on device")

    page = Starlette(routes=[Route("/upload", full)], exception_handlers=dict(EXCEPTION_HANDLERS))
    said = TestClient(page).get("/upload", headers={"accept-language": "zh"})
    assert (said.status_code, said.json()["detail"]) == (507, "服务器没有空间存放该文件。")


def test_descriptions_of_the_api_are_chinese(server: httpx.Client) -> None:
    about = call(server, "describe", language="zh")
    assert len(about["strategies"]) > 4
    for strategy in about["strategies"]:
        assert not prose(strategy["title"]) and not prose(strategy["idea"]), strategy["name"]
    titles = {strategy["name"]: (strategy["title"], strategy["paper"]) for strategy in about["strategies"]}
    assert titles["late"][0] == "后期融合" and titles["image_only"] == ("仅图像", "基线")
    for encoders in call(server, "encoders", language="zh")["modalities"].values():
        for encoder in encoders:
            assert not prose(encoder["idea"]) and encoder["name"] not in encoder["title"]
    both = {"text": "seven", "inputs": {"image": {"pixels": [[0, 255]]}}}
    for method in ("attention", "shapley"):
        assert not prose(call(server, "explain", method=method, language="zh", **both)["unit"])
    assert call(server, "explain", text="a", strategy="late", language="zh").startswith("Late在这里没有注意力")  # a fake lab's own title
