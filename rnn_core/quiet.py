"""TensorFlow for the command line: imported late, and without its log lines."""

from __future__ import annotations

import os
from types import ModuleType


def tensorflow() -> ModuleType:
    """Import TensorFlow; what it logs while it loads, and below errors afterwards, is not shown."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Its libraries write to the file descriptor before any log level applies.
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow as tf
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    # A program for each width of batch is meant; TensorFlow would warn of the retracing.
    tf.get_logger().setLevel("ERROR")
    return tf
