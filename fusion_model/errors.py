"""Errors of the fusion model, named by what the caller does next.

FusionModelError
├── NotEnoughHistory   too few sessions for what was asked: collect or import more, or ask for less
├── NoModel            nothing has been trained yet: train first
├── TrainingFailed     training came to no figure: look at the data, or train with other settings
├── CheckpointError    the saved model cannot be used: train again
└── WorkerLost         a process that computed for us has ended: run again, with fewer of them
"""

from __future__ import annotations


class FusionModelError(Exception):
    """Base of everything the fusion model raises on purpose."""


class NotEnoughHistory(FusionModelError):
    """The record holds too few sessions for what was asked."""


class NoModel(FusionModelError):
    """No trained model is stored."""


class TrainingFailed(FusionModelError):
    """Training came to no finite loss."""


class CheckpointError(FusionModelError):
    """A saved model is incomplete, damaged, or of another version."""


class WorkerLost(FusionModelError):
    """A process that computed folds of a backtest ended before its answer came."""
