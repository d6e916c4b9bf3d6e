"""A small book with made-up results, which uses all templates: what the tests of pages run on."""

from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader
from latex2mathml.converter import convert
from markupsafe import Markup
from PIL import Image

from regen.report import book

BOUND = (
    r"\log p(x) \geq \mathbb{E}_{q(z \mid x)}[\log p(x \mid z)] - D_{\mathrm{KL}}(q(z \mid x) \,\|\, p(z))"
)
PAGES = {
    "index.html": ("Overview", "overview.html"),
    "one.html": ("First report", "chapter.html"),
    "runs.html": ("All runs", "overview.html"),
}
"""Titles and templates, by file."""
PICTURES = {
    "figures/curves.png": (900, 280),
    "figures/samples.png": (450, 485),
    "figures/wide.png": (1040, 298),
    "figures/small.png": (480, 400),
}
"""Sizes in pixels, by file."""
LOSSES = [
    ("b10", "9.50 ± 0.10", 9.5),
    ("b9", "10.25", 10.25),
    ("a", "", None),
    ("c", "not finite", "not finite"),
]
"""Rows of the tables: run, loss as it is shown, and loss as it is sorted."""


def write_demo(folder: Path) -> Path:
    """Write the book to `folder`, with its figures and tables."""
    for name, size in PICTURES.items():
        write_picture(folder / name, *size)
    (folder / "tables").mkdir()
    (folder / "tables/runs.csv").write_text("run,loss\nb10,9.5\n")
    templates = environment()
    for file, (title, source) in PAGES.items():
        pages = [{"file": name, "title": each, "current": name == file} for name, (each, _) in PAGES.items()]
        made = {"made by": "regen 0.1.0, profile quick"} if file == "index.html" else {}
        text = templates.get_template(source).render(pages=pages, title=title, made=made, **contents())
        (folder / file).write_text(text, encoding="utf-8")
    return folder


def environment() -> Environment:
    """Templates of the book, in which nothing may be left undefined, and the pages of this one."""
    own = FileSystemLoader(Path(__file__).parent / "pages")
    made = book.environment(ChoiceLoader([own, PackageLoader("regen.report")]))

    def part(template: str, /, **context: Any) -> Markup:
        return Markup(made.get_template(f"parts/{template}.html").render(context))

    made.globals["part"] = part
    return made


def contents() -> dict[str, Any]:
    """What the pages show."""
    rows = losses()["rows"]
    return {
        "inline": Markup(convert("q(z|x)")),
        "display": Markup(convert(BOUND, display="block")),
        "table": losses(),
        "compared": losses(name="compared", other=rows, other_label="paper-cpu"),
        "pictures": {name: {"src": name, "width": w, "height": h} for name, (w, h) in PICTURES.items()},
        "claims": claims(),
        "counts": [
            counts("one", "First report", agrees=19, differs=7, undecided=1, other=30),
            counts("runs", "Second report", agrees=3, differs=0, undecided=0, other=0),
        ],
    }


def losses(**more: Any) -> dict[str, Any]:
    """Table of runs, wide enough to scroll on a narrow screen."""
    titles = ["run", "loss", "critic", "data", "Frechet distance", "kernel distance", "scored by", "of both"]
    scored = "classifier, 1000 samples, 10 splits"
    same = [
        cell("spectral norm"),
        cell("digits_color"),
        cell("21.84", 21.84),
        cell("0.9137 ± 0.0778", 0.9137),
    ]
    return {
        "name": "runs",
        "csv": "tables/runs.csv",
        "caption": "All runs & their losses.",
        "headings": [
            {"title": title, "numeric": place in (1, 4, 5, 7), "better": "lower" if place == 1 else None}
            for place, title in enumerate(titles)
        ],
        "rows": [
            [cell(run), cell(text, sort, "best" if sort == 9.5 else ""), *same, cell(scored), cell("9", 9)]
            for run, text, sort in LOSSES
        ],
        "other": None,
        "other_label": "",
        **more,
    }


def cell(text: str, sort: float | str | None = None, mark: str = "") -> dict[str, Any]:
    """Cell of a table, which sorts by its text where it has nothing else."""
    return {"text": text, "sort": text if sort is None and text else sort, "mark": mark}


def claims() -> list[dict[str, Any]]:
    """A claim with each verdict."""
    first = {
        "id": "final",
        "source": "one",
        "question": "question 1.3",
        "what": "validation -ELBO (nats) after 20 epochs",
        "runs": ["l100"],
        "expected": "100.94",
        "rule": "within the tolerance or two standard errors",
        "tolerance": "0.70",
        "ours": "101.31",
        "error": "0.09",
        "verdict": "agrees",
        "why": "101.31 is 0.37 above 100.94.",
    }
    order = {"expected": "planar_32, planar_8", "ours": "planar_8 (2.70), planar_32 (2.76)"}
    long = "attention beats a single context vector on sentences of every length: BLEU"
    return [
        first,
        first | {"id": "order", "verdict": "differs", "tolerance": None, "error": None} | order,
        first | {"id": "long", "verdict": "undecided", "what": long},
        first | {"id": "data", "verdict": "other data", "why": ""},
        first | {"id": "both", "verdict": "differs"},
    ]


def counts(source: str, title: str, **numbers: int) -> dict[str, Any]:
    """Verdicts of a report."""
    return {
        "source": source,
        "title": title,
        "file": f"{source}.html",
        "total": sum(numbers.values()),
        **numbers,
    }


def write_picture(path: Path, width: int, height: int) -> None:
    """Write a grey picture on white."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("L", (width, height), 255)
    picture.paste(128, (width // 8, height // 8, width * 7 // 8, height * 7 // 8))
    picture.save(path)
