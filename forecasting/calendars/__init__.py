"""Exchange calendars: how far apart bars are, when a series trades, and the dates of the bars to
come.
"""

from forecasting.calendars.exchange import known_until
from forecasting.calendars.future import future_sessions, missing_sessions
from forecasting.calendars.inference import SUFFIXES, infer_calendar, infer_freq
from forecasting.calendars.timeline import timeline

__all__ = [
    "SUFFIXES",
    "future_sessions",
    "infer_calendar",
    "infer_freq",
    "known_until",
    "missing_sessions",
    "timeline",
]
