"""Settings that params.yaml need not name: what stands in for them in code is a dependency."""

import ast

import pytest

from pipeline.clones import REPO
from regen.params.yaml_files import read_yaml

SECTIONS = sorted((REPO / "src/regen/params").glob("*.py"))
TRAINED = {
    "vae": ["train_vae"],
    "layers": ["train_vae"],
    "gan": ["train_gan"],
    "score": ["train_classifier"],
}
"""The stages whose results the defaults of a module shape."""


def defaults(path):
    """Return the names of a module's fields that have a default which is a value."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
            given = {word.arg: word.value for word in node.value.keywords}.get("default")
            if given is not None and getattr(given, "value", given) is not None:
                found.append(node.target.id)
    return found


@pytest.mark.parametrize("path", SECTIONS, ids=lambda path: path.stem)
def test_a_module_with_defaults_is_a_dependency_of_what_they_shape(path):
    names = defaults(path)
    assert bool(names) == (path.stem in TRAINED), names
    stages = read_yaml(REPO / "dvc.yaml")["stages"]
    for stage in TRAINED.get(path.stem, []):
        assert f"src/regen/params/{path.name}" in stages[stage]["do"]["deps"]
