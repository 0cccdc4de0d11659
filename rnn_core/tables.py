"""Tables of n-gram embeddings: the hash that finds a row, and rows kept in bytes."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from rnn_core.checkpoint import known


def bucket(ngram: tf.Tensor, buckets: int) -> tf.Tensor:
    """Hash of the last axis: sum of id * 97^k (distinct for distinct n-grams), mod ``buckets``."""
    ngram = tf.cast(ngram, tf.int64)
    powers = tf.constant([97**k for k in range(ngram.shape[-1])][::-1], tf.int64)
    return tf.cast(tf.math.floormod(tf.reduce_sum(ngram * powers, axis=-1), buckets), tf.int32)


@known
class ByteTable(NamedTuple):
    """A table [N, E] in a quarter of its size: row k is codes[k] * scale[k]."""

    codes: tf.Tensor  # [N, E] int8, -127 to 127
    scale: tf.Tensor  # [N] float32

    @classmethod
    def of(cls, table: tf.Tensor) -> ByteTable:
        """``table`` rounded: off by at most half of its row's scale, 1/254 of the largest entry."""
        scale = tf.reduce_max(tf.abs(table), axis=1) / 127
        # What a file keeps of the scale is a float16; the codes must be those of what is kept.
        scale = tf.cast(tf.cast(scale, tf.float16), tf.float32)
        codes = tf.round(tf.math.divide_no_nan(table, scale[:, None]))
        return cls(tf.cast(tf.clip_by_value(codes, -127, 127), tf.int8), scale)

    @property
    def shape(self):
        return self.codes.shape

    def check(self) -> None:
        if len(self.shape) != 2 or list(self.scale.shape) != [self.shape[0]]:
            raise ValueError(
                f"scale must have one entry for each row of codes {list(self.shape)},"
                f" got {list(self.scale.shape)}"
            )


def look_up(table: tf.Tensor | ByteTable, rows: tf.Tensor) -> tf.Tensor:
    """The ``rows`` [...] of a table [N, E], however it is kept: [..., E]."""
    if isinstance(table, ByteTable):
        codes = tf.cast(tf.gather(table.codes, rows), tf.float32)
        return codes * tf.gather(table.scale, rows)[..., None]
    return tf.gather(table, rows)
