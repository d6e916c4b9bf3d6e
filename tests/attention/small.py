"""Small translators and sentences, and what they compute as the papers write it, one word after another."""

import torch

from regen.artifacts import END, PAD, START
from regen.attention.networks import build_translator
from regen.attention.training import Sentences
from regen.params import TranslatorRun

SOURCE_WORDS, TARGET_WORDS = 11, 13
RUN = TranslatorRun(
    data="dates",
    attention="additive",
    teacher_forcing=0.5,
    bidirectional=False,
    embedding=5,
    hidden=6,
    dropout=0.0,
    optimizer="adam",
    learning_rate=1e-2,
    batch_size=8,
    clip_norm=1.0,
    epochs=3,
)


def run_of(**changes):
    return RUN.model_copy(update=changes)


def translator_of(seed=0, gain=3.0, **changes):
    """Return a translator with `gain` times the weights of a fresh one, so that its words differ, and end."""
    torch.manual_seed(seed)
    translator = build_translator(run_of(**changes), SOURCE_WORDS, TARGET_WORDS)
    for parameter in translator.parameters():
        parameter.data.mul_(gain)
    translator.decoder.output.bias.data[END] += 2
    return translator.eval()


def rows_of(lengths, words, seed=0):
    """Return sentences of so many random words, with END and padding: (N, L)."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.full((len(lengths), max(lengths) + 1), PAD)
    for row, length in zip(rows, lengths, strict=True):
        row[:length] = torch.randint(END + 1, words, (length,), generator=generator)
        row[length] = END
    return rows


def sentences_of(count=9, seed=0, longest=7):
    """Return pairs of random sentences of random lengths, of which some are a word long."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.randint(1, longest + 1, (2, count), generator=generator).tolist()
    source[0], target[-1] = 1, 1
    return Sentences(rows_of(source, SOURCE_WORDS, seed), rows_of(target, TARGET_WORDS, seed + 1))


def learnable(count, seed=0):
    """Return pairs whose translation is the source backwards, word by word."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 5, (count,), generator=generator).tolist()
    source = rows_of(lengths, SOURCE_WORDS, seed)
    target = torch.full_like(source, PAD)
    for own, theirs, length in zip(source, target, lengths, strict=True):
        theirs[:length], theirs[length] = own[:length].flip(0), END
    return Sentences(source, target)


# ---- literally -------------------------------------------------------------------------------------------


def literal_gru(gru, x, h):
    """Return the state after `x` (D,) of `h` (H,): the GRU's equations in torch's documentation."""
    w_r, w_z, w_n = gru.weight_ih_l0.chunk(3)
    u_r, u_z, u_n = gru.weight_hh_l0.chunk(3)
    b_r, b_z, b_n = gru.bias_ih_l0.chunk(3)
    c_r, c_z, c_n = gru.bias_hh_l0.chunk(3)
    r = torch.sigmoid(w_r @ x + b_r + u_r @ h + c_r)
    z = torch.sigmoid(w_z @ x + b_z + u_z @ h + c_z)
    n = torch.tanh(w_n @ x + b_n + r * (u_n @ h + c_n))
    return (1 - z) * n + z * h


def literal_encoding(encoder, words):
    """Return the outputs, one for each of `words`, and the last state."""
    directions = []
    for gru, order in zip(encoder.grus, (words, words[::-1]), strict=False):
        h, outputs = torch.zeros(gru.hidden_size), []
        for word in order:
            h = literal_gru(gru, encoder.embedding.weight[word], h)
            outputs.append(h)
        directions.append((outputs if order is words else outputs[::-1], h))
    outputs = [torch.cat(parts) for parts in zip(*(found for found, _ in directions), strict=True)]
    return outputs, torch.cat([last for _, last in directions])


def literal_attention(attention, state, outputs):
    """Return the weights of `outputs`: softmax of v . tanh(W s + U h)."""
    scores = []
    for h in outputs:
        hidden = attention.W.weight @ state + attention.U.weight @ h + attention.U.bias
        scores.append(float(attention.v.weight[0] @ torch.tanh(hidden)))
    exponentials = torch.tensor(scores).exp()
    return exponentials / exponentials.sum()


@torch.no_grad()
def literal_steps(translator, words, previous):
    """Yield logits and attention after each of `previous`, one sentence and one step at a time.

    `previous` is a list that the caller may extend while this goes on.
    """
    decoder = translator.decoder
    outputs, last = literal_encoding(translator.encoder, words)
    state = torch.tanh(decoder.start.weight @ last + decoder.start.bias)
    for word in previous:
        embedded = decoder.embedding.weight[word]
        state = literal_gru(decoder.gru, embedded, state)
        context, weights = last, None
        if decoder.attention is not None:
            weights = literal_attention(decoder.attention, state, outputs)
            context = sum(weight * output for weight, output in zip(weights, outputs, strict=True))
        features = decoder.readout.weight @ torch.cat([state, context, embedded]) + decoder.readout.bias
        yield decoder.output.weight @ torch.tanh(features) + decoder.output.bias, weights


def words_of(row):
    """Return the indices of a sentence (L,) without padding."""
    return [word for word in row.tolist() if word != PAD]


def literal_greedy(translator, words, max_length):
    """Return the words, the mean of their log-probabilities and the attention of greedy decoding."""
    previous, total, attention = [START], 0.0, []
    for logits, weights in literal_steps(translator, words, previous):
        logits[[PAD, START]] = -torch.inf
        best = int(logits.argmax())
        total += float(logits[best] - logits.exp().sum().log())
        attention.append(weights)
        previous.append(best)
        if best == END or len(previous) > max_length:
            break
    return previous[1:], total / (len(previous) - 1), attention
