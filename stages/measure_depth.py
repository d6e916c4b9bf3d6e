"""Measure gradients of deep stacks of self-attention, and train the stacks to copy."""

from dataclasses import replace
from functools import partial

import pandas as pd
import torch

from regen import artifacts, stage
from regen.depth.measure import gradient_table, layer_table, stack_table, stacks_of
from regen.depth.training import curve, train
from regen.params import read_params
from regen.training.device import autocast, set_up
from regen.training.runs import Session


def measure_depth() -> None:
    """Measure and train all stacks of params.yaml's section `depth`; killed and started again, it goes on."""
    params = read_params()
    torch.set_num_threads(1)  # of operations that are too small to share
    settings, device = params.depth, set_up("cpu", "float64")  # the study's precision, in any profile
    session = Session.of("measure_depth", "depth", "depth", device, autocast("float64", device), params)
    curves, checkpoints = [], []
    for norm, depth in stacks_of(settings):
        stack = replace(session, name=f"depth-{norm}-{depth}")
        trained = stack.train(partial(train, norm, depth, settings), settings.training_seeds)
        for seed, each in trained.items():
            curves.append(curve(each).assign(norm=norm, depth=depth, seed=seed))
            checkpoints.append(each.checkpoint)
    gradients, losses = gradient_table(settings, params.seed), pd.concat(curves, ignore_index=True)
    artifacts.write_csv(artifacts.depth_table_file("layers"), layer_table(gradients))
    artifacts.write_csv(artifacts.depth_table_file("training"), losses)
    artifacts.write_csv(artifacts.depth_table_file("stacks"), stack_table(gradients, losses, settings))
    for checkpoint in checkpoints:
        checkpoint.remove()


if __name__ == "__main__":
    stage.run(measure_depth)
