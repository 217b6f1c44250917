"""BLEU: how much the network's own translations of the test sentences have in common with the true ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.errors import MissingError
from bench.metric import Metric
from bench.parts.datasets import BEGIN, END, IGNORED, PADDING, UNKNOWN
from bench.parts.measures import Measured, View, measures

BLEU = Metric("bleu", "", "higher", "raw", "BLEU in words of the data set, from 0 to 100, of greedy translations of the test sentences")

_NO_WORD = "-"
"""Stands for an unknown word of a true translation, which no word of the network is."""


@measures.register(
    metrics=(BLEU,), table=None, tasks=("translation",), reference="Papineni et al., BLEU (2002); Post, A call for clarity in reporting BLEU scores (2018)"
)
def bleu(view: View) -> Measured:
    """BLEU of the test sentences, each translated word by word, always the likeliest, until the end or the longest sentence.

    Words are those of the data set, neither joined nor cut again (``tok:none``), so that it compares runs on one data set
    and not with other papers. A word that has no number is wrong, whatever the network says. The remark is sacrebleu's
    signature.

    Args:
        view: the trained run.

    Returns:
        ``bleu``.

    Raises:
        MissingError: if sacrebleu cannot be imported.
    """
    try:
        from sacrebleu.metrics import bleu as sacrebleu
    except ImportError as error:
        raise MissingError(f"sacrebleu cannot be imported: {error}", hint="Install implicit-bench[train], which brings it.") from error
    found = [" ".join(map(str, words)) for words in translations(view.model, view.data.test_inputs, view.batch)]
    score = sacrebleu.BLEU(tokenize="none", force=True)
    value = float(score.corpus_score(found, [[_text(row) for row in view.data.test_targets.tolist()]]).score)
    return Measured({BLEU.name: value}, remark=str(score.get_signature()))


@torch.no_grad()
def translations(model: nn.Module, inputs: Tensor, batch: int) -> list[list[int]]:
    """Greedy translations.

    Args:
        model: from word numbers (batch, 2, length) to (batch, length, words), in evaluation mode.
        inputs: (n, 2, length); of the translations nothing is looked at.
        batch: how many sentences fit in one pass.

    Returns:
        The words of each translation, without its end.
    """
    return [words for start in range(0, len(inputs), batch) for words in _translated(model, inputs[start : start + batch])]


def _translated(model: nn.Module, inputs: Tensor) -> list[list[int]]:
    given = inputs.clone()
    given[:, 1] = PADDING
    given[:, 1, 0] = BEGIN
    words = torch.full_like(given[:, 1], END)
    going = torch.arange(len(inputs), device=inputs.device)
    for place in range(inputs.shape[-1]):
        words[going, place] = best = model(given[going])[:, place].argmax(-1)
        going, best = going[best != END], best[best != END]
        if not len(going):
            break
        if place + 1 < inputs.shape[-1]:
            given[going, 1, place + 1] = best
    return [row[: row.index(END)] if END in row else row for row in words.tolist()]


def _text(targets: list[int]) -> str:
    return " ".join(_NO_WORD if word == UNKNOWN else str(word) for word in targets if word not in (IGNORED, END))
