"""How fast and how right posts are read: every bar of docs/sentiment.md, measured in one run.

    python benchmarks/sentiment.py ../shared/data [--posts 400]

FinBERT's speed is that of a randomly initialised model of its size (BERT base) on real posts; it does not
depend on the weights. Speeds are posts per second of processor time, that of all threads together, and stand
beside transformers' pipeline with its defaults: one text at a time, as they come. All are timed twice, on
one thread and on all cores, the pipeline then on every fifth post with as many threads as torch takes by
default, which on a busy machine burn most of their time waiting for each other. (Two threads that share a
core get less done in a second of it than one does.) Each round times all paths one after the other on the
same posts, so that a busy machine is busy for all of them alike, and the ratios are medians over the rounds.
Linux only.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import numpy as np  # noqa: E402

from collectors.sentiment.scorer import LABELS  # noqa: E402
from collectors.sentiment.texts import is_scorable, post_text  # noqa: E402

POST_FILES = ("wallstreetbets_2020_2021.csv.gz", "wallstreetbets_big_2020_2021.csv.gz")
ROUNDS = 2  # of about as many posts as `barograph score` reads at once
MORE_THREADS_EVERY = 5
SEED = 3
BASE_VOCABULARY, SMALL_VOCABULARY = 30522, 4000
FINBERT_LABELS = ("positive", "negative", "neutral")
STORED_POSTS = 100_000
NOW = "2021-02-08T00:00:00Z"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--posts", type=int, default=400)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)  # a process of its own
    options = parser.parse_args()
    if options.memory_of:
        print(memory_of_fast_path(options.memory_of))
        return
    posts = read_posts(options.data / "posts")
    headlines = options.data / "sentiment" / "sentfin_headlines.csv"
    chosen = [posts[k] for k in np.random.default_rng(SEED).choice(len(posts), options.posts, replace=False)]
    with tempfile.TemporaryDirectory() as folder:
        compare_speed(chosen, posts, Path(folder))
        compare_labels(headlines, Path(folder))
        measure_compact(headlines, posts, Path(folder))
    measure_mentions()


def read_posts(folder: Path) -> list[str]:
    csv.field_size_limit(2**31 - 1)
    texts = []
    for name in POST_FILES:
        with gzip.open(folder / name, "rt", encoding="utf-8", errors="replace") as file:
            texts += [post_text(row["title"], row["text"]) for row in csv.DictReader(file)]
    return [text for text in texts if is_scorable(text)]


def bar(what: str, measured: str, wanted: str, met: bool) -> None:
    print(f"{'ok  ' if met else 'MISS'} {what:62s} {measured:>22s}   bar {wanted}", flush=True)


def compare_speed(texts: Sequence[str], corpus: Sequence[str], folder: Path) -> None:
    """FinBERT's size: transformers' pipeline with its defaults, our reference, our fast path."""
    import torch
    from transformers import pipeline

    from collectors.sentiment.bert import BertScorer
    from collectors.sentiment.finbert import load_finbert
    from collectors.sentiment.finbert_fast import build_fast

    base, fast_folder, exact_folder = folder / "base", folder / "fast", folder / "exact"
    save_random_bert(base, corpus, BASE_VOCABULARY)
    reference = load_finbert(base)
    fast_folder.mkdir()
    # Random weights have random labels: the ranges need not be those of posts that are timed.
    fast = build_fast(reference, fast_folder, corpus[:40])
    exact_folder.mkdir()
    exact = build_fast(reference, exact_folder, [])
    theirs = pipeline("text-classification", str(base), tokenizer=reference.tokenizer, truncation=True)
    tokens = [len(piece) for piece in reference.pieces(texts)[1]]
    print(f"{len(texts)} posts, {np.mean(tokens):.0f} tokens a piece on average, the longest {max(tokens)}")

    def theirs_on_one_thread(some: list[str]) -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        theirs(some)
        torch.set_num_threads(threads)

    def ours_on_one_thread(scorer: BertScorer) -> Callable[[list[str]], None]:
        def score(some: list[str]) -> None:
            scorer.workers = 1
            scorer.score(some)
            scorer.workers = BertScorer.workers

        return score

    times, waiting = [], []
    for part in np.array_split(np.array(texts, object), ROUNDS):
        ours = (reference.score, fast.score, *map(ours_on_one_thread, (reference, fast, exact)))
        paths = (theirs_on_one_thread, *ours)
        times.append([seconds(path, part.tolist()) / len(part) for path in paths])
        some = part[::MORE_THREADS_EVERY].tolist()
        waiting.append(seconds(theirs, some) / seconds(theirs_on_one_thread, some))
    print("posts/s of one core by round: pipeline on one thread, reference, fast;")
    print("on one thread reference, fast, and the fast path's graph in 32 bits")
    print(np.round(1 / np.array(times), 1).tolist())
    for column, (name, wanted) in enumerate((("reference", 1.5), ("fast", 8.0)), start=1):
        all_threads = waiting * np.array([row[0] / row[column] for row in times])
        one_thread = np.array([row[0] / row[column + 2] for row in times])
        for ratio, threads in ((all_threads, torch.get_num_threads()), (one_thread, 1)):
            what = f"FinBERT, {name} path against transformers.pipeline, {threads} thread(s)"
            bar(what, f"{np.median(ratio):.1f}x", f">= {wanted}x", np.median(ratio) >= wanted)
    memory = float(run_alone(["--memory-of", str(fast_folder)]))
    bar("memory of the fast path", f"{memory:.0f} MB", "<= 450 MB", memory <= 450)
    shutil.rmtree(fast_folder)


def seconds(work: Callable[[list[str]], Any], texts: list[str]) -> float:
    start = time.process_time()
    work(texts)
    return time.process_time() - start


def run_alone(arguments: Sequence[str]) -> str:
    command = [sys.executable, __file__, sys.argv[1], *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def memory_of_fast_path(folder: Path) -> float:
    """Return the greatest memory of this process, MB, after long and short texts through the fast path."""
    from collectors.sentiment.bert import TokenLayout
    from collectors.sentiment.finbert_fast import _open

    scorer = _open(folder, "fast", [0, 2, 1], TokenLayout(2, 3, 0, 510))
    scorer.score(["to the moon " * 600, "profit", "the bank cuts its guidance " * 40])
    # Not resource.getrusage: on Linux its maximum begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def save_random_bert(folder: Path, corpus: Sequence[str], vocabulary: int, **config: Any) -> None:
    """Write a BERT with random weights and a vocabulary learned from texts, as FinBERT lies on the hub."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(SEED)
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(corpus, vocab_size=vocabulary, show_progress=False)
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    words += [f"[unused{number}]" for number in range(vocabulary - len(words))]
    names = dict(enumerate(FINBERT_LABELS))
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=vocabulary,
            pad_token_id=words.index("[PAD]"),
            id2label=names,
            label2id={label: number for number, label in names.items()},
            **config,
        )
    )
    folder.mkdir()
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    settings = {"do_lower_case": True, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")


def compare_labels(headlines: Path, folder: Path) -> None:
    """A small BERT, trained here: do its copies in 32 and 8 bits say the same of headlines it never saw?"""
    from fit_compact_scorer import assign_folds, macro_f1, read_headlines

    from collectors.sentiment.finbert import load_finbert
    from collectors.sentiment.finbert_fast import build_fast, label_agreement

    texts, labels = read_headlines(headlines)
    unseen = assign_folds(texts) == 0
    small = folder / "small"
    shape = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512}
    save_random_bert(small, texts, SMALL_VOCABULARY, **shape)
    train(small, [texts[k] for k in np.flatnonzero(~unseen)], labels[~unseen])
    reference = load_finbert(small)
    some = [texts[k] for k in np.flatnonzero(unseen)]
    f1 = macro_f1(labels[unseen], reference.score(some).argmax(axis=1))
    print(
        f"a BERT of 4 layers of 128, trained on {(~unseen).sum()} headlines: "
        f"macro-F1 {f1:.3f} on {len(some)} others"
    )
    read = [texts[k] for k in np.flatnonzero(~unseen)[:60]]  # they set the ranges of the 8 bits
    for name, ranges_from, wanted in (("32 bits", [], 1.0), ("8 bits", read, 0.99)):
        (folder / name).mkdir()
        agreement = label_agreement(reference, build_fast(reference, folder / name, ranges_from), some)
        bar(f"labels of the fast path, {name}", f"{agreement:.2%}", f">= {wanted:.0%}", agreement >= wanted)


def train(
    folder: Path,
    texts: Sequence[str],
    labels: np.ndarray,
    epochs: int = 6,
    batch: int = 64,
    rate: float = 5e-4,
) -> None:
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = BertForSequenceClassification.from_pretrained(folder).train()
    columns = torch.tensor([FINBERT_LABELS.index(LABELS[label]) for label in labels])
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
    order = np.random.default_rng(SEED)
    for _ in range(epochs):
        for rows in np.array_split(order.permutation(len(texts)), len(texts) // batch):
            given = tokenizer([texts[row] for row in rows], padding=True, return_tensors="pt")
            loss = model(**given, labels=columns[torch.from_numpy(rows)]).loss
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
    model.save_pretrained(folder)


def measure_compact(headlines: Path, posts: Sequence[str], folder: Path) -> None:
    from fit_compact_scorer import FOLDS, assign_folds, fit, macro_f1, read_headlines

    from collectors import store
    from collectors.records import Post
    from collectors.sentiment.compact import CompactScorer
    from collectors.sentiment.scoring import TEXTS_PER_BATCH as BATCH
    from collectors.sentiment.scoring import score_new_posts

    texts, labels = read_headlines(headlines)
    folds, answer = assign_folds(texts), np.empty((len(texts), 3))
    for fold in range(FOLDS):
        inside = np.flatnonzero(folds != fold)
        scorer = CompactScorer(fit([texts[k] for k in inside], labels[inside]))
        answer[folds == fold] = scorer.score([texts[k] for k in np.flatnonzero(folds == fold)])
    f1 = macro_f1(labels, answer.argmax(axis=1))
    bar(f"compact scorer, macro-F1 of {FOLDS} folds of headlines", f"{f1:.3f}", ">= .82", f1 >= 0.82)

    scorer = CompactScorer()
    scorer.score(posts[:1])
    took = seconds(
        lambda texts: [scorer.score(texts[k : k + BATCH]) for k in range(0, len(texts), BATCH)], list(posts)
    )
    speed = len(posts) / took
    what = f"compact scorer, posts/s of one core ({np.mean([*map(len, posts)]):.0f} characters)"
    bar(what, f"{speed:,.0f}", ">= 10,000", speed >= 10_000)

    db = store.open_database(folder / "facts.db")
    written = [  # each post a few times with its number, so that none is a copy
        Post(f"p{k:06d}", "reddit", "wsb", "", f"{posts[k % len(posts)]} {k}", 0, 0, NOW, NOW)
        for k in range(STORED_POSTS)
    ]
    store.save_posts(db, written, [])
    start = time.perf_counter()
    scored = score_new_posts(db, scorer, now=NOW)
    took = time.perf_counter() - start
    db.close()
    bar(f"{scored:,} posts scored by it into SQLite", f"{took:.1f} s", "<= 60 s", took <= 60)


def measure_mentions() -> None:
    from tests.collectors.test_mentions_answers import ANSWERS, precision_and_recall

    with ANSWERS.open(encoding="utf-8", newline="") as file:
        precision, recall = precision_and_recall(list(csv.DictReader(file)))
    met = precision >= 0.95 and recall >= 0.85
    bar("mentions in 300 posts, precision / recall", f"{precision:.3f} / {recall:.3f}", ">= .95 / .85", met)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if "--memory-of" not in sys.argv:
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
    main()
