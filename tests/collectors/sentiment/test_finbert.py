"""FinBERT from a local folder: labels by name, nothing dropped, the same score in any company."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collectors.errors import BadInput, ConfigurationError
from collectors.sentiment.bert import batches
from collectors.sentiment.finbert import ORIGIN_FILE, REVISION, FinBert, file_checksums, load_finbert
from collectors.sentiment.scorer import stored_probabilities

SaveCheckpoint = Callable[..., Path]

TEXTS = [
    "Apple beats estimates",
    "shares fall on weak profit!",
    "",
    "to the moon " * 30,
    "the bank halts $",
    "unknown words only",
    "profit " * 61,
    "profit " * 62,
    "profit " * 63,
]


@pytest.fixture(scope="module")
def scorer(checkpoint: Path) -> FinBert:
    return load_finbert(checkpoint)


def test_rows_are_probabilities(scorer: FinBert) -> None:
    scores = scorer.score(TEXTS)
    assert scores.shape == (len(TEXTS), 3)
    assert (scores > 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert np.ptp(scores, axis=0).min() > 0.01  # the random model does tell texts apart
    assert scorer.score([]).shape == (0, 3)


def test_answers_are_those_of_the_model_itself(scorer: FinBert, checkpoint: Path) -> None:
    import torch
    from transformers import BertForSequenceClassification, BertTokenizerFast

    model = BertForSequenceClassification.from_pretrained(checkpoint).eval()
    tokens = BertTokenizerFast.from_pretrained(checkpoint)(TEXTS[0], return_tensors="pt")
    with torch.inference_mode():
        positive, negative, neutral = model(**tokens).logits.softmax(dim=-1)[0].tolist()
    np.testing.assert_allclose(scorer.score(TEXTS[:1]), [[positive, neutral, negative]], atol=1e-6)


def test_labels_are_read_by_name_not_by_position(
    scorer: FinBert, save_checkpoint: SaveCheckpoint, tmp_path: Path
) -> None:
    moved = save_checkpoint(tmp_path / "moved", ("Neutral", "POSITIVE", "negative"), move_head=True)
    np.testing.assert_allclose(load_finbert(moved).score(TEXTS), scorer.score(TEXTS), atol=1e-6)


def test_same_outputs_under_other_names_are_other_scores(
    scorer: FinBert, save_checkpoint: SaveCheckpoint, tmp_path: Path
) -> None:
    renamed = load_finbert(save_checkpoint(tmp_path / "renamed", ("negative", "positive", "neutral")))
    np.testing.assert_allclose(renamed.score(TEXTS)[:, [2, 1, 0]], scorer.score(TEXTS), atol=1e-6)


def test_foreign_labels_are_refused(save_checkpoint: SaveCheckpoint, tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "stars", ("LABEL_0", "LABEL_1", "LABEL_2"))
    with pytest.raises(BadInput, match=r"LABEL_0.*expected positive, neutral and negative"):
        load_finbert(folder)


def test_company_and_order_do_not_change_a_stored_score(scorer: FinBert) -> None:
    together = stored_probabilities(scorer.score(TEXTS))
    alone = stored_probabilities(np.concatenate([scorer.score([text]) for text in TEXTS]))
    turned = stored_probabilities(scorer.score(TEXTS[::-1]))[::-1]
    # Float32 differs by about 1e-7, so that a value may at most land on the neighbouring fourth decimal.
    assert abs(together - alone).max() < 1.5e-4
    assert abs(together - turned).max() < 1.5e-4
    assert (together == alone).mean() > 0.9


def test_scoring_leaves_the_number_of_threads_as_it_was(scorer: FinBert) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        scorer.score(TEXTS)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_long_text_is_the_mean_of_its_pieces(scorer: FinBert) -> None:
    long, words = " ".join(["profit up"] * 60), ["profit up"] * 20  # 120 tokens: two pieces of 60
    first, second = " ".join(["profit up"] * 30), " ".join(["profit up"] * 30)
    assert len(words) == 20
    np.testing.assert_allclose(scorer.score([long])[0], scorer.score([first, second]).mean(axis=0), atol=1e-6)


def test_end_of_a_long_text_counts(scorer: FinBert) -> None:
    start = "the apple of the bank " * 20
    assert (
        abs(scorer.score([start + "profit up " * 20]) - scorer.score([start + "shares fall " * 20])).max()
        > 1e-3
    )


def test_loading_and_scoring_never_ask_the_web(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the web was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert load_finbert(checkpoint).score(["Apple beats estimates"]).shape == (1, 3)


def test_missing_folder_says_which_command_helps(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="barograph models fetch"):
        load_finbert(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["config.json", "pytorch_model.bin", "vocab.txt"])
def test_missing_file_is_named(checkpoint: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "finbert"))
    (folder / name).unlink()
    with pytest.raises(ConfigurationError, match=name):
        load_finbert(folder)


def test_cut_off_weights_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "finbert"))
    weights = folder / "pytorch_model.bin"
    weights.write_bytes(weights.read_bytes()[:-5000])
    with pytest.raises(BadInput, match="cannot be read"):
        load_finbert(folder)


def test_weights_without_a_head_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    """transformers fills missing weights with random numbers and only logs it."""
    import torch

    folder = Path(shutil.copytree(checkpoint, tmp_path / "finbert"))
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    torch.save(
        {key: value for key, value in state.items() if "classifier" not in key}, folder / "pytorch_model.bin"
    )
    with pytest.raises(BadInput, match=r"lack classifier\.bias, classifier\.weight"):
        load_finbert(folder)


def test_vocabulary_of_another_model_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "finbert"))
    with (folder / "vocab.txt").open("a") as file:
        file.write("more\n")
    with pytest.raises(BadInput, match="do not belong together"):
        load_finbert(folder)


def test_name_tells_the_origin(scorer: FinBert, checkpoint: Path, tmp_path: Path) -> None:
    assert scorer.name.startswith("finbert-local@")
    assert len(scorer.name) == len("finbert-local@") + 12
    fetched = Path(shutil.copytree(checkpoint, tmp_path / "finbert"))
    origin = {"repository": "ProsusAI/finbert", "revision": REVISION, "sha256": file_checksums(fetched)}
    (fetched / ORIGIN_FILE).write_text(json.dumps(origin))
    assert load_finbert(fetched).name == "finbert-ProsusAI@4556d1301521"


def test_other_files_than_those_fetched_never_bear_the_revision(checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "finbert"))
    origin = {"repository": "ProsusAI/finbert", "revision": REVISION, "sha256": {"config.json": "0"}}
    (folder / ORIGIN_FILE).write_text(json.dumps(origin))
    with pytest.raises(BadInput, match="no longer those that were fetched"):
        load_finbert(folder)


@pytest.mark.parametrize(
    ("most_lengths", "expected"),
    [
        (None, [[1], [2, 4], [0, 3], [5]]),  # 4, 3 and 1 would be 12 with padding
        (8, [[1], [2, 4], [0, 3, 5]]),
        (2, [[1], [2, 4], [0, 3], [5]]),
        (1, [[1], [2, 4], [0], [3], [5]]),
    ],
)
def test_batches_hold_at_most_so_many_tokens(most_lengths: int | None, expected: list[list[int]]) -> None:
    lengths = [4, 20, 5, 3, 5, 1]
    assert list(batches(lengths, 10, most_lengths)) == expected
