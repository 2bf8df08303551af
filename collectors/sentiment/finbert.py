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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from collectors.errors import BadInput, ConfigurationError
from collectors.sentiment.bert import BertScorer, TokenLayout
from collectors.sentiment.scorer import LABELS, FloatArray

logger = logging.getLogger(__name__)

REPOSITORY = "ProsusAI/finbert"
REVISION = "4556d13015211d73dccd3fdd39d39232506f3e43"
ORIGIN_FILE = "origin.json"  # written last by fetch_finbert: where the files came from, and their SHA-256
FETCH_COMMAND = "barograph models fetch"

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
VOCABULARY_FILES = ("tokenizer.json", "vocab.txt")


class FinBert(BertScorer):
    """The reference path: torch in float32."""

    def __init__(self, name: str, model: Any, tokenizer: Any, columns: Sequence[int]) -> None:
        layout = TokenLayout(
            first=tokenizer.cls_token_id,
            last=tokenizer.sep_token_id,
            padding=tokenizer.pad_token_id,
            piece_tokens=model.config.max_position_embeddings - 2,  # beside [CLS] and [SEP]
        )
        super().__init__(name, columns, layout)
        self.model = model
        self.every_token = False  # also what the last layer makes of tokens that nothing reads
        self._leave_out_unread_tokens()
        self.tokenizer = tokenizer

    def _leave_out_unread_tokens(self) -> None:
        """Behind attention, a BERT's last layer goes on with the first token alone, the one that is read."""
        from transformers import BertForSequenceClassification

        def first_token(_module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            return inputs if self.every_token else tuple(given[:, :1] for given in inputs)

        if isinstance(self.model, BertForSequenceClassification):
            last: Any = self.model.bert.encoder.layer[-1]
            last.attention.output.register_forward_pre_hook(first_token)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        encoded: list[list[int]] = self.tokenizer(
            list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False
        )["input_ids"]
        return encoded

    @contextmanager
    def _one_thread_each(self) -> Iterator[None]:
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)

    def logits_of(self, pieces: Sequence[Sequence[int]]) -> FloatArray:
        import torch

        tokens = np.full((len(pieces), max(map(len, pieces))), self.layout.padding)
        mask = np.zeros_like(tokens)
        for row, piece in enumerate(pieces):
            tokens[row, : len(piece)] = piece
            mask[row, : len(piece)] = 1
        with torch.inference_mode():
            logits = self.model(
                input_ids=torch.from_numpy(tokens), attention_mask=torch.from_numpy(mask)
            ).logits
        answer: FloatArray = logits.double().numpy()
        return answer


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
