"""A paper account's day: propose within limits, fill what was approved; read once, think, write once.

Choices come down as arguments: ``Terms`` (what the person set) and ``Decision`` (what they said to an order).
Nothing here approves anything, and nothing is filled or sent without a decision.
"""
