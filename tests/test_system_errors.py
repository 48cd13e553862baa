"""Reasons of the operating system as messages."""

from __future__ import annotations

import errno
import os

import pytest

from fusion.system_errors import REASONS, reason_of


@pytest.mark.parametrize("number", sorted(set(REASONS) - {errno.ENOMEM, errno.ENFILE}))  # these are said in fewer words
def test_reasons_are_those_of_the_system(number: int) -> None:
    assert str(reason_of(OSError(number, "x"))) == os.strerror(number).lower()


def test_other_numbers_and_errors_are_named() -> None:
    assert str(reason_of(OSError(110, "x"))) == "system error 110"
    assert str(reason_of(ValueError("x"))) == "error of the type ValueError"
    assert str(reason_of(ValueError("I/O error: x (os error 28)"))) == "no space left on device"
    assert str(reason_of(FileExistsError(17, "x"))) == "there is a file where its folder should be"
