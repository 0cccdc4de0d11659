"""A model in a folder: config.json (its structure) and model.safetensors (its weights).

The structure is written from the model's own tree of named tuples and read back through a list
of known types, so loading executes nothing. Every failure to load is a `CheckpointError` that
names the file and the field.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import tensorflow as tf

from rnn_core import cells, stacks

CONFIG, WEIGHTS = "config.json", "model.safetensors"
NEW = ".new"  # ends the name of a file that waits to be moved into place

#: Types that may stand in a config.json. Modules that define a model add theirs with `known`.
TYPES: dict[str, type] = {
    t.__name__: t
    for t in (
        cells.SimpleRNN,
        cells.GRU,
        cells.GRUNoReset,
        cells.LSTM,
        stacks.Stack,
        stacks.SkipStack,
        stacks.Backward,
        stacks.Bidirectional,
    )
}


class CheckpointError(ValueError):
    """A model folder that can't be read, with the file and the field at fault."""


def known(cls: type) -> type:
    """Class decorator: let ``cls``, a named tuple, be saved and loaded."""
    TYPES[cls.__name__] = cls
    return cls


def save(model: Any, folder, *, dtype: str = "float32", **about: Any) -> None:
    """Write ``model`` to ``folder``; ``about`` (JSON) stands beside the structure in config.json.

    Both files are written whole beside the old ones and then moved into place, so a save that
    is cut off, and the next one too, leaves a loadable folder. ``dtype="float16"`` halves the file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: np.asarray(value, dtype if value.dtype.is_floating else None, order="C")
        for name, value in leaves(model)
    }
    raw = safetensors.numpy.save(tensors)
    config = {
        "format": 1,
        "model": describe(model),
        "dtype": dtype,
        "sha256": _sha256(raw),
        **about,
    }
    text = json.dumps(config, indent=2, ensure_ascii=True) + "\n"
    _finish_move(folder)
    _write(folder / (CONFIG + NEW), text.encode())
    _write(folder / (WEIGHTS + NEW), raw)
    os.replace(folder / (WEIGHTS + NEW), folder / WEIGHTS)
    os.replace(folder / (CONFIG + NEW), folder / CONFIG)


def load(folder) -> Any:
    """The model that `save` wrote to ``folder``."""
    return read(folder)[0]


def read(folder) -> tuple[Any, dict]:
    """The model that `save` wrote to ``folder``, and the config.json that belongs to it."""
    folder = Path(folder)
    raw = _read(folder / WEIGHTS)
    digest = _sha256(raw)
    config = _waiting(folder, digest) or read_config(folder)
    if config.get("sha256") != digest:
        raise CheckpointError(
            f"{folder / WEIGHTS}: its sha256 is {digest}, {CONFIG} says {config.get('sha256')}:"
            " the file is damaged or belongs to another model"
        )
    try:
        tensors = safetensors.numpy.load(raw)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / WEIGHTS}: not a safetensors file ({error})") from error
    used: set[str] = set()
    model = _build(config["model"], "", tensors, used, folder)
    extra = sorted(set(tensors) - used)
    if extra:
        raise CheckpointError(f"{folder / WEIGHTS}: tensors {extra} are not in {CONFIG}")
    return model, config


def read_config(folder, name: str = CONFIG) -> dict:
    """config.json as a dict: the structure, and what was saved ``about`` the model."""
    path = Path(folder) / name
    raw = _read(path)
    try:
        config = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON ({error})") from error
    if not isinstance(config, dict) or config.get("format") != 1:
        found = config.get("format") if isinstance(config, dict) else type(config).__name__
        raise CheckpointError(f"{path}: field 'format' must be 1, got {found!r}")
    if "model" not in config:
        raise CheckpointError(f"{path}: field 'model' is missing")
    return config


def _waiting(folder: Path, digest: str) -> dict | None:
    """The config.json that waits to be moved, where it belongs to the weights of this digest.

    It does where a save was cut off between its two moves.
    """
    try:
        config = read_config(folder, CONFIG + NEW)
    except CheckpointError:  # none, or one that was not written to its end
        return None
    return config if config.get("sha256") == digest else None


def _finish_move(folder: Path) -> None:
    """Make the second move of a save that was cut off before it.

    The next save writes over what waits, and the weights there belong to nothing else.
    """
    if (folder / (CONFIG + NEW)).exists() and (folder / WEIGHTS).exists():
        if _waiting(folder, _sha256(_read(folder / WEIGHTS))):
            os.replace(folder / (CONFIG + NEW), folder / CONFIG)


def digest(model: Any) -> str:
    """A sha256 of a model's weights, by which two models can be told apart."""
    found = hashlib.sha256()
    for name, value in leaves(model):
        found.update(name.encode())
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()


def leaves(model: Any, prefix: str = "") -> list[tuple[str, tf.Tensor]]:
    """The model's weights with their names, like ``cell.W`` and ``stack.cells.0.U``."""
    if not isinstance(model, tuple):
        return [(prefix, model)]
    fields = getattr(model, "_fields", range(len(model)))
    return [
        leaf
        for field, child in zip(fields, model)
        for leaf in leaves(child, f"{prefix}.{field}" if prefix else str(field))
    ]


def describe(model: Any) -> Any:
    """The structure as JSON: {"type": name, field: ...}, lists, and shapes at the leaves."""
    if not isinstance(model, tuple):
        kind = {} if model.dtype.is_floating else {"dtype": model.dtype.name}
        return {"shape": list(model.shape), **kind}
    if not hasattr(model, "_fields"):
        return [describe(child) for child in model]
    name = type(model).__name__
    if TYPES.get(name) is not type(model):
        raise TypeError(f"{name} is not a type that checkpoints know")
    return {"type": name, **{f: describe(c) for f, c in zip(model._fields, model)}}


def _build(spec: Any, name: str, tensors: dict, used: set[str], folder: Path) -> Any:
    where = f"{folder / CONFIG}: field 'model{'.' if name else ''}{name}'"
    if isinstance(spec, list):
        return tuple(
            _build(s, f"{name}.{k}" if name else str(k), tensors, used, folder)
            for k, s in enumerate(spec)
        )
    if not isinstance(spec, dict):
        raise CheckpointError(f"{where} must be an object or a list, got {spec!r}")
    if "type" in spec:
        cls = TYPES.get(spec["type"]) if isinstance(spec["type"], str) else None
        if cls is None:
            raise CheckpointError(f"{where} has type {spec['type']!r}, known are {sorted(TYPES)}")
        if set(spec) - {"type"} != set(cls._fields):
            raise CheckpointError(
                f"{where} must have the fields {list(cls._fields)}, got {sorted(set(spec) - {'type'})}"
            )
        children = [
            _build(spec[f], f"{name}.{f}" if name else f, tensors, used, folder)
            for f in cls._fields
        ]
        model = cls(*children)
        try:
            getattr(model, "check", lambda: None)()
        except ValueError as error:
            raise CheckpointError(f"{where}: {error}") from error
        except (AttributeError, IndexError, TypeError) as error:
            # A part of a type that can't stand there has not what the check asks it for.
            raise CheckpointError(f"{where}: its parts don't fit each other ({error})") from error
        return model
    if name not in tensors:
        raise CheckpointError(f"{folder / WEIGHTS}: tensor '{name}' is missing")
    used.add(name)
    value = tensors[name]
    if list(value.shape) != spec.get("shape"):
        raise CheckpointError(
            f"{folder / WEIGHTS}: tensor '{name}' has shape {list(value.shape)},"
            f" {CONFIG} says {spec.get('shape')}"
        )
    if spec.get("dtype") == "int8":
        if value.dtype != np.int8:
            raise CheckpointError(f"{folder / WEIGHTS}: tensor '{name}' is {value.dtype}, not int8")
        return tf.constant(value)
    if value.dtype.kind != "f":
        raise CheckpointError(f"{folder / WEIGHTS}: tensor '{name}' is {value.dtype}, not a float")
    if not np.isfinite(value).all():
        raise CheckpointError(f"{folder / WEIGHTS}: tensor '{name}' has values that are not finite")
    return tf.constant(value.astype(np.float32))


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: there is no such file") from error
    except OSError as error:
        raise CheckpointError(f"{path}: can't be read ({error})") from error


def _write(path: Path, raw: bytes) -> None:
    with open(path, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
