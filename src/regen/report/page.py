"""The first page in Markdown, for code hosts: the state of all claims, pictures, and where the rest is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from regen.report.state import state

PAGE = """\
<!-- written by stages/{stage}.py: change params.yaml or the code, not this page -->
# {title}

{book}{state}

'Agrees' and 'differs' take the uncertainty over seeds into account; 'undecided' lies between; 'no verdict':
not scored here, or the report's figure is of other data, or a longer training, than [params.yaml]({params})
has. All verdicts with their reasons are in [claims.json](claims.json), the numbers that `dvc metrics` follows
in [metrics.json](metrics.json), the tables in [tables/](tables).{copies}

{pictures}
"""
PICTURES = {
    "dirac/overview.png": "Twenty games of the Dirac GAN: distance to the equilibrium",
    "uva_z2/manifold.png": "The manifold of a VAE with two latent dimensions",
    "flow/samples_arcs.png": "Planar flows fold a normal density into two arcs",
    "seq_attention/attention.png": "Attention of a translator over the English words, for each French word",
}
"""What the page shows of the figures, where they are there."""
OF_RECORDS = {
    "gan/overview.png": "The critics' metrics and the Frechet distance over the training of the GANs",
    "cifar10_w1_3/final.png": "Samples of the GAN cifar10_w1_3 at the end of training",
    "vu_dcgan/samples.png": "Samples of the GAN vu_dcgan on the way",
    "vu_imagenette/samples.png": "Samples of the VAE vu_imagenette on the way",
    "uva_gan/samples.png": "Samples of the GAN uva_gan on the way",
    "attention/bleu_by_length.png": "BLEU over the length of the source sentence",
}
"""What the page of a recorded run shows besides."""
BOOK = """\
The book of the five reports, question by question, with all figures, tables and verdicts, is `index.html` in
this folder: made by `make reproduce`, opened by `make open`, and attached to each run of the CI. Here is its
first page.

"""
COPIES = """

**Not the official files,** but copies of other bytes (`data.sha256` in params.yaml): {names}. Tables made
from them say '(copy)'."""


def page(
    claims: Mapping[str, Mapping[str, Any]],
    copies: Collection[str],
    figures: Collection[str],
    recorded: str = "",
) -> str:
    """Page on these verdicts, of the last run or of one that is `recorded` by a name.

    `copies` are data sets of other bytes, `figures` all that there are.
    """
    rows = pd.DataFrame(state(claims))
    if recorded:
        rows = rows[rows["total"] > 0]
    columns = {
        "title": "report", "agrees": "agrees", "differs": "differs", "undecided": "undecided",
        "other": "no verdict", "total": "claims",
    }  # fmt: skip
    table = rows[list(columns)].rename(columns=columns).to_markdown(index=False)
    pictures = PICTURES | (OF_RECORDS if recorded else {})
    named = COPIES.format(names=", ".join(sorted(copies))) if copies else ""
    return PAGE.format(
        stage="record_results" if recorded else "write_report",
        title=f"Run {recorded}" if recorded else "Results of the last run",
        book="" if recorded else BOOK,
        params="params.yaml" if recorded else "../params.yaml",
        state=table,
        copies=named,
        pictures="\n\n".join(
            f"![{alt}](figures/{name})" for name, alt in pictures.items() if name in figures
        ),
    )
