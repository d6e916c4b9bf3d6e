"""Messages for mistakes in `params.yaml`: one line each, with the key, the value and what is allowed.

Where a section may be of several kinds, told apart by one of its keys (the discriminator), pydantic puts the
kind into the location of a mistake: `("gan", "x", "mlp", "width")` is `gan.x.width`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from regen.errors import suggest

Location = tuple[int | str, ...]

NAMES = "a run's name has lower-case letters, digits and _, and starts with a letter"


class _Kinds(NamedTuple):
    """Kinds of a section, by the value of the key `discriminator`."""

    discriminator: str
    models: dict[str, type[BaseModel]]

    def own_keys(self, kind: str) -> list[str]:
        """Keys of `kind` that not all kinds have, in the schema's order."""
        shared = set.intersection(*(set(model.model_fields) for model in self.models.values()))
        return [key for key in self.models[kind].model_fields if key not in shared]


def explain(errors: list[Any], schema: type[BaseModel]) -> list[str]:
    """Format each mistake that pydantic found in input for `schema` as one line.

    A missing key is left out where its mistyped form has a line of its own.
    """
    told = _mistyped(errors, schema)
    mistakes = [error for error in errors if error["type"] != "missing" or error["loc"] not in told]
    return [_line(error, schema) for error in mistakes]


def _line(error: Any, schema: type[BaseModel]) -> str:
    location = error["loc"]
    key = ".".join(_keys(location, schema))
    match error["type"]:
        case "extra_forbidden":
            return f"{key}: {_unknown(location, error['input'], schema)}"
        case "missing":
            return f"{key}: missing; {_asking(location, schema)}"
        case "union_tag_not_found":
            return f"{key}.{_without_kind(error)}"
        case "union_tag_invalid":
            return f"{key}.{_unknown_kind(error)}"
        case "string_pattern_mismatch":
            return f"{key}: {error['input']!r}: {NAMES}"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
    if error["type"] == "value_error" and isinstance(error["input"], dict):
        return f"{key}.{message}" if key else message  # about several keys, which the message names
    return f"{key}: {error['input']!r}: {message}"


def _unknown(location: Location, value: Any, schema: type[BaseModel]) -> str:
    """Say of a key that the section does not have whether it is mistyped, or of another kind of section."""
    name = str(location[-1])
    kinds = _kinds(location, schema)
    if kinds and any(name in model.model_fields for model in kinds.models.values()):
        kind = str(location[-2])
        allowed = ", ".join(kinds.own_keys(kind))
        return f"{value!r}: not a key of {kinds.discriminator} {kind}; allowed: {allowed}"
    return f"unknown key; {suggest(name, _fields_at(location, schema))}"


def _asking(location: Location, schema: type[BaseModel]) -> str:
    """Name what asks for a missing key: the schema, or the kind of its section."""
    kinds = _kinds(location, schema)
    if kinds and location[-1] in kinds.own_keys(str(location[-2])):
        return f"required by {kinds.discriminator} {location[-2]}"
    return "required by the schema"


def _without_kind(error: Any) -> str:
    """Line, without the section's name, for a section that lacks the key that tells its kind."""
    discriminator = error["ctx"]["discriminator"].strip("'")
    if close := difflib.get_close_matches(discriminator, map(str, error["input"]), n=1):
        return f"{close[0]}: unknown key; did you mean {discriminator!r}?"
    return f"{discriminator}: missing; required by the schema"


def _unknown_kind(error: Any) -> str:
    """Line, without the section's name, for a section whose kind does not exist."""
    discriminator = error["ctx"]["discriminator"].strip("'")
    *most, last = error["ctx"]["expected_tags"].split(", ")
    return f"{discriminator}: {error['input'][discriminator]!r}: should be {', '.join(most)} or {last}"


def _mistyped(errors: list[Any], schema: type[BaseModel]) -> set[Location]:
    """Locations of keys that are missing because an unknown key beside them was meant to be them."""
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    return {
        (*location[:-1], meant)
        for location in unknown
        for meant in difflib.get_close_matches(str(location[-1]), _fields_at(location, schema), n=1)
    }


# ---- the schema along a location -------------------------------------------------------------------------


def _keys(location: Location, schema: type[BaseModel]) -> Iterator[str]:
    """Yield the steps of `location` that are keys or indices in the file, not kinds of sections."""
    found: Any = schema
    for step in location:
        if not str(step).startswith("[") and not _kinds_of(
            found
        ):  # [key], [conv]: pydantic's words, and ours
            yield str(step)
        found = _inside(found, step)


def _kinds(location: Location, schema: type[BaseModel]) -> _Kinds | None:
    """Kinds of the section that holds `location`'s last key, if it may be of several."""
    found: Any = schema
    for step in location[:-2]:
        found = _inside(found, step)
    return _kinds_of(found)


def _kinds_of(annotation: Any) -> _Kinds | None:
    """Kinds of a section that pydantic tells apart by the value of one of its keys."""
    if get_origin(annotation) is not Annotated:
        return None
    union, *metadata = get_args(annotation)
    for each in metadata:
        if isinstance(each, FieldInfo) and isinstance(name := each.discriminator, str):
            return _Kinds(name, {_value(model, name): model for model in get_args(union)})
    return None


def _value(model: type[BaseModel], key: str) -> str:
    """Value of `key`, of which the model allows one only."""
    (value,) = get_args(model.model_fields[key].annotation)
    return str(value)


def _fields_at(location: Location, schema: type[BaseModel]) -> list[str]:
    """Keys that the schema allows in the section that holds `location`'s last key."""
    found: Any = schema
    for step in location[:-1]:
        found = _inside(found, step)
    found = _bare(found)
    return list(found.model_fields) if isinstance(found, type) and issubclass(found, BaseModel) else []


def _inside(annotation: Any, step: int | str) -> Any:
    """Annotation of what the schema has at `step`: a field, an entry, or the member of a union."""
    if kinds := _kinds_of(annotation):
        return kinds.models.get(str(step))
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(step))
        return field and field.annotation
    if get_origin(annotation) in (dict, list):
        return get_args(annotation)[-1]
    if get_origin(annotation) in (Union, UnionType):
        return next((each for each in get_args(annotation) if Tag(str(step)) in get_args(each)), None)
    return None


def _bare(annotation: Any) -> Any:
    """Take what is `Annotated` out of it."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation
