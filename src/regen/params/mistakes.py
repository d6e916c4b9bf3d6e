"""What to say of a mistake in `params.yaml`: one line, with the key, the value and what is allowed."""

from __future__ import annotations

import difflib
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag


def suggest(word: str, known: list[str]) -> str:
    """Return `did you mean 'x'? ` where a known word is close, then the list of what is allowed."""
    close = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}allowed: {', '.join(sorted(known))}"


def explain(errors: list[Any], schema: type[BaseModel]) -> list[str]:
    """Return a line for each mistake that pydantic found in what should be a `schema`.

    A key that is missing where its mistyped form is told of is left out: one mistake, one line.
    """
    told = _mistyped(errors, schema)
    mistakes = [error for error in errors if error["type"] != "missing" or error["loc"] not in told]
    return [_line(error, schema) for error in mistakes]


def _line(error: Any, schema: type[BaseModel]) -> str:
    location = error["loc"]
    key = ".".join(str(step) for step in location if not str(step).startswith("["))  # pydantic's own words
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key; {suggest(str(location[-1]), _fields_at(location, schema))}"
    if error["type"] == "missing":
        return f"{key}: missing; the schema asks for it"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
    if error["type"] == "string_pattern_mismatch":
        message = "a run's name has lower-case letters, digits and _, and starts with a letter"
    # a rule about several keys of a section, which the message names
    if error["type"] == "value_error" and isinstance(error["input"], dict):
        return f"{key}.{message}" if key else message
    return f"{key}: {error['input']!r}: {message}"


def _mistyped(errors: list[Any], schema: type[BaseModel]) -> set[tuple[int | str, ...]]:
    """Return the keys that are missing because an unknown key beside them was meant to be them."""
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    return {
        (*location[:-1], meant)
        for location in unknown
        for meant in difflib.get_close_matches(str(location[-1]), _fields_at(location, schema), n=1)
    }


def _fields_at(location: tuple[int | str, ...], schema: type[BaseModel]) -> list[str]:
    """Return the keys that the schema allows in the section that holds `location`'s last key."""
    kind: Any = schema
    for step in location[:-1]:
        kind = _inside(kind, step)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _inside(kind: Any, step: int | str) -> Any:
    """Return what the schema `kind` has at `step`: a field, an entry, or the one of several with that tag."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        kind = kind.model_fields[str(step)].annotation
    elif get_origin(kind) in (dict, list):
        kind = get_args(kind)[-1]
    elif get_origin(kind) in (Union, UnionType):
        kind = next(each for each in get_args(kind) if Tag(str(step)) in get_args(each))
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return kind
