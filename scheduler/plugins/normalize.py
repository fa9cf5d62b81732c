"""Scores of any size brought to 0..100: the highest becomes 100; reversed, 0."""

from __future__ import annotations

import numpy as np

from scheduler.framework import Ints
from scheduler.limits import MAX_NODE_SCORE


def normalize(scores: Ints, *, reverse: bool = False) -> Ints:
    highest = int(scores.max(initial=0))
    if highest == 0:
        return np.full_like(scores, MAX_NODE_SCORE) if reverse else scores
    scaled: Ints = MAX_NODE_SCORE * scores // highest
    return MAX_NODE_SCORE - scaled if reverse else scaled
