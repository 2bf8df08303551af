"""FinBERT in 8 bits through onnxruntime: made from the fetched model, and used only where it says the same.

``quantise_finbert`` builds it, lets both read some of the person's own posts, and puts it in its place only
if at least 99 % of the labels agree. It needs neither torch nor transformers to run.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from collectors.errors import BadInput, ConfigurationError
from collectors.progress import Progress, silent
from collectors.sentiment.bert import BertScorer, TokenArray, TokenLayout
from collectors.sentiment.bert_graph import build_graph
from collectors.sentiment.finbert import FinBert, file_sha256, load_finbert
from collectors.sentiment.installed import CARD_FILE, FAST_FOLDER, FOLDER
from collectors.sentiment.scorer import FloatArray, label_of

logger = logging.getLogger(__name__)

MODEL_FILE, TOKENIZER_FILE = "model.onnx", "tokenizer.json"
QUANTISE_COMMAND = "barograph models quantise"
SUFFIX = "+int8"  # of the reference's name: other scores than its own
STAGE = "quantise finbert"

LEAST_AGREEMENT = 0.99
FEWEST_TEXTS = 200  # under which one text is half a percent


@dataclass(frozen=True, slots=True)
class Card:
    """What the fast folder is: made from which model, how it cuts texts, and how it was checked."""

    name: str
    columns: list[int]
    layout: dict[str, int]
    texts: int
    agreement: float
    sha256: dict[str, str]


class FastFinBert(BertScorer):
    """FinBERT's graph in onnxruntime.

    In 8 bits every tensor is scaled by its own largest value, that of a batch by its largest text. So each
    text is computed alone: company would move a score in the second decimal, and gained 5 % of speed.
    """

    batch_tokens = 1

    def __init__(
        self, name: str, session: Any, tokenizer: Any, columns: Sequence[int], layout: TokenLayout
    ) -> None:
        super().__init__(name, columns, layout)
        self._session = session
        self._tokenizer = tokenizer

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return [found.ids for found in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def _logits(self, tokens: TokenArray, lengths: TokenArray) -> FloatArray:
        given = {"input_ids": tokens.astype(np.int32), "lengths": lengths.astype(np.int32)}
        answer: FloatArray = self._session.run(["logits"], given)[0].astype(float)
        return answer


@dataclass(frozen=True, slots=True)
class QuantiseReport:
    """How many of the texts both gave the same label, and whether the fast path is used from now on."""

    scorer: str
    texts: int
    agreement: float
    switched: bool


def quantise_finbert(
    models_dir: Path, texts: Sequence[str], *, progress: Progress = silent
) -> QuantiseReport:
    """Make the fast FinBERT of the one in ``models_dir``, and switch over if 99 % of the labels agree.

    Raises
    ------
    ConfigurationError
        FinBERT is not there, onnxruntime is not installed, or there are fewer than 200 texts.
    """
    if len(texts) < FEWEST_TEXTS:
        raise ConfigurationError(
            f"the fast FinBERT is checked on posts of yours, of which there are {len(texts)}; collect or "
            f"import at least {FEWEST_TEXTS}, then run `{QUANTISE_COMMAND}` again"
        )
    _require_onnxruntime()
    reference = load_finbert(models_dir / FOLDER)
    partial = models_dir / f"{FAST_FOLDER}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    progress(STAGE, 0, len(texts), "build")
    try:
        fast = build_fast(reference, partial)
        agreement = label_agreement(reference, fast, texts, progress)
        switched = agreement >= LEAST_AGREEMENT
        if switched:
            _write_card(partial, fast, len(texts), agreement)
            shutil.rmtree(models_dir / FAST_FOLDER, ignore_errors=True)
            partial.rename(models_dir / FAST_FOLDER)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    name = fast.name if switched else reference.name
    logger.info("Labels of %d posts agree to %.1f %%: %s", len(texts), 100 * agreement, name)
    return QuantiseReport(name, len(texts), agreement, switched)


def build_fast(reference: FinBert, folder: Path, *, quantise: bool = True) -> FastFinBert:
    """Write graph and tokenizer into a folder and return the scorer; in 32 bits where ``quantise`` is off."""
    import onnx

    model = build_graph(reference.model.state_dict(), reference.model.config)
    if quantise:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        # Fused operators have no shapes to infer types from, so the type is told.
        options = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(
            model, folder / MODEL_FILE, weight_type=QuantType.QInt8, per_channel=True, extra_options=options
        )
    else:
        onnx.save(model, folder / MODEL_FILE)
    tokenizer = reference.tokenizer.backend_tokenizer
    tokenizer.save(str(folder / TOKENIZER_FILE))
    return _open(folder, reference.name + SUFFIX, reference.columns, reference.layout)


def label_agreement(
    reference: BertScorer, fast: BertScorer, texts: Sequence[str], progress: Progress = silent
) -> float:
    """Return the share of texts that both give the same label."""
    same, step = 0, 20
    for start in range(0, len(texts), step):
        some = texts[start : start + step]
        pairs = zip(reference.score(some).tolist(), fast.score(some).tolist(), strict=True)
        same += sum(label_of(one) == label_of(other) for one, other in pairs)
        progress(STAGE, start + len(some), len(texts), "compare labels")
    return same / len(texts)


def load_fast_finbert(folder: Path) -> FastFinBert:
    """Return the scorer that ``quantise_finbert`` put into a folder.

    Raises
    ------
    ConfigurationError
        onnxruntime is not installed.
    BadInput
        The folder is damaged.
    """
    _require_onnxruntime()
    try:
        card = Card(**json.loads((folder / CARD_FILE).read_text("utf-8")))
        found = {name: file_sha256(folder / name) for name in (MODEL_FILE, TOKENIZER_FILE)}
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(folder, f"{type(error).__name__}: {error}") from error
    if found != card.sha256:
        raise _damaged(folder, "its files are no longer those that were checked")
    return _open(folder, card.name, card.columns, TokenLayout(**card.layout))


def _open(folder: Path, name: str, columns: Sequence[int], layout: TokenLayout) -> FastFinBert:
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # see BertScorer
    options.log_severity_level = 3
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    session = onnxruntime.InferenceSession(folder / MODEL_FILE, options, providers=["CPUExecutionProvider"])
    logger.info("Loaded %s from %s", name, folder)
    return FastFinBert(name, session, tokenizer, columns, layout)


def _write_card(folder: Path, fast: FastFinBert, texts: int, agreement: float) -> None:
    sums = {name: file_sha256(folder / name) for name in (MODEL_FILE, TOKENIZER_FILE)}
    card = Card(fast.name, fast.columns, asdict(fast.layout), texts, agreement, sums)
    (folder / CARD_FILE).write_text(json.dumps(asdict(card), indent=1) + "\n", "utf-8")


def _require_onnxruntime() -> None:
    try:
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            "the fast FinBERT needs onnxruntime, which is not installed; run `pip install 'barograph[fast]'`"
            f", or remove the folder {FAST_FOLDER} to go on with the reference"
        ) from error


def _damaged(folder: Path, reason: str) -> BadInput:
    return BadInput(
        f"the fast FinBERT in {folder} cannot be used ({reason}); run `{QUANTISE_COMMAND}` again, or remove "
        "the folder to go on with the reference"
    )
