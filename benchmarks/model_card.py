"""Fill pretrained/README.md from the models: its tables, commands and samples.

    python -m benchmarks.model_card [--check]

What stands between ``<!-- name -->`` and ``<!-- /name -->`` is written; all else is left alone.
``--check`` writes nothing and fails where the tables disagree with the models' metrics.json.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "pretrained"
MODELS = ("headlines-lstm", "headlines-gru", "headlines-rnn")
KINDS = {"lstm": "LSTM", "gru": "GRU", "rnn": "simple RNN"}
SAMPLES, SEED = 20, 1

#: Bits per character of other models on the same test headlines, and the share of known words.
PEERS = (
    ("PPMd order 12 (7-Zip's compressor, adapting as it reads)", 1.787),
    ("LSTM, 3 layers of 256, 1.6 M parameters, PyTorch, 48 minutes on two cores", 1.864),
    ("character 7-gram, interpolated Witten-Bell", 1.878),
)
REAL_WORDS_KNOWN = 0.984  # of the test headlines' words stand in the training headlines


def metrics_of(name: str) -> dict:
    return json.loads((ROOT / name / "metrics.json").read_text())


def settings_of(name: str) -> dict:
    return json.loads((ROOT / name / "config.json").read_text())["settings"]


def table(models) -> str:
    rows = [
        "| model | layers | parameters | file | train | valid | **test** | words known | time |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in models:
        m, s = metrics_of(name), settings_of(name)
        bits = m["bits_per_char"]
        size = (ROOT / name / "model.safetensors").stat().st_size / 1e6
        rows.append(
            f"| `{name}` | {s['depth']} x {s['units']} {KINDS.get(s['unit'], s['unit'])}"
            f" | {m['parameters']:,} | {size:.1f} MB | {bits['train']:.4f} | {bits['valid']:.4f}"
            f" | **{bits['test']:.4f}** | {m['words_known']:.1%} | {m['minutes']:.0f} min |"
        )
    rows.append(f"| real held-out headlines | | | | | | | {REAL_WORDS_KNOWN:.1%} | |")
    return "\n".join(rows)


def ranking(models) -> str:
    found = [(f"**`{name}`**", metrics_of(name)["bits_per_char"]["test"]) for name in models]
    rows = ["| model | bits per character on the test headlines |", "| --- | --- |"]
    for name, bits in sorted([*found, *PEERS], key=lambda row: row[1]):
        rows.append(f"| {name} | {bits:.3f} |")
    return "\n".join(rows)


def training(models) -> str:
    parts = []
    for name in models:
        m = metrics_of(name)
        curve = ", ".join(f"{row['valid']:.3f}" for row in m["history"])
        parts.append(
            f"`{name}`: {m['characters_trained_on'] / 1e6:.0f} million characters in"
            f" {m['minutes']:.0f} minutes on {m['hardware']['cores']} core(s) of"
            f" {m['hardware']['cpu']};"
            f" bits per character on valid, pass by pass: {curve}.\n\n    {m['command']}"
        )
    return "\n\n".join(parts)


def index() -> str:
    about = json.loads((ROOT / "training-index" / "config.json").read_text())["about"]
    size = (ROOT / "training-index" / "model.safetensors").stat().st_size / 1e6
    return (
        f"{about['runs']:,} runs of words from {about['headlines']:,} headlines in {size:.1f} MB."
        f" Tested on {about['probes']:,} {about['measured_on']}: the filter claims"
        f" {about['false_positive_rate']:.2%} of them falsely. A stretch counts as shared only if every"
        f" shorter run inside it is claimed too, so that {about['false_stretch_rate']:.2%} of them"
        " would be shown as copied."
    )


def samples(models) -> str:
    from rnn_core import quiet

    quiet.tensorflow()
    from rnn_core import checkpoint, sampling
    from rnn_core.copied import CopyIndex

    known = CopyIndex.load(ROOT / "training-index")
    parts = []
    for name in models:
        found = sampling.sample(checkpoint.load(ROOT / name), SAMPLES, seed=SEED)
        shared = [known.longest(c.headline) for c in found]
        lines = [
            f"{s.words:2d}{'*' if s.whole else ' '} {c.headline}{'' if c.ended else ' ...'}"
            for c, s in zip(found, shared, strict=True)
        ]
        parts.append(
            f"`python -m rnn_core sample -n {SAMPLES} --seed {SEED} --model pretrained/{name}`"
        )
        parts.append("```text\n" + "\n".join(lines) + "\n```")
    return "\n\n".join(parts)


def block(text: str, name: str) -> re.Match:
    found = re.search(rf"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{ROOT / 'README.md'}: there is no <!-- {name} --> ... <!-- /{name} -->")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    path = ROOT / "README.md"
    text = path.read_text()
    models = [name for name in MODELS if (ROOT / name / "metrics.json").exists()]
    if missing := sorted(set(MODELS) - set(models)):
        print(f"without metrics.json, left out: {', '.join(missing)}", file=sys.stderr)
    parts = {
        "table": table(models),
        "ranking": ranking(models),
        "training": training(models),
        "index": index(),
    }
    if args.check:
        stale = [n for n, part in parts.items() if block(text, n)[2].strip() != part]
        if stale:
            print(f"{path}: out of date: {', '.join(stale)}", file=sys.stderr)
        return int(bool(stale))
    parts["samples"] = samples(models)
    for name, part in parts.items():
        found = block(text, name)
        text = text[: found.start(2)] + part + "\n" + text[found.end(2) :]
    path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
