"""Several processes that train one model: what they say to each other."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import tensorflow as tf


class Cluster:
    """The workers named in TF_CONFIG, or this process alone.

    Every worker holds the whole state and makes the same update; what goes between them is the
    sum of the gradients (`tf.distribute.MultiWorkerMirroredStrategy`). TensorFlow wants the
    strategy made before anything else is computed.
    """

    def __init__(self):
        task = json.loads(os.environ.get("TF_CONFIG") or "{}").get("task", {})
        self.strategy = tf.distribute.MultiWorkerMirroredStrategy() if task else None
        self.workers = self.strategy.num_replicas_in_sync if task else 1
        self.index = int(task.get("index", 0))
        self._sum = None

    @property
    def chief(self) -> bool:
        return self.index == 0

    def sum(self, tree: Any) -> Any:
        """The tree of float32 tensors with every worker's values added up."""
        if self.strategy is None:
            return tree
        if self._sum is None:

            def reduce(vector):
                # The identity stands on the worker's device; an argument has none, which
                # all_reduce refuses.
                context = tf.distribute.get_replica_context()
                return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(vector))

            self._sum = tf.function(
                lambda vector: self.strategy.run(reduce, args=(vector,)), reduce_retracing=True
            )
        flat = tf.nest.flatten(tree)
        sizes = [int(np.prod(t.shape)) for t in flat]
        # One vector, so that a step costs one exchange and not one for every weight.
        total = self._sum(tf.concat([tf.reshape(t, [-1]) for t in flat], axis=0))
        pieces = [tf.reshape(p, t.shape) for p, t in zip(tf.split(total, sizes), flat)]
        return tf.nest.pack_sequence_as(tree, pieces)

    def from_chief(self, tree: Any) -> Any:
        """The chief's tree, on every worker."""
        if self.chief:
            return self.sum(tree)
        return self.sum(tf.nest.map_structure(tf.zeros_like, tree))
