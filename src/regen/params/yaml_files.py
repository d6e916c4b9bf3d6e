"""YAML as DVC reads it, with one-line error messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from regen.errors import InputError

MERGE = "tag:yaml.org,2002:merge"
"""Of `<<`, with which a mapping takes the keys of another that it has not itself."""


class _Loader(yaml.SafeLoader):
    """Loader that, like DVC's, reads 3e-4 as a number and rejects duplicate keys."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            # PyYAML's own, of a scalar such as the date 2020-13-45, or !!int abc
            problem = f"{node.value!r} is no {node.tag.rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        own = [key for key, _ in node.value if key.tag != MERGE]
        keys = [self.construct_object(key) for key in own]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                line = own[i].start_mark.line + 1
                raise InputError(f"{node.start_mark.name}: line {line}: duplicate key {key!r}")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(path: Path) -> Any:
    """Read a YAML file; InputError if it is not YAML or has a duplicate key."""
    try:
        return parse_yaml(path.read_bytes(), path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); run from the repository's root"
        ) from None


def parse_yaml(content: bytes, path: Path) -> Any:
    """Parse the content of a YAML file, which is `path` in messages; InputError as `read_yaml` has it."""
    try:
        loader = _Loader(content.decode("utf-8"))
        loader.name = str(path)
        return loader.get_single_data()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not YAML: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise InputError(f"{path}: {where}not YAML: {getattr(error, 'problem', error)}") from None
