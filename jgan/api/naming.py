"""Error messages for Python: code that commands share names flags."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from jgan.types import UserError

FLAG = re.compile(r"(?<![\w-])--(config\.)?(?=[a-z])")

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def naming_arguments(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function with messages that say `truncation=2`, the argument, where a command's say `--truncation=2`."""

    @functools.wraps(function)
    def call(*args: Arguments.args, **keywords: Arguments.kwargs) -> Result:
        try:
            return function(*args, **keywords)
        except UserError as error:
            raise type(error)(FLAG.sub("", str(error))) from None

    return call
