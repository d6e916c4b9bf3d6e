"""The sections attention and translation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from regen.params.base import CorpusName, Count, Positive, Section, Seeds


class TranslatorRun(Section):
    """One translator: GRU encoder and decoder, with or without attention."""

    data: CorpusName = Field(description="one of data.corpora")
    attention: Literal["additive", "none"] = Field(
        description="additive: over the encoder's outputs; none: the encoder's last state alone"
    )
    teacher_forcing: Annotated[float, Field(ge=0, le=1)] = Field(
        description="probability, drawn per batch, that the decoder is fed the true words, not its own"
    )
    bidirectional: bool = Field(description="whether the encoder reads in both directions")
    embedding: Count = Field(description="size of the words' embeddings")
    hidden: Count = Field(description="size of the states, per direction")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="dropout probability of embeddings, and of the features that the next word is told from"
    )
    optimizer: Literal["adam", "sgd"] = Field(description="Adam, or plain gradient descent")
    learning_rate: Positive = Field(description="the optimizer's step size")
    batch_size: Count = Field(description="sentence pairs per step")
    clip_norm: Positive = Field(description="maximum norm of the gradient")
    epochs: Count = Field(description="passes over the training pairs")
    seeds: Seeds | None = Field(default=None, description="train once with each; absent: the one `seed`")


class Translation(Section):
    """Settings of all translators."""

    beam: Annotated[int, Field(ge=1, le=100)] = Field(
        description="hypotheses of the beam search; 1: greedy decoding only"
    )
    max_length: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="words of a sentence; training leaves out pairs with longer ones, decoding stops there"
    )
    level: Positive = Field(
        description="validation loss, nats per word, whose first passing is timed in steps"
    )
    shown: Annotated[int, Field(ge=1, le=20)] = Field(description="test sentences whose attention is shown")
