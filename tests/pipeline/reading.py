"""Files that a stage's script imports, and settings that it reads, told from its syntax tree."""

import ast
import re
from functools import cache

INTERFACE = {
    # What every stage shares, and no stage lists: it decides where and how results are written, checked and
    # reported, and does not change them. If it were listed, adding a run's setting would train all runs anew.
    "src/regen/artifacts",
    "src/regen/params",
    "src/regen/errors.py",
    "src/regen/stage.py",
    "src/regen/data/catalog.py",
}
FAMILY = {"vae_run": "vae", "realnvp_run": "realnvp", "gan_run": "gan", "translator_run": "attention"}
"""Methods of the settings that return one run."""
METHODS = {
    **{name: {family} for name, family in FAMILY.items()},
    "seeds_of": {"seed"},  # those of the run, which the stage reads, or else the one `seed`
    **{name: {"data/sets", "data/sha256"} for name in ("data_label", "copy_mark", "copies", "copied_runs")},
}
"""What methods of the settings read."""


@cache
def statements(file):
    """Return the statements of a file, which no test changes."""
    return ast.parse(file.read_text()).body


def is_empty(module):
    """Whether a module is a docstring, as most `__init__.py` are."""
    return all(isinstance(node, ast.Expr) for node in statements(module))


@cache
def imported_by(file, root):
    return imports(statements(file), root)


@cache
def read_by(file):
    return reads(statements(file))


def imports(nodes, root):
    """Return the files of `regen` that `nodes` import, in functions too, but not for type checkers alone."""
    files = set()
    for node in nodes:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            path = root / "src" / name.replace(".", "/")
            files |= {file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()}
        files |= imports(ast.iter_child_nodes(node), root)
    return files


def stage_nodes(cmd, root):
    """Return the statements of the script that `cmd` runs.

    Of a script with subcommands these are the one that `cmd` names and, of the other functions, those that it
    uses.
    """
    _, script, *arguments = cmd.split()
    body = statements(root / script)
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    commands = {node.name: node for node in functions if node.decorator_list}
    if not commands:
        return body
    helpers = {node.name: node for node in functions if not node.decorator_list}
    found = [node for node in body if node not in functions]
    fresh = [commands[arguments[0]]]
    while fresh:
        found += fresh
        names = {node.id for each in fresh for node in ast.walk(each) if isinstance(node, ast.Name)}
        fresh = [helpers.pop(name) for name in names & {*helpers}]
    return found


def modules(cmd, root):
    """Return the files of `regen` that the script of `cmd` imports, and what these import, and so on."""
    found, fresh = set(), imports(stage_nodes(cmd, root), root)
    while fresh:
        found |= fresh
        fresh = set().union(*(imported_by(file, root) for file in fresh)) - found
    return {str(file.relative_to(root)) for file in found if not is_empty(file)}


def beyond_interface(stage, root):
    return {module for module in modules(stage.cmd, root) if not covers(INTERFACE, module)}


def reads(nodes):
    """Return what `nodes` read as `params.<section>.<leaf>`, with slashes; a run counts as its family."""
    found = set()
    for node in nodes:
        text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if path := re.fullmatch(
            r"(?:params|read_params\(\))\.([\w.]+?)(\.(items|keys|values|model_dump))?", text
        ):
            found |= METHODS.get(path[1], {path[1].replace(".", "/")})
        else:
            found |= reads(ast.iter_child_nodes(node))
    return found


def covers(listed, path):
    return any(path == entry or path.startswith(f"{entry}/") for entry in listed)
