"""Forecasters and their calibration."""
