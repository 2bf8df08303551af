"""Daily features of posts: what they are, and that no row knows later ones."""

from __future__ import annotations

import numpy as np

from fusion_model.dataset.post_features import ReadPost, post_features

CLOSES = ["2020-01-02T21:00:00Z", "2020-01-03T21:00:00Z", "2020-01-06T21:00:00Z"]
GOOD, BAD, FLAT = (0.8, 0.2, 0.0), (0.1, 0.2, 0.7), (0.1, 0.8, 0.1)
POSTS: list[ReadPost] = [
    ("KO", "2020-01-02T21:00:00Z", *GOOD, 1),  # at the close: Thursday's
    ("KO", "2020-01-02T21:00:01Z", *GOOD, 2),  # after it: Friday's, a copy
    ("KO", "2020-01-03T12:00:00Z", *BAD, 1),
    ("KO", "2020-01-03T13:00:00Z", *FLAT, 1),
    ("KO", "2020-01-06T21:00:01Z", *BAD, 1),  # after the last close
    ("PEP", "2020-01-03T12:00:00Z", *BAD, 4),
]


def test_features_of_a_day() -> None:
    friday = post_features(POSTS, CLOSES, ["KO", "PEP"])[0][1, 0]
    tones, weights = np.array([0.8, -0.6, 0.0]), np.array([0.5, 1.0, 1.0])
    mean = np.average(tones, weights=weights)
    spread = np.sqrt(np.average((tones - mean) ** 2, weights=weights))
    expected = [mean, spread, 0.0, 2 / 3, np.log(4) - np.log(2)]
    np.testing.assert_allclose(friday, expected, atol=1e-12)


def test_day_without_posts_is_unknown_and_quiet() -> None:
    told, count = post_features(POSTS, CLOSES, ["KO", "PEP"])
    assert count.tolist() == [[1, 0], [3, 1], [0, 0]]
    habit = (np.log(2) + np.log(4)) / 2
    np.testing.assert_allclose(told[2, 0], [np.nan, np.nan, 0.0, np.nan, -habit], atol=1e-12)
    np.testing.assert_allclose(told[1, 1], [-0.6, 0.0, -np.log(2), 0.0, np.log(2)], atol=1e-7)
    assert np.isnan(told[0, :, 4]).all()


def test_neither_later_posts_nor_other_tickers_nor_order_change_a_row() -> None:
    told, _ = post_features(POSTS, CLOSES, ["KO", "PEP"])
    np.testing.assert_array_equal(post_features(POSTS[::-1], CLOSES, ["PEP", "KO"])[0][:, ::-1], told)
    np.testing.assert_array_equal(post_features(POSTS, CLOSES[:2], ["KO"])[0], told[:2, :1])
    np.testing.assert_array_equal(post_features([], CLOSES, ["KO"])[0][1:, 0, 2:5:2], np.zeros((2, 2)))
