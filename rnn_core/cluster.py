"""Several processes that train one model: what they say to each other."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import numpy as np
import tensorflow as tf


def rank(config: str) -> int | None:
    """The place of this process among those that train, by ``config``, the text of TF_CONFIG.

    The chief, if one is named, has place 0 and the workers follow, as TensorFlow counts them;
    without a chief, worker 0 is the first. None where no task is given: this process is alone.
    ValueError for anything else, naming the field.
    """

    def must(field, expected, found, fine):
        if not fine:
            raise ValueError(f"TF_CONFIG: {field} must be {expected}, got {found!r}")

    try:
        found = json.loads(config or "{}")
    except ValueError as error:
        raise ValueError(f"TF_CONFIG: not JSON ({error})") from error
    must("the whole", "an object", found, isinstance(found, dict))
    task, cluster = found.get("task", {}), found.get("cluster", {})
    for field, value in (("task", task), ("cluster", cluster)):
        must(f"field {field!r}", "an object", value, isinstance(value, dict))
    if not task:
        return None
    for job in ("chief", "worker"):
        value = cluster.get(job, [])
        fine = isinstance(value, list) and all(
            isinstance(at, str) and re.fullmatch(r".+:\d+", at) for at in value
        )
        must(f"field 'cluster.{job}'", "a list of addresses like host:2222", value, fine)
    chiefs, job, index = cluster.get("chief", []), task.get("type"), task.get("index")
    must("field 'cluster.chief'", "one address", chiefs, len(chiefs) <= 1)
    must("field 'task.type'", "'chief' or 'worker'", job, job in ("chief", "worker"))
    count = len(cluster.get(job, []))
    must(f"field 'cluster.{job}'", "given for a task of this type", cluster.get(job), count)
    fine = str(index).isdecimal() and int(index) < count
    must("field 'task.index'", f"from 0 to {count - 1}", index, fine)
    return int(index) + (len(chiefs) if job == "worker" else 0)


class Cluster:
    """The workers named in TF_CONFIG, or this process alone.

    Every worker holds the whole state and makes the same update; what goes between them is the
    sum of the gradients (`tf.distribute.MultiWorkerMirroredStrategy`). TensorFlow wants the
    strategy made before anything else is computed.
    """

    def __init__(self):
        place = rank(os.environ.get("TF_CONFIG", ""))
        self.strategy = None if place is None else tf.distribute.MultiWorkerMirroredStrategy()
        self.workers = self.strategy.num_replicas_in_sync if self.strategy else 1
        self.index = place or 0
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
