"""The Transformer of Vaswani et al. 2017, for sentences and their translations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.parts.datasets import PADDING
from bench.parts.models import drop_rates, models

Count = Annotated[int, Field(ge=1, le=4096)]


@models.register(inputs="tokens")
def transformer(
    inputs: tuple[int, ...],
    outputs: int,
    dropout: float | tuple[float, ...],
    *,
    d_model: Count = 50,
    d_ff: Count = 256,
    d_head: Count = 20,
    heads: Count = 4,
    layers: Count = 3,
) -> nn.Module:
    """The Transformer, encoder and decoder, normalized behind each sum; its defaults are those of the dropout lecture (Fig. 1.9 d, Table 1.1).

    Both languages share one list of words, and its vectors, times √d_model; the last linear layer has weights of its own,
    which the paper (section 3.4) shares too. Dropout acts where the paper (section 5.4) and the lecture have it: on what
    each sublayer gives, before it is added and normalized, and on the sums of words and positions: at 5 · layers + 2 places.

    Args:
        inputs: (2, length), see `bench.parts.datasets.Data`.
        outputs: how many words there are.
        dropout: the drop rate, or one for each place: the encoder's words, its sublayers, the decoder's words, its sublayers.
        d_model: units of a word between the sublayers.
        d_ff: units of the hidden layer in between, with ReLU.
        d_head: units of a query, a key and a value of each head, the paper's d_k = d_v.
        heads: how many heads a sublayer of attention has.
        layers: how many layers the encoder has, and the decoder.

    Returns:
        A module from (batch, 2, length) word numbers to (batch, length, words).

    Source: Vaswani et al., Attention is all you need (2017), sections 3 and 5.4.
    """
    rates = iter(drop_rates(dropout, 5 * layers + 2))
    encoder = Encoder(Words(d_model, inputs[-1], next(rates)), [EncoderLayer(d_model, d_ff, (heads, d_head), rates) for _ in range(layers)])
    decoder = Decoder(Words(d_model, inputs[-1], next(rates)), [DecoderLayer(d_model, d_ff, (heads, d_head), rates) for _ in range(layers)])
    return Transformer(outputs, d_model, encoder, decoder)


class Transformer(nn.Module):
    """A translation, word by word: each from the sentence and the words before it.

    Args:
        words: how many words there are.
        d_model: units of a word.
        encoder: reads the sentence.
        decoder: reads the translation, and what the encoder made of the sentence.
    """

    def __init__(self, words: int, d_model: int, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, d_model)
        # PyTorch's vectors of length √d_model would, times √d_model, leave nothing of the positions that are added to them.
        nn.init.normal_(self.embedding.weight, std=d_model**-0.5)
        self.encoder = encoder
        self.decoder = decoder
        self.output = nn.Linear(d_model, words)
        self._scale = math.sqrt(d_model)

    def forward(self, inputs: Tensor) -> Tensor:
        """The logits of each next word, (batch, length, words), for inputs (batch, 2, length)."""
        source, target = inputs.unbind(1)
        # Fillers come behind the end, so that in the translation no place in front of them looks ahead to one.
        visible = (source != PADDING)[:, None, None, :]
        memory = self.encoder(self._scale * self.embedding(source), visible)
        logits: Tensor = self.output(self.decoder(self._scale * self.embedding(target), memory, visible))
        return logits


class Words(nn.Module):
    """The sum of words and positions, dropped.

    Args:
        d_model: units of a word.
        length: words of a sentence.
        rate: the drop rate.
    """

    positions: Tensor

    def __init__(self, d_model: int, length: int, rate: float) -> None:
        super().__init__()
        self.register_buffer("positions", sinusoids(length, d_model), persistent=False)
        self.dropout = nn.Dropout(rate)

    def forward(self, words: Tensor) -> Tensor:
        """(batch, length, d_model), for words of that shape."""
        dropped: Tensor = self.dropout(words + self.positions)
        return dropped


class Encoder(nn.Module):
    """Layers that look at the whole sentence.

    Args:
        words: adds the positions.
        layers: the layers.
    """

    def __init__(self, words: Words, layers: list[EncoderLayer]) -> None:
        super().__init__()
        self.words = words
        self.layers = nn.ModuleList(layers)

    def forward(self, words: Tensor, visible: Tensor) -> Tensor:
        """(batch, length, d_model), for words of that shape and what can be seen of them, (batch, 1, 1, length)."""
        hidden: Tensor = self.words(words)
        for layer in self.layers:
            hidden = layer(hidden, visible)
        return hidden


class Decoder(nn.Module):
    """Layers that look at the translation so far, and at the sentence.

    Args:
        words: adds the positions.
        layers: the layers.
    """

    def __init__(self, words: Words, layers: list[DecoderLayer]) -> None:
        super().__init__()
        self.words = words
        self.layers = nn.ModuleList(layers)

    def forward(self, words: Tensor, memory: Tensor, visible: Tensor) -> Tensor:
        """(batch, length, d_model), for words of that shape, the encoder's output, and what can be seen of it, (batch, 1, 1, length)."""
        length = words.shape[1]
        past = torch.ones(length, length, dtype=torch.bool, device=words.device).tril()
        hidden: Tensor = self.words(words)
        for layer in self.layers:
            hidden = layer(hidden, past, memory, visible)
        return hidden


class EncoderLayer(nn.Module):
    """Attention to the sentence, and a network for each word.

    Args:
        d_model: units of a word.
        d_ff: units of the hidden layer.
        sizes: how many heads the attention has, and units of each.
        rates: drop rates, of which two are taken.
    """

    def __init__(self, d_model: int, d_ff: int, sizes: tuple[int, int], rates: Iterator[float]) -> None:
        super().__init__()
        self.attention = Attention(d_model, *sizes)
        self.attended = AddAndNorm(d_model, next(rates))
        self.network = word_network(d_model, d_ff)
        self.changed = AddAndNorm(d_model, next(rates))

    def forward(self, words: Tensor, visible: Tensor) -> Tensor:
        """(batch, length, d_model), for words of that shape, and which of them can be seen, (batch, 1, 1, length)."""
        words = self.attended(words, self.attention(words, words, visible))
        changed: Tensor = self.changed(words, self.network(words))
        return changed


class DecoderLayer(nn.Module):
    """Attention to the translation so far, attention to the sentence, and a network for each word.

    Args:
        d_model: units of a word.
        d_ff: units of the hidden layer.
        sizes: how many heads each attention has, and units of each.
        rates: drop rates, of which three are taken.
    """

    def __init__(self, d_model: int, d_ff: int, sizes: tuple[int, int], rates: Iterator[float]) -> None:
        super().__init__()
        self.attention = Attention(d_model, *sizes)
        self.attended = AddAndNorm(d_model, next(rates))
        self.crossing = Attention(d_model, *sizes)
        self.crossed = AddAndNorm(d_model, next(rates))
        self.network = word_network(d_model, d_ff)
        self.changed = AddAndNorm(d_model, next(rates))

    def forward(self, words: Tensor, past: Tensor, memory: Tensor, visible: Tensor) -> Tensor:
        """(batch, length, d_model), for words of that shape.

        Args:
            words: the translation.
            past: which words each of them can see, (length, length).
            memory: the encoder's output, (batch, length, d_model).
            visible: what can be seen of it, (batch, 1, 1, length).
        """
        words = self.attended(words, self.attention(words, words, past))
        words = self.crossed(words, self.crossing(words, memory, visible))
        changed: Tensor = self.changed(words, self.network(words))
        return changed


class AddAndNorm(nn.Module):
    """``LayerNorm(x + Dropout(sublayer(x)))``.

    Args:
        d_model: units of a word.
        rate: the drop rate.
    """

    def __init__(self, d_model: int, rate: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(rate)
        self.norm = nn.LayerNorm(d_model)

    def forward(self, words: Tensor, given: Tensor) -> Tensor:
        """Shape (batch, length, d_model), for x and sublayer(x) of that shape."""
        normalized: Tensor = self.norm(words + self.dropout(given))
        return normalized


class Attention(nn.Module):
    """``sum_h softmax(Q_h K_h^T / sqrt(d)) V_h W_h``, with linear maps without biases for queries, keys and values of each head.

    Written out, since torch's fused attention has no second derivatives, which measures of flatness need.

    Args:
        d_model: units of a word.
        heads: how many heads.
        units: d, of a query, a key and a value of each head.
    """

    def __init__(self, d_model: int, heads: int, units: int) -> None:
        super().__init__()
        self.query = nn.Linear(d_model, heads * units, bias=False)
        self.key = nn.Linear(d_model, heads * units, bias=False)
        self.value = nn.Linear(d_model, heads * units, bias=False)
        self.output = nn.Linear(heads * units, d_model, bias=False)
        self._heads = heads

    def forward(self, words: Tensor, memory: Tensor, visible: Tensor) -> Tensor:
        """Shape (batch, length, d_model).

        Args:
            words: who looks, (batch, length, d_model).
            memory: what is looked at, (batch, other length, d_model).
            visible: what can be seen, of a shape that broadcasts to (batch, heads, length, other length); of each row, something.
        """
        queries, keys, values = (self._split(made) for made in (self.query(words), self.key(memory), self.value(memory)))
        scores = queries @ keys.transpose(-2, -1) / math.sqrt(keys.shape[-1])
        seen = scores.masked_fill(~visible, -math.inf).softmax(-1) @ values
        given: Tensor = self.output(seen.transpose(1, 2).flatten(2))
        return given

    def _split(self, made: Tensor) -> Tensor:
        """(batch, length, heads · units) -> (batch, heads, length, units)."""
        return made.view(*made.shape[:-1], self._heads, -1).transpose(1, 2)


def word_network(d_model: int, d_ff: int) -> nn.Module:
    """``W_2 relu(W_1 x + b_1) + b_2``, for each word by itself."""
    return nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))


def sinusoids(length: int, units: int) -> Tensor:
    """Positions as ``sin(t / 10000^(2i/d))`` in unit 2i, and the cosine of the same in unit 2i + 1.

    Args:
        length: how many positions t.
        units: d.

    Returns:
        Shape (length, units).
    """
    unit = torch.arange(units)
    angles = torch.arange(length).unsqueeze(1) / 10_000 ** (2 * (unit // 2) / units)
    return torch.where(unit % 2 == 0, angles.sin(), angles.cos())
