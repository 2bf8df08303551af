"""FinBERT in 8 bits: the same labels, the same score in any company, and no switch without a check."""

from __future__ import annotations

import copy
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from collectors.errors import BadInput, ConfigurationError
from collectors.sentiment import bert_graph, finbert_fast
from collectors.sentiment.bert import batches
from collectors.sentiment.bert_graph import LENGTHS, PARTS, graph_inputs
from collectors.sentiment.finbert import FinBert, load_finbert
from collectors.sentiment.finbert_fast import (
    FastFinBert,
    build_fast,
    input_ranges,
    load_fast_finbert,
    quantise_finbert,
)
from collectors.sentiment.scorer import stored_probabilities
from collectors.sentiment.scoring import choose_scorer
from tests.collectors.sentiment.conftest import WORDS

pytest.importorskip("onnxruntime", reason="the extra `fast` is not installed")


def texts(count: int) -> list[str]:
    random = np.random.default_rng(1)
    return [" ".join(random.choice(WORDS, random.integers(1, 90))) for _ in range(count)]


@pytest.fixture(scope="module")
def models(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(checkpoint, folder / "finbert")
    return folder


@pytest.fixture(scope="module")
def reference(models: Path) -> FinBert:
    return load_finbert(models / "finbert")


@pytest.fixture(scope="module")
def fast(reference: FinBert, tmp_path_factory: pytest.TempPathFactory) -> FastFinBert:
    return build_fast(reference, tmp_path_factory.mktemp("fast"), texts(80)[40:])


def test_graph_in_32_bits_answers_as_the_model_does(reference: FinBert, tmp_path: Path) -> None:
    exact = build_fast(reference, tmp_path, [])
    np.testing.assert_allclose(exact.score(texts(40)), reference.score(texts(40)), atol=2e-5)


def test_8_bits_stay_near(reference: FinBert, fast: FastFinBert) -> None:
    apart = abs(fast.score(texts(40)) - reference.score(texts(40)))
    assert 1e-4 < np.median(apart.max(axis=1)) < 0.05


def test_one_column_of_large_numbers_does_not_spoil_the_others(
    reference: FinBert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    scaled = copy.deepcopy(reference)
    with torch.no_grad():
        for layer in scaled.model.bert.encoder.layer:
            layer.intermediate.dense.weight[5] *= 100
            layer.output.dense.weight[:, 5] /= 100
    right, apart = scaled.score(texts(40)), []
    for name in ("balanced", "as it is"):
        (tmp_path / name).mkdir()
        fast = build_fast(scaled, tmp_path / name, texts(80)[40:])
        apart.append(abs(fast.score(texts(40)) - right).mean())
        monkeypatch.setattr(bert_graph, "_balance", lambda inputs, _: np.ones_like(inputs))
    assert apart[0] < apart[1] / 2


def test_company_does_not_change_a_stored_score(fast: FastFinBert) -> None:
    some = [text for text in texts(20) for text in (text, text.replace("apple", "bank"))]  # of equal lengths
    lengths = [len(piece) for piece in fast.pieces(some)[1]]
    held = [{lengths[row] for row in rows} for rows in batches(lengths, fast.batch_tokens, LENGTHS)]
    assert max(map(len, held)) > 4
    together = stored_probabilities(fast.score(some))
    alone = stored_probabilities(np.concatenate([fast.score([text]) for text in some]))
    np.testing.assert_array_equal(together, alone)


def test_a_batch_may_hold_as_many_lengths_as_the_graph_takes(fast: FastFinBert) -> None:
    pieces = fast.pieces([" ".join(WORDS[:count]) for count in range(LENGTHS, 0, -1)])[1]
    assert len({len(piece) for piece in pieces}) == LENGTHS
    alone = np.concatenate([fast.logits_of([piece]) for piece in pieces])
    np.testing.assert_allclose(fast.logits_of(pieces), alone, atol=1e-6)
    with pytest.raises(IndexError):
        fast.logits_of([*pieces, pieces[0]])


def test_graph_is_given_the_texts_one_after_the_other() -> None:
    given = graph_inputs([[2, 8, 3], [2, 9, 3], [2, 3]])
    assert given["input_ids"].tolist() == [[2, 8, 3, 2, 9, 3, 2, 3]]
    assert given["places"].tolist() == [[0, 1, 2, 0, 1, 2, 0, 1]]
    assert given["firsts"].tolist() == [0, 3, 6]
    assert given["groups"].tolist() == [[2, 3], [1, 2], *[[0, 1]] * (LENGTHS - 2)]


def test_products_fit_into_16_bits_two_by_two(reference: FinBert, tmp_path: Path) -> None:
    """Else a processor without VNNI cuts them off, and gives other scores than one that has it."""
    import onnx
    from onnx import numpy_helper

    build_fast(reference, tmp_path, texts(80)[40:])
    constants = map(numpy_helper.to_array, onnx.load(tmp_path / "model.onnx").graph.initializer)
    matrices = [array.astype(int) for array in constants if array.dtype == np.int8 and array.ndim == 2]
    assert len(matrices) == 2 * (5 + PARTS)  # query, key, value, output, narrow and the parts of wide
    for matrix in matrices:
        assert abs(matrix).max() > 60
        assert abs(matrix[::2] + matrix[1::2]).max() * 255 < 2**15


def test_ranges_are_those_of_what_each_matrix_is_given(reference: FinBert) -> None:
    import torch

    ranges = input_ranges(reference, ["apple beats estimates", "shares fall"])
    assert len(ranges) == 2 * 6  # query, key, value, output, wide, narrow of each layer
    bert = reference.model.bert
    found = [
        bert.embeddings(torch.tensor([piece]))
        for piece in reference.pieces(["apple beats estimates", "shares fall"])[1]
    ]
    low = torch.cat([piece[0] for piece in found]).min(dim=0).values
    np.testing.assert_allclose(ranges["bert.encoder.layer.0.attention.self.key"][0], low.detach(), atol=1e-6)


def test_ranges_of_the_last_layer_are_those_of_all_tokens(reference: FinBert) -> None:
    name = "bert.encoder.layer.1.attention.output.dense"
    several, same_first = input_ranges(reference, ["apple beats estimates"])[name], []
    layer = reference.model.bert.encoder.layer[1].attention.output.dense
    hook = layer.register_forward_pre_hook(lambda _, inputs: same_first.append(inputs[0]))
    reference.score(["apple beats estimates"])
    hook.remove()
    assert same_first[0].shape[1] == 1  # a score needs the first alone
    assert (several[1] > same_first[0][0, 0].numpy()).any()


def test_switch_needs_agreement_and_is_then_the_choice(
    models: Path, reference: FinBert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finbert_fast, "FEWEST_TEXTS", 24)
    monkeypatch.setattr(finbert_fast, "LEAST_AGREEMENT", 1.01)
    report = quantise_finbert(models, texts(24))
    assert (report.switched, report.scorer, report.texts) == (False, reference.name, 20)
    assert [path.name for path in models.iterdir()] == ["finbert"]

    monkeypatch.setattr(finbert_fast, "LEAST_AGREEMENT", 0.5)  # a random model has many ties
    report = quantise_finbert(models, texts(24))
    assert report.switched
    chosen = choose_scorer(models)
    assert isinstance(chosen, FastFinBert)
    assert chosen.name == report.scorer
    assert re.fullmatch(re.escape(reference.name) + r"\+int8-4\.[0-9a-f]{8}", chosen.name)
    assert choose_scorer(models, models / "finbert").name == reference.name


def test_folder_that_changed_is_refused(models: Path, reference: FinBert, tmp_path: Path) -> None:
    build_fast(reference, tmp_path, texts(2))
    with pytest.raises(BadInput, match=r"fast\.json.*run `barograph models quantise` again"):
        load_fast_finbert(tmp_path)
    card = {"name": "x", "columns": [0, 2, 1], "layout": {}, "texts": 1, "agreement": 1.0, "sha256": {}}
    (tmp_path / "fast.json").write_text(json.dumps(card))
    with pytest.raises(BadInput, match="no longer those that were checked"):
        load_fast_finbert(tmp_path)


@pytest.mark.parametrize("mark", ["+int8", "+int8-3", "+int8-4.00000000"])
def test_folder_of_an_earlier_version_is_asked_to_be_made_anew(
    mark: str, reference: FinBert, tmp_path: Path
) -> None:
    fast = build_fast(reference, tmp_path, texts(2))
    finbert_fast._write_card(tmp_path, fast, 300, 1.0)
    assert load_fast_finbert(tmp_path).name == fast.name
    card = json.loads((tmp_path / "fast.json").read_text("utf-8"))
    (tmp_path / "fast.json").write_text(json.dumps(card | {"name": reference.name + mark}))
    with pytest.raises(BadInput, match=r"earlier version.*run `barograph models quantise` again"):
        load_fast_finbert(tmp_path)


def test_a_graph_made_from_other_posts_is_another_scorer(
    reference: FinBert, fast: FastFinBert, tmp_path: Path
) -> None:
    for name, read in (("same", texts(80)[40:]), ("other", texts(80)[:40])):
        (tmp_path / name).mkdir()
        again = build_fast(reference, tmp_path / name, read)
        assert (again.name == fast.name) == (name == "same")


def test_too_few_posts_are_no_check(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="of which there are 3"):
        quantise_finbert(tmp_path, texts(3))
