"""Translate the test sentences, or one of your own: python stages/translate.py seq_attention --text "..."."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer

from regen import artifacts, stage
from regen.artifacts import UNKNOWN, Corpus
from regen.attention.decoding import sentence, translate
from regen.attention.evaluation import attention_map, evaluate_on
from regen.attention.networks import Translator, load_translator
from regen.data.text import encoded, tokenised
from regen.errors import InputError
from regen.params import Params, read_params
from regen.training.device import exact, set_up

if TYPE_CHECKING:
    import torch

Text = Annotated[str | None, typer.Option(help="Translate this English sentence, and write no files.")]
Figure = Annotated[Path | None, typer.Option(help="With --text: draw the attention there, as PNG or PDF.")]
Seed = Annotated[int | None, typer.Option(help="With --text: of which seed; by default of the first.")]


def main(name: str, text: Text = None, figure: Figure = None, seed: Seed = None) -> None:
    """Measure the run NAME of params.yaml's section `attention` on the test sentences, or translate TEXT."""
    params = read_params()
    run = params.translator_run(name)
    if text is None and (figure is not None or seed is not None):
        raise InputError("--figure and --seed: go with --text, a sentence to translate")
    device = set_up(params.device, exact(params.precision))
    corpus = artifacts.read_corpus(artifacts.dataset_file(run.data))
    if text is None:
        measure(params, name, corpus, device)
    else:
        translate_text(params, name, corpus, device, text, figure, seed)


def trained(params: Params, name: str, corpus: Corpus, seed: int, device: torch.device) -> Translator:
    """The translator NAME as trained with `seed`."""
    sizes = len(corpus.source_words), len(corpus.target_words)
    weights = artifacts.weights_file(name, seed)
    return load_translator(params.translator_run(name), *sizes, weights).to(device)


def measure(params: Params, name: str, corpus: Corpus, device: torch.device) -> None:
    """Measure each seed on the test sentences; translations and maps are those of the first."""
    curves = artifacts.read_csv(artifacts.translator_history_file(name))
    found = {}
    for seed in params.seeds_of(name):
        translator = trained(params, name, corpus, seed, device)
        history = curves[curves["seed"] == seed]
        found[seed] = evaluate_on(corpus, translator, params.translation, history)
    first = next(iter(found.values()))
    lengths = pd.concat([each.lengths.assign(seed=seed) for seed, each in found.items()])
    artifacts.write_maps(artifacts.translations_file(name), first.maps)
    artifacts.write_csv(artifacts.translations_table_file(name), first.listed)
    artifacts.write_csv(artifacts.lengths_file(name), lengths)
    scores = pd.DataFrame([{"seed": seed, **each.metrics} for seed, each in found.items()])
    artifacts.write_csv(artifacts.seeds_file(name), scores)
    metrics = artifacts.over_seeds([each.metrics for each in found.values()])
    artifacts.write_metrics(artifacts.scores_file(name, "translation"), metrics)


def translate_text(
    params: Params,
    name: str,
    corpus: Corpus,
    device: torch.device,
    text: str,
    figure: Path | None,
    seed: int | None,
) -> None:
    """Print the translation of `text`; unknown words are named on stderr."""
    seeds = params.seeds_of(name)
    if seed is not None and seed not in seeds:
        raise InputError(f"--seed: {seed}: not a seed of {name}; allowed: {', '.join(map(str, seeds))}")
    words = words_of(text, params.translation.max_length)
    source = encoded([words], corpus.source_words)
    if unknown := [word for word, index in zip(words, source[0], strict=False) if index == UNKNOWN]:
        print(f"unknown words: {', '.join(unknown)}", file=sys.stderr)
    translator = trained(params, name, corpus, seeds[0] if seed is None else seed, device)
    beam, longest = params.translation.beam, params.translation.max_length
    found = translate(translator, source.to(device), beam, longest)
    if figure is not None:
        if found.weights is None:
            raise InputError(f"--figure: {name} has no attention to draw (attention.{name}.attention: none)")
        from regen.figures.attention import draw_map  # matplotlib takes a second, and is rarely needed

        drawn = attention_map(corpus, source[0], found.words[0].cpu(), found.weights[0].cpu())
        draw_map(drawn, figure)
    print(sentence(found.words[0], corpus.target_words))


def words_of(text: str, max_length: int) -> list[str]:
    """Words of a sentence; InputError where there are none or too many."""
    words = tokenised(text, "en")
    if not words:
        raise InputError(f"--text: {text!r}: holds no words")
    if len(words) > max_length:
        raise InputError(f"--text: {len(words)} words; allowed: up to translation.max_length, {max_length}")
    return words


if __name__ == "__main__":
    stage.run(main)
