"""Choose where blocks of trials run: this process, processes of this machine, or a cluster."""

from __future__ import annotations

from forecasting.search.blocks import Crew, Inline, Pool
from forecasting.series import Panel


def make_crew(panel: Panel, workers: int, cluster: str = "") -> Crew:
    """Return what runs blocks in so many processes, where 1 stays in this one, or on a cluster.

    Raises
    ------
    ConfigError
        A cluster that cannot be used.
    """
    if cluster:
        from forecasting.search.cluster import ClusterCrew  # distributed is optional

        return ClusterCrew(cluster, panel)
    return Inline() if workers <= 1 else Pool(panel, workers)
