"""The command `predict --task open`: labels are typed."""

import json

import pytest

from fusion.cli.app import main


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    return code, *capsys.readouterr()


def test_labels_are_typed_in_the_shell(capsys):
    code, out, _ = said(capsys, "predict", "--task", "open", "--labels", "dog,violin|fiddle", "--text", "a man plays the fiddle", "--json")
    found = json.loads(out)
    assert code == 0 and set(found["predictions"]) == {"late", "dynamic", "shared_space", "text_only"}
    assert {p["label"] for p in found["predictions"].values()} == {"violin|fiddle"}


def test_a_wrong_label_is_one_sentence(capsys):
    code, out, err = said(capsys, "predict", "--task", "open", "--labels", "dog", "--text", "a dog")
    assert (code, out, err) == (2, "", "Give at least 2 labels.\n")
    code, _, err = said(capsys, "predict", "--task", "digits", "--labels", "a,b", "--text", "seven")
    assert code == 2 and err == "The labels of the task digits are fixed.\n"
