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

from collectors.errors import BadInput, ConfigurationError
from collectors.progress import Progress, silent
from collectors.sentiment.bert import BertScorer, TokenLayout
from collectors.sentiment.bert_graph import ENCODER, LENGTHS, Ranges, build_graph, graph_inputs
from collectors.sentiment.finbert import FinBert, file_sha256, load_finbert
from collectors.sentiment.installed import CARD_FILE, FAST_FOLDER, FAST_VERSION, FOLDER
from collectors.sentiment.scorer import FloatArray, label_of

logger = logging.getLogger(__name__)

MODEL_FILE, TOKENIZER_FILE = "model.onnx", "tokenizer.json"
QUANTISE_COMMAND = "barograph models quantise"
STAGE = "quantise finbert"

LEAST_AGREEMENT = 0.99
FEWEST_TEXTS = 240  # 200 to compare, under which one text is half a percent, and 40 for the ranges
RANGES_FROM_EVERY = 6  # so many texts one sets the ranges of the 8 bits; labels are compared on the others


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
    """FinBERT's graph in onnxruntime, in batches without padding."""

    batch_lengths = LENGTHS

    def __init__(
        self, name: str, session: Any, tokenizer: Any, columns: Sequence[int], layout: TokenLayout
    ) -> None:
        super().__init__(name, columns, layout)
        self._session = session
        self._tokenizer = tokenizer

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return [found.ids for found in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def logits_of(self, pieces: Sequence[Sequence[int]]) -> FloatArray:
        logits = self._session.run(["logits"], graph_inputs(pieces))[0]
        answer: FloatArray = logits.astype(float)
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
        FinBERT is not there, onnxruntime is not installed, or there are fewer than 240 texts.
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
    others = [text for place, text in enumerate(texts) if place % RANGES_FROM_EVERY]
    progress(STAGE, 0, len(others), "build")
    try:
        fast = build_fast(reference, partial, texts[::RANGES_FROM_EVERY])
        agreement = label_agreement(reference, fast, others, progress)
        switched = agreement >= LEAST_AGREEMENT
        if switched:
            _write_card(partial, fast, len(others), agreement)
            shutil.rmtree(models_dir / FAST_FOLDER, ignore_errors=True)
            partial.rename(models_dir / FAST_FOLDER)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    name = fast.name if switched else reference.name
    logger.info("Labels of %d posts agree to %.1f %%: %s", len(others), 100 * agreement, name)
    return QuantiseReport(name, len(others), agreement, switched)


def build_fast(reference: FinBert, folder: Path, texts: Sequence[str]) -> FastFinBert:
    """Write graph and tokenizer into a folder and return the scorer; in 32 bits where there are no ``texts``.

    The scales of the 8 bits are those of the reference's own numbers while it reads ``texts``.
    """
    import onnx

    ranges = input_ranges(reference, texts) if texts else None
    model = build_graph(reference.model.state_dict(), reference.model.config, ranges)
    onnx.save(model, folder / MODEL_FILE)
    reference.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILE))
    name = reference.name + _mark(file_sha256(folder / MODEL_FILE))
    return _open(folder, name, reference.columns, reference.layout)


def input_ranges(reference: FinBert, texts: Sequence[str]) -> Ranges:
    """Return the least and greatest value of each input column of the encoder's matrices over some texts."""
    import torch

    found: dict[str, tuple[Any, Any]] = {}

    def note(name: str, given: Any) -> None:
        columns = given.flatten(0, 1)
        low, high = found.get(name, (columns[0], columns[0]))
        found[name] = torch.minimum(low, columns.amin(0)), torch.maximum(high, columns.amax(0))

    hooks = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: note(name, inputs[0]))
        for name, module in reference.model.named_modules()
        if name.startswith(ENCODER) and isinstance(module, torch.nn.Linear)
    ]
    reference.every_token = True  # the last layer's ranges too are those of all tokens: of more numbers
    try:
        for piece in reference.pieces(texts)[1]:  # one by one: padding is no value of a text's
            reference.logits_of([piece])
    finally:
        reference.every_token = False
        for hook in hooks:
            hook.remove()
    return {name: (low.numpy(), high.numpy()) for name, (low, high) in found.items()}


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
        The folder is damaged, or an earlier version made it.
    """
    _require_onnxruntime()
    try:
        card = Card(**json.loads((folder / CARD_FILE).read_text("utf-8")))
        found = {name: file_sha256(folder / name) for name in (MODEL_FILE, TOKENIZER_FILE)}
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(folder, f"{type(error).__name__}: {error}") from error
    if found != card.sha256:
        raise _unusable(folder, "its files are no longer those that were checked")
    if not card.name.endswith(_mark(found[MODEL_FILE])):
        raise _unusable(folder, "an earlier version of Barograph made it")
    return _open(folder, card.name, card.columns, TokenLayout(**card.layout))


def _mark(graph_sha256: str) -> str:
    """Return the end of a scorer's name: made from other posts, a graph gives other scores."""
    return FAST_VERSION + graph_sha256[:8]


def _open(folder: Path, name: str, columns: Sequence[int], layout: TokenLayout) -> FastFinBert:
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # see BertScorer
    # Its further levels fuse Add and LayerNormalization into an operator that is seven times slower.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
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


def _unusable(folder: Path, reason: str) -> BadInput:
    return BadInput(
        f"the fast FinBERT in {folder} cannot be used ({reason}); run `{QUANTISE_COMMAND}` again, or remove "
        "the folder to go on with the reference"
    )
