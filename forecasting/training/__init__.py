"""Training: a loop that is a generator of events, and the forecaster that comes out of it."""

from forecasting.training.doctor import Doctor
from forecasting.training.finder import find_learning_rate
from forecasting.training.hardware import choose_device, devices, self_test, set_threads
from forecasting.training.ladder import fit
from forecasting.training.loop import TRAIN_LEVELS, Fitted, StopAsked
from forecasting.training.optimisers import OPTIMISERS, SGD, AdamW, Optimiser, RMSprop
from forecasting.training.schedules import SCHEDULES
from forecasting.training.state import TrainingState, run_name
from forecasting.training.trained_network import TrainedNetwork, build, forecasts_from

__all__ = [
    "OPTIMISERS",
    "SCHEDULES",
    "SGD",
    "TRAIN_LEVELS",
    "AdamW",
    "Doctor",
    "Fitted",
    "Optimiser",
    "RMSprop",
    "StopAsked",
    "TrainedNetwork",
    "TrainingState",
    "build",
    "choose_device",
    "devices",
    "find_learning_rate",
    "fit",
    "forecasts_from",
    "run_name",
    "self_test",
    "set_threads",
]
