"""Training of networks: a generator of events that returns the trained network."""

from forecasting.training.checkpoint import TrainingState, run_name
from forecasting.training.device_fallback import fit
from forecasting.training.hardware import choose_device, devices, self_test
from forecasting.training.lr_finder import find_learning_rate
from forecasting.training.optimizers import OPTIMISERS, SGD, AdamW, RMSprop
from forecasting.training.schedules import SCHEDULES
from forecasting.training.trained_network import TrainedNetwork, build, forecasts_from
from forecasting.training.trainer import Fitted, StopAsked

__all__ = [
    "OPTIMISERS",
    "SCHEDULES",
    "SGD",
    "AdamW",
    "Fitted",
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
]
