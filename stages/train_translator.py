"""Train a translator of params.yaml with each of its seeds: python stages/train_translator.py seq_free."""

import sys

import pandas as pd

from regen import artifacts, stage
from regen.attention.training import Sentences, summary, train
from regen.params import read_params
from regen.stage import OneSeed
from regen.training.runs import Session


def train_translator(name: str, seed: OneSeed = None) -> None:
    """Train the run NAME of params.yaml's section `attention`; killed and started again, it goes on."""
    params = read_params()
    run, max_length = params.translator_run(name), params.translation.max_length
    session = Session.start("train_translator", name, params)
    corpus = artifacts.read_corpus(artifacts.dataset_file(run.data))
    whole, valid = (Sentences.of(corpus.splits[split]) for split in ("train", "valid"))
    pairs = whole.up_to(max_length)
    if left_out := len(whole) - len(pairs):
        print(
            f"{name}: {left_out} of {len(whole)} training pairs left out, with a sentence of more than "
            f"{max_length} words (translation.max_length)",
            file=sys.stderr,
        )
    sizes = len(corpus.source_words), len(corpus.target_words)
    trained = session.train(lambda job: train(run, sizes, pairs, valid, job), params.seeds_of(name), seed)
    if seed is None:
        curves = pd.concat([each.history.assign(seed=seed) for seed, each in trained.items()])
        artifacts.write_csv(artifacts.translator_history_file(name), curves)
        counts = {"train_pairs": len(pairs), "too_long_pairs": left_out}
        scores = [summary(each.learner.translator, each.history) | counts for each in trained.values()]
        session.publish(trained, artifacts.over_seeds(scores))


if __name__ == "__main__":
    stage.run(train_translator)
