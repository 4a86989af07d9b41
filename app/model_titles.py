"""Names of models for people, without the import of the baselines at the start."""

from __future__ import annotations


def model_title(model: str) -> str:
    """Return the name of a model for people; see :func:`forecasting.baselines.model_title`."""
    from forecasting import baselines

    return baselines.model_title(model)
