import gzip
import zipfile

import numpy as np
import pytest

from rnn_core import text

CSV = 'publish_date,headline_text\n20030219,rain again\n20030220,"a, b"\n20030221,the end\n'


def lines(headlines):
    return list(headlines.texts())


@pytest.fixture
def files(tmp_path):
    (tmp_path / "h.csv").write_text(CSV)
    with gzip.open(tmp_path / "h.csv.gz", "wt") as file:
        file.write(CSV)
    with zipfile.ZipFile(tmp_path / "h.zip", "w") as archive:
        archive.writestr("about.md", "two files, one of them a table")
        archive.writestr("abcnews-date-text.csv", CSV)
    (tmp_path / "h.txt").write_bytes(b"\xef\xbb\xbfrain again\r\na, b\nthe end")
    return tmp_path


@pytest.mark.parametrize("name", ["h.csv", "h.csv.gz", "h.zip", "h.txt"])
def test_every_format_gives_the_same_headlines(files, name):
    headlines, skipped = text.read(files / name)
    assert lines(headlines) == ["rain again", "a, b", "the end"]
    assert skipped == text.Skipped(0, 0, 0, "")
    assert headlines.lengths.tolist() == [11, 5, 8]


def test_a_missing_column_names_the_columns_found(files):
    with pytest.raises(
        ValueError, match=r"no column 'title', found \['publish_date', 'headline_text'\]"
    ):
        text.read(files / "h.csv", column="title")
    with pytest.raises(ValueError, match="no column 'sample'"):
        text.read(files / "h.csv", group="sample")


def test_text_has_no_column_of_groups(files):
    with pytest.raises(ValueError, match=r"h\.txt: a group needs a \.csv, .* got group 'kind'"):
        text.read(files / "h.txt", group="kind")


@pytest.mark.parametrize("name", ["bad.csv", "bad.txt", "bad.csv.gz"])
def test_bad_encoding_names_the_line(tmp_path, name):
    raw = b"headline_text\n" + b"fine\n" * 120_000 + b"caf\xe9\n" + b"fine\n" * 9
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    with pytest.raises(ValueError, match=r"line 120002 is not UTF-8 \(byte 0xE9\)"):
        text.read(tmp_path / name)


@pytest.mark.parametrize(
    "name, raw, message",
    [
        ("x.csv.gz", b"not packed", "can't be unpacked"),
        (
            "x.csv.gz",
            gzip.compress(b"headline_text\n" + bytes(range(32, 120)) * 9)[:-30],
            "unpacked",
        ),
        ("x.zip", b"not packed", "can't be unpacked"),
        ("x.csv", b"", "No columns"),
        ("x.txt", b"\n \n", r"no usable headline among 2 rows \(Skipped\(empty=2"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, raw, message):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(ValueError, match=message) as error:
        text.read(tmp_path / name)
    assert name in str(error.value)


def test_a_zip_must_hold_one_csv(tmp_path):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV)
    with pytest.raises(ValueError, match=r"one \.csv .*'a.csv', 'b.csv'"):
        text.read(tmp_path / "two.zip")


def test_rows_left_out_are_counted_by_reason(tmp_path):
    (tmp_path / "h.txt").write_text(
        "ok\n\n   \ncafé\nnaïve\n" + "x" * 201 + "\n" + "y" * 200 + "\n"
    )
    headlines, skipped = text.read(tmp_path / "h.txt")
    assert skipped == text.Skipped(empty=2, unknown=2, too_long=1, example="café")
    assert lines(headlines) == ["ok", "y" * 200]


def test_groups_are_named_in_alphabetical_order_across_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "_PIECE", 2)
    rows = ["one,z", "two,b", "three,b", ",b", "four,a"]
    (tmp_path / "h.csv").write_text("headline_text,kind\n" + "\n".join(rows) + "\n")
    headlines, _ = text.read(tmp_path / "h.csv", group="kind")
    assert headlines.names == ("a", "b", "z")
    assert [headlines.names[g] for g in headlines.groups] == ["z", "b", "b", "a"]
    assert lines(headlines) == ["one", "two", "three", "four"]


def test_every_printable_character_survives_the_round_trip():
    line = "".join(map(chr, range(0x20, 0x7F)))
    ids = text.encode(line)
    assert text.decode(ids) == line
    assert sorted(ids) == list(range(1, text.V)) and text.VOCABULARY[text.END] == "\n"
    assert text.decode(np.append(ids, [text.END, 5])) == line
    assert lines(text.Headlines.of([line, "", "b"])) == [line, "", "b"]


@pytest.mark.parametrize(
    "line, where", [("abcé", "position 4"), ("\n", "position 1"), ("a\x7f", "U\\+007F")]
)
def test_a_character_outside_the_vocabulary_is_named(line, where):
    with pytest.raises(text.UnknownCharacter, match=where):
        text.encode(line)
    with pytest.raises(text.UnknownCharacter, match=f"headline 2: .*{where}"):
        text.Headlines.of(["fine", line])


@pytest.fixture
def corpus():
    rng = np.random.default_rng(5)
    rows = ["".join(rng.choice(list("abc "), rng.integers(1, 60))) for _ in range(500)]
    return text.Headlines.of(rows, rng.integers(0, 2, 500), ("few", "many"))


def test_take(corpus):
    rows = np.array([7, 3, 3, 499])
    taken = corpus.take(rows)
    assert lines(taken) == [corpus.text(k) for k in rows]
    assert taken.groups.tolist() == corpus.groups[rows].tolist()


def test_a_padded_batch_holds_its_rows_and_nothing_else(corpus):
    batch = text.pad(corpus, np.array([3, 9]), 64, size=3)
    assert batch.ids.shape == (3, 64)
    assert [text.decode(row) for row in batch.ids] == [corpus.text(3), corpus.text(9), ""]
    assert batch.lengths.tolist() == [len(corpus.text(3)) + 1, len(corpus.text(9)) + 1, 0]


def test_by_length_gives_every_headline_once_and_wastes_little(corpus):
    found = []
    for ids, lengths in text.by_length(corpus, 16):
        assert ids.shape[0] == 16
        real = lengths[lengths > 0]
        assert (real <= ids.shape[1]).all()
        assert (real > ids.shape[1] - 4).all() or ids.shape[1] == 24
        found += [text.decode(row) for row, n in zip(ids, lengths) if n]
    assert sorted(found) == sorted(lines(corpus))


def test_an_epoch_is_full_batches_of_fitting_rows_without_repeats(corpus):
    plan = text.epoch(corpus, 8, seed=1)
    rows = np.concatenate([r for _, r in plan])
    assert len(set(rows.tolist())) == len(rows) > 500 - 8 * len({w for w, _ in plan})
    for width, chosen in plan:
        assert len(chosen) == 8
        assert (text.width_of(corpus.lengths[chosen]) == width).all()


def test_an_epoch_follows_its_seed(corpus):
    def flat(seed):
        return [(w, r.tolist()) for w, r in text.epoch(corpus, 8, seed=seed)]

    assert flat(1) == flat(1)
    assert flat(1) != flat(2)


def test_shares_are_kept(corpus):
    counts = np.zeros(2)
    for seed in range(20):
        rows = np.concatenate(
            [r for _, r in text.epoch(corpus, 1, seed=seed, shares={"few": 0.5, "many": 2.25})]
        )
        counts += np.bincount(corpus.groups[rows], minlength=2)
    sizes = np.bincount(corpus.groups)
    assert counts[0] == 20 * round(0.5 * sizes[0])
    assert counts[1] == 20 * (2 * sizes[1] + round(0.25 * sizes[1]))
