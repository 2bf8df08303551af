"""A tiny BERT with FinBERT's config shape, saved as the real one lies on the hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

WORDS = [
    "apple",
    "beats",
    "estimates",
    "shares",
    "fall",
    "rise",
    "on",
    "weak",
    "strong",
    "profit",
    "the",
    "a",
    "of",
    "and",
    "to",
    "moon",
    "stock",
    "halt",
    "bank",
    "rupt",
    "##s",
    "##ed",
    "##ing",
    "!",
    ".",
    ",",
    "$",
    "?",
    "http",
    "@",
    "user",
    "up",
    "down",
]
FINBERT_ORDER = ("positive", "negative", "neutral")

SaveCheckpoint = Callable[..., Path]


@pytest.fixture(scope="session")
def save_checkpoint() -> SaveCheckpoint:
    """Save a seeded random checkpoint; the same weights for every order of labels."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    config = {
        "vocab_size": len(vocabulary),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        "initializer_range": 0.6,
    }

    def save(folder: Path, labels: Sequence[str] = FINBERT_ORDER, move_head: bool = False) -> Path:
        folder.mkdir(parents=True)
        torch.manual_seed(5)
        id2label = dict(enumerate(labels))
        model = BertForSequenceClassification(
            BertConfig(**config, id2label=id2label, label2id={label: i for i, label in id2label.items()})
        )
        if move_head:  # the same model with its outputs in another order
            order = [FINBERT_ORDER.index(label.lower()) for label in labels]
            with torch.no_grad():
                model.classifier.weight.copy_(model.classifier.weight[order].clone())
                model.classifier.bias.copy_(model.classifier.bias[order].clone())
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "config.json").write_text(model.config.to_json_string(), "utf-8")
        (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", "utf-8")
        (folder / "tokenizer_config.json").write_text(
            json.dumps({"do_lower_case": True, "model_max_length": 64}), "utf-8"
        )
        return folder

    return save


@pytest.fixture(scope="session")
def checkpoint(save_checkpoint: SaveCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("models") / "finbert")
