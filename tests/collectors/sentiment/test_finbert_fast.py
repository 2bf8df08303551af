"""FinBERT in 8 bits: the same labels, the same score in any company, and no switch without a check."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from collectors.errors import BadInput, ConfigurationError
from collectors.sentiment import finbert_fast
from collectors.sentiment.finbert import FinBert, load_finbert
from collectors.sentiment.finbert_fast import FastFinBert, build_fast, load_fast_finbert, quantise_finbert
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
    return build_fast(reference, tmp_path_factory.mktemp("fast"))


def test_graph_in_32_bits_answers_as_the_model_does(reference: FinBert, tmp_path: Path) -> None:
    exact = build_fast(reference, tmp_path, quantise=False)
    np.testing.assert_allclose(exact.score(texts(40)), reference.score(texts(40)), atol=2e-5)


def test_8_bits_stay_near(reference: FinBert, fast: FastFinBert) -> None:
    apart = abs(fast.score(texts(40)) - reference.score(texts(40)))
    assert 1e-4 < np.median(apart.max(axis=1)) < 0.05


def test_company_does_not_change_a_stored_score(fast: FastFinBert) -> None:
    together = stored_probabilities(fast.score(texts(20)))
    alone = stored_probabilities(np.concatenate([fast.score([text]) for text in texts(20)]))
    np.testing.assert_array_equal(together, alone)


def test_switch_needs_agreement_and_is_then_the_choice(
    models: Path, reference: FinBert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finbert_fast, "FEWEST_TEXTS", 20)
    monkeypatch.setattr(finbert_fast, "LEAST_AGREEMENT", 1.01)
    report = quantise_finbert(models, texts(20))
    assert (report.switched, report.scorer, report.texts) == (False, reference.name, 20)
    assert [path.name for path in models.iterdir()] == ["finbert"]

    monkeypatch.setattr(finbert_fast, "LEAST_AGREEMENT", 0.5)  # a random model has many ties
    report = quantise_finbert(models, texts(20))
    assert report.switched
    chosen = choose_scorer(models)
    assert isinstance(chosen, FastFinBert)
    assert chosen.name == report.scorer == reference.name + "+int8"
    assert choose_scorer(models, models / "finbert").name == reference.name


def test_folder_that_changed_is_refused(models: Path, reference: FinBert, tmp_path: Path) -> None:
    build_fast(reference, tmp_path)
    with pytest.raises(BadInput, match=r"fast\.json.*run `barograph models quantise` again"):
        load_fast_finbert(tmp_path)
    card = {"name": "x", "columns": [0, 2, 1], "layout": {}, "texts": 1, "agreement": 1.0, "sha256": {}}
    (tmp_path / "fast.json").write_text(json.dumps(card))
    with pytest.raises(BadInput, match="no longer those that were checked"):
        load_fast_finbert(tmp_path)


def test_too_few_posts_are_no_check(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="of which there are 3"):
        quantise_finbert(tmp_path, texts(3))
