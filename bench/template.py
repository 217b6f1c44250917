"""The suite that ``bench init`` writes: small, sound, and with an example of each block."""

from __future__ import annotations

TEMPLATE = """\
title: Does dropout help a small network on digits?
version: 1            # raise it when rows stop being comparable
source: an example

defaults:
  dataset: digits     # `bench list datasets`
  objective: cross_entropy
  optimizer: {name: adam, lr: 0.001}
  batch_size: 64
  seeds: 5            # 0, 1, 2, 3, 4
  measures: [accuracy, loss, generalization_gap]

profiles:
  quick: {epochs: 5, seeds: 3}
  paper: {epochs: 50}

experiments:
  dropout:
    model: {name: fnn, width: 128, depth: 2}
    grid:             # lists multiply; `cases` tie values, `exclude` drops combinations
      dropout: [0.0, 0.2, 0.5]
    claims:
      dropout-helps:
        text: A drop rate of 0.2 raises test accuracy.
        metric: test_accuracy
        contrast: {dropout: 0.2}
        against: {dropout: 0}
        says: {difference: "> 0"}
        profiles: [quick, paper]    # where it is judged; paper alone if nothing is said

tables:
  accuracy:
    experiment: dropout
    rows: [dropout]
    values: [train_accuracy, test_accuracy, generalization_gap]

figures:
  curves: {experiment: dropout, kind: curves, y: [train_loss, test_accuracy]}
"""
