"""FinBERT (Araci 2019) through transformers: fetched once on demand, then read from a local folder alone.

The revision is pinned. That it is the main branch of ``ProsusAI/finbert``, that its labels are 0 positive,
1 negative, 2 neutral, and that it has ``pytorch_model.bin`` and ``vocab.txt`` but neither safetensors nor
``tokenizer.json`` is what several public projects report; it was not checked against the hub itself.
``fetch_finbert`` compares each file with the checksum that the hub lists for that commit, and
``load_finbert`` takes labels, padding and vocabulary from the files, never from this paragraph.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from collectors.errors import BadInput, ConfigurationError
from collectors.sentiment.scorer import LABELS, FloatArray

logger = logging.getLogger(__name__)

REPOSITORY = "ProsusAI/finbert"
REVISION = "4556d13015211d73dccd3fdd39d39232506f3e43"
FOLDER = "finbert"  # inside the models folder
ORIGIN_FILE = "origin.json"  # written last by fetch_finbert: where the files came from, and their SHA-256
FETCH_COMMAND = "barograph models fetch"

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
VOCABULARY_FILES = ("tokenizer.json", "vocab.txt")

# Padded tokens per batch: measured on two cores, see docs/sentiment.md.
BATCH_TOKENS = 1024


class FinBert:
    """A BERT with three labels found by name; long texts are scored in pieces, weighted by their tokens."""

    def __init__(self, name: str, model: Any, tokenizer: Any, columns: Sequence[int]) -> None:
        self._name = name
        self._model = model
        self._tokenizer = tokenizer
        self._columns = list(columns)  # where the model puts positive, neutral, negative
        self._piece_tokens = model.config.max_position_embeddings - 2  # beside [CLS] and [SEP]

    @property
    def name(self) -> str:
        return self._name

    def score(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, 3) positive, neutral, negative; rows sum to 1.

        A text of more tokens than the model reads (512) is cut into pieces of equal length, and their
        probabilities are averaged with the pieces' tokens as weights: nothing is dropped.
        """
        if not texts:
            return np.empty((0, 3))
        owners, pieces = self._pieces(texts)
        scores = np.empty((len(pieces), 3))
        for rows in _batches([len(piece) for piece in pieces]):
            scores[rows] = self._forward([pieces[row] for row in rows])
        weights = np.array([[len(piece)] for piece in pieces], float)
        total, weight = np.zeros((len(texts), 3)), np.zeros((len(texts), 1))
        np.add.at(total, owners, scores * weights)
        np.add.at(weight, owners, weights)
        mean: FloatArray = total / weight
        return mean

    def _pieces(self, texts: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Return the tokens of each piece with [CLS] and [SEP], and the text that each belongs to."""
        encoded = self._tokenizer(
            list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False
        )["input_ids"]
        first, last = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        owners, pieces = [], []
        for row, tokens in enumerate(encoded):
            count = max(1, math.ceil(len(tokens) / self._piece_tokens))
            size = max(1, math.ceil(len(tokens) / count))
            for start in range(0, max(1, len(tokens)), size):
                owners.append(row)
                pieces.append([first, *tokens[start : start + size], last])
        return owners, pieces

    def _forward(self, pieces: Sequence[Sequence[int]]) -> FloatArray:
        import torch

        longest = max(map(len, pieces))
        padding = self._tokenizer.pad_token_id
        tokens = torch.tensor([[*piece, *[padding] * (longest - len(piece))] for piece in pieces])
        lengths = torch.tensor([len(piece) for piece in pieces])
        mask = (torch.arange(longest)[None, :] < lengths[:, None]).long()
        with torch.inference_mode():
            logits = self._model(input_ids=tokens, attention_mask=mask).logits
        answer: FloatArray = logits.double().softmax(dim=-1)[:, self._columns].numpy()
        return answer


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield row numbers, longest first, so that a batch holds neighbours in length and little padding."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def load_finbert(folder: Path) -> FinBert:
    """Return the scorer in a local folder; the web is never asked.

    Its name is ``finbert-ProsusAI@`` and the revision where the folder came by ``fetch_finbert``,
    else ``finbert-local@`` and the beginning of the checksum of its files.

    Raises
    ------
    ConfigurationError
        There is no such folder, or a file is missing in it.
    BadInput
        Its files do not fit each other, or are no BERT with labels positive, neutral, negative.
    """
    _require_files(folder)
    checksums = file_checksums(folder)
    name = _name(folder, checksums)
    model, tokenizer = _load(folder)
    columns = _label_columns(folder, model.config.id2label)
    if len(tokenizer) != model.config.vocab_size or tokenizer.pad_token_id != model.config.pad_token_id:
        raise BadInput(
            f"tokenizer and model in {folder} do not belong together: {len(tokenizer)} tokens with padding "
            f"{tokenizer.pad_token_id}, the model expects {model.config.vocab_size} with padding "
            f"{model.config.pad_token_id}; remove the folder and run `{FETCH_COMMAND}`"
        )
    logger.info("Loaded %s from %s", name, folder)
    return FinBert(name, model, tokenizer, columns)


def file_checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the files that decide a score, by name."""
    names = [
        *WEIGHT_FILES,
        *VOCABULARY_FILES,
        "config.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ]
    return {name: file_sha256(folder / name) for name in sorted(names) if (folder / name).is_file()}


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_files(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigurationError(
            f"there is no FinBERT at {folder}; run `{FETCH_COMMAND}`, or name its folder"
        )
    for names in (("config.json",), WEIGHT_FILES, VOCABULARY_FILES):
        if not any((folder / name).is_file() for name in names):
            raise ConfigurationError(
                f"FinBERT in {folder} is incomplete: {' or '.join(names)} is missing; "
                f"remove the folder and run `{FETCH_COMMAND}`"
            )


def _name(folder: Path, checksums: dict[str, str]) -> str:
    origin_path = folder / ORIGIN_FILE
    if not origin_path.is_file():
        digest = hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()
        return f"finbert-local@{digest[:12]}"
    try:
        origin = json.loads(origin_path.read_text("utf-8"))
        owner, revision, expected = origin["repository"].split("/")[0], origin["revision"], origin["sha256"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{origin_path} does not say repository, revision and sha256 ({error!r}); "
            f"remove {folder} and run `{FETCH_COMMAND}`"
        ) from error
    if expected != checksums:
        raise BadInput(
            f"the files in {folder} are no longer those that were fetched; remove the folder and run "
            f"`{FETCH_COMMAND}`, or remove {origin_path} to use them as a model of your own"
        )
    return f"finbert-{owner}@{revision[:12]}"


def _load(folder: Path) -> tuple[Any, Any]:
    """The one door through which transformers reads a folder."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model, report = AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            dtype=torch.float32,
            weights_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # whatever a damaged file makes torch, safetensors or tokenizers raise
        raise BadInput(
            f"FinBERT in {folder} cannot be read ({type(error).__name__}: {error}); "
            f"remove the folder and run `{FETCH_COMMAND}`"
        ) from error
    unset = sorted({*report["missing_keys"], *(key[0] for key in report["mismatched_keys"])})
    if unset:
        raise BadInput(
            f"the weights in {folder} lack {', '.join(unset[:3])}{' ...' if len(unset) > 3 else ''}: it is "
            f"no fine-tuned FinBERT; remove the folder and run `{FETCH_COMMAND}`"
        )
    return model.eval(), tokenizer


def _label_columns(folder: Path, id2label: dict[int, str]) -> list[int]:
    """Return where the model puts positive, neutral and negative, by the names in its own config."""
    by_name = {str(label).lower(): int(column) for column, label in id2label.items()}
    if sorted(by_name) != sorted(LABELS) or len(id2label) != len(LABELS):
        raise BadInput(
            f"the model in {folder} has the labels {list(id2label.values())}; expected positive, neutral and "
            f"negative in its config.json: name another folder, or run `{FETCH_COMMAND}`"
        )
    return [by_name[label] for label in LABELS]
