"""Living forecasts: what a watch looks at, when it loads, and what it tells."""

from forecasting.watch.alerts import network_alerts
from forecasting.watch.due import is_due
from forecasting.watch.record import NetworkRecord
from forecasting.watch.report import WatchedSeries, WatchFinished
from forecasting.watch.score import ScoreRecord, score_record
from forecasting.watch.subject import Network, Subject, choices_of, subjects_of

__all__ = [
    "Network",
    "NetworkRecord",
    "ScoreRecord",
    "Subject",
    "WatchFinished",
    "WatchedSeries",
    "choices_of",
    "is_due",
    "network_alerts",
    "score_record",
    "subjects_of",
]
