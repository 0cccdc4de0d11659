"""The state space: where hidden states lie, in the two directions in which they vary most."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from rnn_core.addition import Adder
from rnn_core.analysis.anatomy import NotApplicable
from rnn_core.analysis.experiments import after
from rnn_core.analysis.observe import observe
from rnn_core.analysis.reading import Reading, fresh


class Space(NamedTuple):
    """Two principal components of hidden states.

    ``points`` has one row a state: first, second, carry (out of the bit it was left after), bit.
    ``share`` is how much of the variance each component holds. A state h lies at (h - mean) axes.
    """

    points: pd.DataFrame
    mean: np.ndarray  # [H]
    axes: np.ndarray  # [H, 2]
    share: tuple[float, float]


def state_space(model: Adder, *, sums: int = 120, bits: int = 8, seed: int = 0) -> Space:
    """The hidden states of ``sums`` random sums in their first two principal components (by SVD).

    The sign of a component is free; it is set so that states with a carry lie to the right and,
    on the whole, above. With one unit the second component is 0. Raises NotApplicable where the
    states are no longer finite numbers.
    """
    if sums < 2:
        raise ValueError(f"sums must be at least 2, got {sums}")
    x = fresh(seed, 7, sums, bits).x
    h = observe(model, x)[1].h.reshape(sums * bits, -1)
    if not np.isfinite(h).all():
        raise NotApplicable("The states of this network are no longer finite numbers.")
    carry = after(x).reshape(-1).astype(int)
    mean = h.mean(axis=0)
    centred = h - mean
    # The covariance has the same directions, is small, and has the variances as singular values.
    _, variance, directions = np.linalg.svd(np.einsum("ni,nj->ij", centred, centred))
    axes = np.zeros((h.shape[1], 2))
    axes[:, : min(2, len(directions))] = directions[:2].T
    toward = (h[carry == 1].mean(axis=0) - h[carry == 0].mean(axis=0)) @ axes
    axes *= np.where(toward < 0, -1, 1)
    share = np.pad(variance / max(variance.sum(), 1e-30), (0, 1))[:2]
    at = np.einsum("ni,ij->nj", centred, axes)
    points = pd.DataFrame(
        {
            "first": at[:, 0],
            "second": at[:, 1],
            "carry": carry,
            "bit": np.tile(np.arange(bits), sums),
        }
    )
    return Space(points, mean, axes, (float(share[0]), float(share[1])))


def path(space: Space, reading: Reading) -> pd.DataFrame:
    """Where the states of one sum lie in ``space``: bit, first, second, carry; lowest bit first."""
    at = (reading.signals["h"][0] - space.mean) @ space.axes
    carry = after(reading.x)[0].astype(int)
    return pd.DataFrame(
        {"bit": np.arange(len(at)), "first": at[:, 0], "second": at[:, 1], "carry": carry}
    )
