"""Three small untrained character models and an index, where the Headlines page looks for its own."""

import json

import tensorflow as tf

from rnn_core import checkpoint
from rnn_core.copied import CopyIndex
from rnn_core.language import CharLM
from rnn_core.text import END

DEPTH = {"lstm": 2, "gru": 2, "rnn": 1}


def build(place) -> None:
    for seed, (name, depth) in enumerate(DEPTH.items()):
        model = CharLM.init(name, depth, 8, embedding=6, skip=depth > 1, seed=seed)
        # Odds far from uniform, and headlines that seldom end at once.
        seldom = tf.tensor_scatter_nd_update(model.b, [[END]], [-3.0])
        folder = place / f"headlines-{name}"
        checkpoint.save(model._replace(W=model.W * 3, b=seldom), folder, seen="\n abcdehimnrst")
        metrics = {"bits_per_char": {"test": 1.5 + seed / 8}, "parameters": 1000}
        (folder / "metrics.json").write_text(json.dumps(metrics))
    index = CopyIndex.build(["man charged after fire", "rain in the morning"])
    index.save(place / "training-index")
