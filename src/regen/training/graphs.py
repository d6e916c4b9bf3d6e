"""Steps on a CUDA device, recorded once and replayed.

A step of small networks is thousands of kernels of a few microseconds each, and takes as long as the
interpreter needs to launch them. A CUDA graph launches all of them at once.

References:
    PyTorch's notes on CUDA semantics, section CUDA graphs: whole-network capture.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[[Tensor], Tensor]

WARM_UP = 3
"""Steps before the recording, in which libraries set themselves up and choose their algorithms."""


class Recorded:
    """`step`; after its first calls a replay of what it does, recorded then.

    Every call takes a step, and the recording none. `step` may draw random numbers; it must not wait for the
    device, its batches have one shape, and its optimisers are capturable. What a call returns is overwritten
    by the next one.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self.stream = torch.cuda.Stream()  # of warm-up and recording alike, as libraries keep state by stream
        self.warmed_up = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        torch.backends.cudnn.benchmark = True  # looks for the fastest algorithms in the warm-up, once

    def __call__(self, batch: Tensor) -> Tensor:
        """Take a step on `batch`."""
        if self.warmed_up < WARM_UP:
            self.warmed_up += 1
            return self._aside(batch)
        if self.graph is None:
            self.graph = self._record(batch)
        self.batch.copy_(batch)
        self.graph.replay()
        return self.result

    def _aside(self, batch: Tensor) -> Tensor:
        main = torch.cuda.current_stream()
        self.stream.wait_stream(main)
        with torch.cuda.stream(self.stream):
            result = self.step(batch)
        main.wait_stream(self.stream)
        return result

    def _record(self, batch: Tensor) -> torch.cuda.CUDAGraph:
        """Graph of a step from `batch` to `result`, whose memory it keeps."""
        graph = torch.cuda.CUDAGraph()
        self.batch = batch.clone()
        with torch.cuda.graph(graph, stream=self.stream):
            self.result = self.step(self.batch)
        return graph
