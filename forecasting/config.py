"""Hyperparameters and all other settings of an experiment, declared once: the form, the CLI flags
and the saved JSON are made from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from forecasting.errors import ConfigError
from forecasting.exog import ExogSpec, all_specs, parse_sources
from forecasting.files.bounded_read import read_regular_file
from forecasting.model_registry import MODELS, ModelSpec, specific_settings, titles

ShapeName = Literal["many-to-one", "one-to-one", "one-to-many", "many-to-many", "encoder-decoder"]
Strategy = Literal["direct", "recursive", "seq2seq"]


class Shape(NamedTuple):
    """What an input/output shape asks of lookback and horizon, and which decoding strategies go
    with it, the usual one first.
    """

    lookback: range
    horizon: range
    strategies: tuple[Strategy, ...]


#: Most bars, origins or epochs that a setting may name: more than any file has, and few enough for
#: every library's integers.
_MOST_BARS = 1_000_000_000
#: Most bytes of a file of settings.
_MOST_BYTES = 2**20
_ONE, _SEVERAL, _ANY = range(1, 2), range(2, 5001), range(1, 5001)

#: Every shape that a network's inputs and outputs can have.
SHAPES: dict[ShapeName, Shape] = {
    "many-to-one": Shape(_SEVERAL, _ANY, ("direct", "recursive")),
    "one-to-one": Shape(_ONE, _ONE, ("direct",)),
    "one-to-many": Shape(_ONE, _SEVERAL, ("recursive", "direct", "seq2seq")),
    "many-to-many": Shape(_SEVERAL, _ANY, ("direct", "recursive")),
    "encoder-decoder": Shape(_SEVERAL, _SEVERAL, ("seq2seq",)),
}

#: Quantiles that every forecast carries: the median and the limits of the 50, 80, 90 and 95 %
#: bands.
QUANTILES: tuple[float, ...] = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)


def _setting(
    default: Any,
    label: str,
    text: str,
    unit: str = "",
    *,
    advanced: bool = False,
    words: dict[Any, str] | None = None,
    unless: dict[str, tuple[Any, ...]] | None = None,
    more: str = "",
    shown: int = 0,
    **limits: Any,
) -> Any:
    """Declare one setting.

    Label, one sentence of help, unit, rank in forms, values with a name of their own, values of
    other settings of the group at which this one has no effect, a second sentence of help for
    forms, how many of its values forms show as buttons, and limits.
    """
    extra: dict[str, Any] = {
        "unit": unit,
        "advanced": advanced,
        "words": {str(value): name for value, name in (words or {}).items()},
    }
    extra.update(more=more, shown=shown)
    extra["unless"] = {name: list(values) for name, values in (unless or {}).items()}
    return Field(default, title=label, description=text, json_schema_extra=extra, **limits)


class Settings(BaseModel):
    """A frozen group of settings that refuses unknown names.

    Each field carries its label (``title``), help (``description``) and limits;
    ``json_schema_extra`` adds its ``unit``, whether it is ``advanced``, ``words`` for single
    values, ``unless``, the values of others at which it has no effect, ``more``, a second sentence
    of help, and ``shown``, how many values are a button each: forms and flags are made from them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def no_effect(cls, name: str, values: Mapping[str, Any]) -> tuple[str, Any] | None:
        """Return the other setting, and its value among ``values``, beside which a setting has
        no effect; None where it has one.
        """
        extra = cls.model_fields[name].json_schema_extra
        rules: Any = extra.get("unless", {}) if isinstance(extra, dict) else {}
        return next(
            (
                (other, values[other])
                for other, idle in rules.items()
                if other in values and values[other] in idle
            ),
            None,
        )


SettingsT = TypeVar("SettingsT", bound=Settings)


class TaskConfig(Settings):
    """What is to be forecast, from how much history, and which bars judge it."""

    input_size: int = _setting(
        60,
        "Lookback",
        "Bars the network reads before each forecast.",
        "bars",
        ge=1,
        le=5000,
        more="A longer lookback sees more history and leaves fewer windows to learn from.",
    )
    horizon: int = _setting(
        20,
        "Horizon",
        "Bars to forecast.",
        "bars",
        ge=1,
        le=1000,
        more="Each step ahead has bands of its own.",
    )
    val_size: int = _setting(
        0,
        "Validation",
        "Bars before the test part that decide when training stops; 0 takes 15 % of the history.",
        "bars",
        advanced=True,
        words={0: "15 % of history"},
        ge=0,
        le=_MOST_BARS,
        more="The weights of the epoch with the lowest loss on these bars are kept.",
    )
    test_size: int = _setting(
        0,
        "Test",
        "Last bars, never trained on, that score the forecast; 0 takes 15 % of the history.",
        "bars",
        advanced=True,
        words={0: "15 % of history"},
        ge=0,
        le=_MOST_BARS,
        more="More bars make the verdict surer, and leave fewer to learn from.",
    )
    calibration: Literal["aci", "split", "none"] = _setting(
        "aci",
        "Calibration",
        "How bands learn from their own misses: adaptively (answers a crisis within days), "
        "from a moving window, or not at all.",
        advanced=True,
        words={"aci": "Adaptive", "split": "Window", "none": "None"},
        more="None leaves the bands as the network gives them.",
    )
    target: Literal["auto", "log-return", "difference", "level", "seasonal"] = _setting(
        "auto",
        "Target",
        "What is learned: log returns suit prices, differences series that reach zero, "
        "seasonal those that live by the week; auto looks. "
        "The level itself is the classic way to a network that copies the last price: see what "
        "the verdict says of it.",
        advanced=True,
        words={
            "auto": "Automatic",
            "log-return": "Log return",
            "difference": "Difference",
            "level": "Level (price)",
            "seasonal": "Beside past seasons",
        },
    )
    season: Literal["auto", "none", "additive", "multiplicative"] = _setting(
        "auto",
        "Season",
        "Weekday, hour or month taken off before learning, by what was known of it at each "
        "bar: as an amount, or as a share of the level. "
        "auto takes none off, unless the target is seasonal.",
        advanced=True,
        words={
            "auto": "Automatic",
            "none": "None",
            "additive": "Additive",
            "multiplicative": "Multiplicative",
        },
    )
    point: Literal["median", "mean"] = _setting(
        "median",
        "Point forecast",
        "The one line that is drawn, exported and scored by point metrics: the median keeps "
        "absolute errors small, the mean squared ones.",
        advanced=True,
        words={"median": "Median", "mean": "Mean"},
        more="The bands are the same for both.",
    )
    baselines: str = _setting(
        "auto",
        "Baselines",
        "What the network is judged beside, from the same cutoffs: names with commas between "
        "them, auto for the usual quick ones, all for "
        "every one that suits the series; ETS and Theta take longest. Models of others: fracast, "
        "folder:PATH, statsforecast:NAME, sktime:NAME. The random walk is always there.",
        advanced=True,
        words={"auto": "Usual", "auto, ets, theta": "Usual, ETS, Theta", "all": "All"},
        pattern=r"^[a-z][a-z-]*(:[^,]{1,500})?(\s*,\s*[a-z][a-z-]*(:[^,]{1,500})?)*$",
        max_length=1000,
    )
    target_column: str = _setting(
        "close",
        "Forecast of",
        "What is forecast: close, open, high, low, volume, range (high less low), the name of a "
        "further column, or ratio:NAME or spread:NAME to another series.",
        advanced=True,
        words={
            "close": "Close",
            "open": "Open",
            "high": "High",
            "low": "Low",
            "range": "Range",
            "volume": "Volume",
        },
        min_length=1,
        max_length=400,
        more="The columns of the bars can then be inputs.",
    )


class InputConfig(Settings):
    """What the network reads of each bar, beside its moves, range, volatility level and trend.

    All but the calendar are known up to the cutoff only. The calendar is known ahead: of the next
    bar it is read with each bar, and of each bar of the horizon it moves the forecast of that bar.
    """

    volume: bool = _setting(
        True,
        "Volume",
        "Known up to the cutoff: how much was traded beside the last month.",
        more="A series without volume is read without it.",
    )
    gaps: bool = _setting(
        True,
        "Gaps",
        "Known up to the cutoff: how far the open was from the last close.",
        more="A series without opens is read without them.",
    )
    dates: bool = _setting(
        False,
        "Calendar (known ahead)",
        "Known ahead, for each bar of the horizon: weekday, hour, time of year, turn of the "
        "month, closed days before and after it.",
        advanced=True,
        more="Choose it where a series follows the week, the hour or the time of year.",
    )
    market: bool = _setting(
        False,
        "Market",
        "Known up to the cutoff: what all series of the panel did on the same day (needs two "
        "or more).",
        advanced=True,
        more="It tells a move of one series from a move of all.",
    )
    indicators: bool = _setting(
        False,
        "Indicators",
        "Known up to the cutoff: RSI, MACD, Bollinger position, ADX and stochastic.",
        advanced=True,
        more="Each looks at past bars alone, so nothing leaks.",
    )
    hist_exog: str = _setting(
        "",
        "Past inputs",
        "Further columns, or other series, known at the close of their bar: names with commas "
        "between them, each with options as "
        "cpi:delay=30d, vix:log_change, gdp:released=COLUMN, rate:zscore=60.",
        advanced=True,
        max_length=10_000,
        more="A delay says how much later than its date a value was known.",
    )
    futr_exog: str = _setting(
        "",
        "Known ahead",
        "Columns whose values are known for each bar of the horizon when the forecast is made, "
        "such as earnings days or holidays.",
        advanced=True,
        max_length=10_000,
        more="The file has to hold them up to the last bar that is forecast.",
    )
    stat_exog: str = _setting(
        "",
        "Static inputs",
        "Columns with one value a series, such as the sector.",
        advanced=True,
        max_length=10_000,
        more="They tell the series of a panel apart.",
    )
    exog_sources: str = _setting(
        "",
        "Files of inputs",
        "Files, tickers or samples whose columns are joined by date as inputs, each value from "
        "the bar on at which it was known.",
        advanced=True,
        max_length=100_000,
        more="Their columns are chosen above.",
    )

    @property
    def exog(self) -> tuple[ExogSpec, ...]:
        """Inputs that the user chose: past ones, those known ahead, static ones.

        Raises
        ------
        ConfigError
            A setting that cannot be read.
        """
        return tuple(all_specs(self.hist_exog, self.futr_exog, self.stat_exog))

    @property
    def exog_references(self) -> tuple[str, ...]:
        """Files, tickers and samples that inputs are taken from."""
        return parse_sources(self.exog_sources)


@dataclass(frozen=True)
class Registered:
    """Marks a text as a name in a registry of specs with ``title`` and ``help``: looked up when it
    is validated.

    Attributes
    ----------
    registry : mapping of str to ModelSpec
        The order is that of forms.
    """

    registry: Mapping[str, ModelSpec]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Accept the names that the registry holds at the time of validation."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, name: str) -> str:
        if name not in self.registry:
            names = [repr(known) for known in self.registry]
            raise PydanticKnownError(
                "literal_error", {"expected": f"{', '.join(names[:-1])} or {names[-1]}"}
            )
        return name


def registry_of(info: FieldInfo) -> Mapping[str, ModelSpec]:
    """Return the registry whose names a setting takes; empty for a setting of another kind."""
    return next((mark.registry for mark in info.metadata if isinstance(mark, Registered)), {})


def choices(info: FieldInfo) -> tuple[Any, ...]:
    """Return the values that a setting can take where they are counted; otherwise none."""
    return (
        get_args(info.annotation)
        if get_origin(info.annotation) is Literal
        else tuple(registry_of(info))
    )


def value_titles(info: FieldInfo) -> dict[str, str]:
    """Return what values of a setting are called in forms and reports."""
    extra = info.json_schema_extra
    words = extra.get("words", {}) if isinstance(extra, dict) else {}
    assert isinstance(words, dict)
    return {
        **{str(value): str(title) for value, title in words.items()},
        **{name: spec.title for name, spec in registry_of(info).items()},
    }


class ModelConfig(Settings):
    """Which network, and how large."""

    model: Annotated[str, Registered(MODELS)] = _setting(
        "lstm", "Network", "Kind of network.", shown=3
    )
    shape: ShapeName = _setting(
        "many-to-one",
        "Shape",
        "How inputs become outputs: one bar or many in, one answer or many out, at every bar "
        "or after reading all (encoder-decoder).",
        advanced=True,
        words={
            "many-to-one": "Many to one",
            "one-to-one": "One to one",
            "one-to-many": "One to many",
            "many-to-many": "Many to many",
            "encoder-decoder": "Encoder-decoder",
        },
        more="The picture below shows it; lookback and horizon follow where they do not fit.",
    )
    decoding: Literal["auto", "direct", "recursive", "seq2seq"] = _setting(
        "auto",
        "Decoding",
        "How steps ahead are made: all at once, one by one with each fed back, or by a second "
        "network; auto takes what suits the shape.",
        advanced=True,
        words={
            "auto": "Automatic",
            "direct": "Direct",
            "recursive": "Recursive",
            "seq2seq": "Sequence to sequence",
        },
        more="Steps that are fed back pass their errors on to later ones.",
    )
    hidden_size: int = _setting(
        8,
        "Hidden size",
        "Units of each layer.",
        "units",
        ge=1,
        le=2048,
        more="More units can learn more, and overfit sooner.",
    )
    layers: int = _setting(
        1,
        "Layers",
        "Layers on top of each other.",
        ge=1,
        le=8,
        more="Each layer reads the outputs of the one below it.",
    )
    dropout: float = _setting(
        0.5,
        "Dropout",
        "Share of units silenced at random while training.",
        advanced=True,
        ge=0.0,
        le=0.9,
        more="It holds overfitting back; 0 leaves it out.",
    )
    bidirectional: bool = _setting(
        False,
        "Bidirectional",
        "Read the lookback backwards too. Only bars up to the cutoff are read, so nothing leaks.",
    )
    activation: Literal["tanh", "relu"] = _setting(
        "tanh",
        "Activation",
        "Of the plain RNN: tanh keeps states within bounds; ReLU lets them grow, and they may "
        "explode.",
        advanced=True,
        words={"tanh": "tanh", "relu": "ReLU"},
        more="The other networks have fixed activations.",
    )
    recurrent_gain: float = _setting(
        0.0,
        "Recurrent gain",
        "Of the plain RNN: start with recurrent weights that multiply the state by this at every "
        "bar; 0 starts them at random.",
        advanced=True,
        words={0.0: "Random"},
        ge=0.0,
        le=4.0,
        more="Below 1 old bars fade, above 1 states and gradients grow from bar to bar.",
    )
    memory: int = _setting(
        0,
        "Initial memory",
        "Start the gates so that the network remembers up to so many bars; 0 starts them at "
        "random.",
        "bars",
        advanced=True,
        words={0: "Random"},
        ge=0,
        le=5000,
        more="It helps where what matters lies far back.",
    )
    layer_norm: bool = _setting(
        False,
        "Layer norm",
        "Bring the outputs of each recurrent layer to one size. A Transformer always does.",
        advanced=True,
    )
    residual: bool = _setting(
        False,
        "Residual",
        "Add what enters a recurrent layer to its outputs, from the second layer on. A "
        "Transformer always does.",
        advanced=True,
        unless={"layers": (1,)},
    )
    conv_kernel: int = _setting(
        0,
        "Convolution",
        "Bars that a causal convolution sees at a time before the layers read its outputs; 0 "
        "leaves it out.",
        "bars",
        advanced=True,
        words={0: "None"},
        ge=0,
        le=512,
        more="It picks out short patterns, and never sees later bars.",
    )
    conv_channels: int = _setting(
        8,
        "Conv. channels",
        "Outputs of the convolution.",
        advanced=True,
        ge=1,
        le=1024,
        unless={"conv_kernel": (0,)},
        more="Each is one pattern that it can pick out.",
    )
    heads: int = _setting(
        2,
        "Heads",
        "Attention heads of each layer of a Transformer.",
        advanced=True,
        ge=1,
        le=64,
        more="Each head can look at other bars.",
    )
    positions: Literal["sinusoidal", "learned"] = _setting(
        "sinusoidal",
        "Positions",
        "How a Transformer knows how far back a bar is: by fixed waves, or by what it learns "
        "for each lag.",
        advanced=True,
        words={"sinusoidal": "Sinusoidal", "learned": "Learned"},
        more="Learned positions add weights for each lag of the lookback.",
    )
    embedding: int = _setting(
        0,
        "Embedding",
        "Numbers that are learned for each series of a panel and read with each of its bars; 0 "
        "treats all series alike. "
        "A series that was not trained gets the mean of all.",
        advanced=True,
        words={0: "None"},
        ge=0,
        le=256,
    )
    members: int = _setting(
        1,
        "Members",
        "Networks trained side by side from different starts; the forecast is their median.",
        advanced=True,
        ge=1,
        le=50,
        more="More members make a steadier forecast, and take longer in proportion.",
    )

    @property
    def strategy(self) -> Strategy:
        """Return the decoding strategy, with ``auto`` resolved to the usual one of the shape."""
        return SHAPES[self.shape].strategies[0] if self.decoding == "auto" else self.decoding

    @property
    def title(self) -> str:
        """The network's name for people: ``LSTM``, ``Transformer``."""
        return self.spec.title

    @property
    def spec(self) -> ModelSpec:
        """The entry of the network in the registry."""
        return MODELS[self.model]

    @classmethod
    def no_effect(cls, name: str, values: Mapping[str, Any]) -> tuple[str, Any] | None:
        """Return also the network, where it does not read a setting that others do."""
        spec = MODELS.get(values.get("model", ""))
        if spec is not None and name in specific_settings() - set(spec.settings):
            return "model", values["model"]
        return super().no_effect(name, values)


class TrainConfig(Settings):
    """How the network is trained."""

    epochs: int = _setting(
        30,
        "Epochs",
        "Most passes over the training windows.",
        ge=1,
        le=100_000,
        more="Training stops sooner where the validation loss stops falling.",
    )
    batch_size: int = _setting(
        64,
        "Batch",
        "Windows in each gradient step.",
        "windows",
        advanced=True,
        ge=1,
        le=65_536,
        more="Small batches make many noisy steps, large ones few steady ones.",
    )
    optimiser: Literal["adamw", "sgd", "rmsprop"] = _setting(
        "adamw",
        "Optimiser",
        "How steps are made from gradients; SGD wants a learning rate some hundred times that "
        "of the others.",
        advanced=True,
        words={"adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"},
        more="AdamW is the usual choice.",
    )
    learning_rate: float = _setting(
        5e-4,
        "Learning rate",
        "Largest step size of the optimiser.",
        gt=0.0,
        le=10.0,
        more="Too large a rate makes the loss jump; the button below looks for one that fits.",
    )
    momentum: float = _setting(
        0.9,
        "Momentum",
        "Share of the last step that SGD keeps in the next.",
        advanced=True,
        ge=0.0,
        le=0.999,
        unless={"optimiser": ("adamw", "rmsprop")},
        more="More of it passes flat parts faster, and overshoots sooner.",
    )
    weight_decay: float = _setting(
        0.3,
        "Weight decay",
        "Pull of the weights towards zero, apart from the gradient.",
        advanced=True,
        ge=0.0,
        le=10.0,
        more="It holds overfitting back; 0 leaves it out.",
    )
    schedule: Literal["constant", "cosine", "one-cycle", "plateau"] = _setting(
        "cosine",
        "Schedule",
        "How the learning rate moves over the epochs: one cycle rises first; plateau halves it "
        "when the validation loss stalls.",
        advanced=True,
        words={
            "constant": "Constant",
            "cosine": "Cosine",
            "one-cycle": "One cycle",
            "plateau": "Plateau",
        },
        more="A rate that falls lets the last epochs settle.",
    )
    clip: Literal["norm", "value", "off"] = _setting(
        "norm",
        "Clipping",
        "Hold back large gradients: as a whole, keeping their direction, or each element by "
        "itself.",
        advanced=True,
        words={"norm": "By norm", "value": "By value", "off": "Off"},
        more="It keeps one odd batch from undoing what was learned.",
    )
    clip_norm: float = _setting(
        1.0,
        "Clip limit",
        "Largest norm of the gradient, or largest size of an element where clipping is by "
        "value; 0 switches clipping off.",
        advanced=True,
        words={0.0: "Off"},
        ge=0.0,
        le=1e6,
        unless={"clip": ("off",)},
        more="Smaller gradients are left as they are.",
    )
    guard: bool = _setting(
        True,
        "Guard",
        "Go back to the best weights, with a quarter of the learning rate, when a step has ruined "
        "the network.",
        advanced=True,
        more="Switch it off only to watch a training explode.",
    )
    supervision: Literal["window", "sequence"] = _setting(
        "window",
        "Objective",
        "What one pass teaches: the answer at the end of each window, or those at all bars of "
        "a long chunk, which is cheaper.",
        advanced=True,
        words={"window": "Windows", "sequence": "ChunkedTargets"},
        more="Windows match how the forecast is made.",
    )
    chunk: int = _setting(
        64,
        "Chunk",
        "Bars of a chunk that are answered in one pass; a batch holds an eighth as many chunks.",
        "bars",
        advanced=True,
        ge=2,
        le=5000,
        unless={"supervision": ("window",)},
        more="A longer chunk carries states further.",
    )
    teacher_forcing: bool = _setting(
        True,
        "Teacher forcing",
        "While training, recursive and seq2seq decoders read what truly happened at the last "
        "step, not what they said of it.",
        advanced=True,
        more="It learns faster, and meets its own errors only later.",
    )
    patience: int = _setting(
        8,
        "Patience",
        "Epochs without a better validation loss before training stops.",
        "epochs",
        advanced=True,
        ge=1,
        le=_MOST_BARS,
        more="This is early stopping; the weights of the best epoch are kept in any case.",
    )
    seed: int = _setting(
        0,
        "Seed",
        "Same seed, machine and device: same numbers.",
        advanced=True,
        ge=0,
        le=2**31 - 1,
        more="Another seed starts from other weights, and shows how much of a result is luck.",
    )
    device: str = _setting(
        "auto",
        "Device",
        "auto, cpu, mps, cuda or cuda:1.",
        advanced=True,
        words={"auto": "Automatic"},
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,3})?)$",
        more="Automatic chooses one that passes its test.",
    )


class BacktestConfig(Settings):
    """How a walk-forward test moves through history."""

    step_size: int = _setting(
        1, "Step", "Bars between one origin and the next.", "bars", ge=1, le=_MOST_BARS
    )
    refit: int = _setting(
        0,
        "Refit",
        "Train anew every so many origins; 0 trains once, before the first.",
        "origins",
        words={0: "Once"},
        ge=0,
        le=_MOST_BARS,
    )
    window: int = _setting(
        0,
        "Window",
        "Train on the last so many bars only; 0 takes all that lie before.",
        "bars",
        words={0: "All before"},
        ge=0,
        le=_MOST_BARS,
    )


class RunConfig(Settings):
    """One reproducible experiment."""

    version: Literal[1] = 1
    task: TaskConfig = TaskConfig()
    inputs: InputConfig = InputConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()

    @model_validator(mode="before")
    @classmethod
    def _follow_shape(cls, values: Any) -> Any:
        """Where lookback or horizon are left open, set what the shape asks for."""
        if not isinstance(values, Mapping) or not isinstance(
            task := values.get("task", {}), Mapping
        ):
            return values
        model = values.get("model", {})
        rule = _rule(
            model.get("shape") if isinstance(model, Mapping) else getattr(model, "shape", None)
        )
        if rule is None:
            return values
        return {**values, "task": {**_set_by(rule, {}), **task}}

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        """Refuse settings that contradict each other, with a :class:`ConfigError`."""
        for text in _contradictions(self):
            raise ConfigError(*text)
        return self

    def changed(self, **values: Any) -> Self:
        """Return a copy in which the named settings of any group have new, validated values.

        Raises
        ------
        ConfigError
            A name that no group has, a value outside its limits, or values that contradict each
            other. With a new ``shape`` alone, lookback, horizon and decoding become what it asks
            for.
        """
        groups: dict[str, dict[str, Any]] = {name: dict(getattr(self, name)) for name in GROUPS}
        if rule := _rule(values.get("shape")):
            groups["task"].update(_set_by(rule, groups["task"]))
            if self.model.decoding not in ("auto", *rule.strategies):
                groups["model"]["decoding"] = "auto"
        for name, value in values.items():
            owner = next((group for group, cls in GROUPS.items() if name in cls.model_fields), None)
            if owner is None:
                raise ConfigError(
                    f"There is no setting '{name}'.", f"Settings are: {', '.join(setting_names())}."
                )
            groups[owner][name] = value
        return validated(type(self), groups)

    def to_json(self) -> str:
        """Return the experiment as indented JSON."""
        return self.model_dump_json(indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read an experiment from JSON; what is missing keeps its default.

        Raises
        ------
        ConfigError
            Text that is not JSON, unknown names, or values outside their limits.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise _explained(error) from error

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read an experiment from a JSON file; errors as :meth:`from_json`."""
        try:
            return cls.from_json(read_regular_file(Path(path), _MOST_BYTES))
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be read: {error.strerror or error}.",
                "Check the path given to --config.",
            ) from error


#: The groups of a run in the order in which forms show them.
GROUPS: dict[str, type[Settings]] = {
    "task": TaskConfig,
    "inputs": InputConfig,
    "model": ModelConfig,
    "train": TrainConfig,
}


def setting_names() -> list[str]:
    """Return the names of all settings of a run, in the order of the groups."""
    return [name for cls in GROUPS.values() for name in cls.model_fields]


def validated(cls: type[SettingsT], values: dict[str, Any]) -> SettingsT:
    """Return a group of settings with some values; ConfigError where one is outside its limits."""
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        raise _explained(error) from error


#: What pydantic says in words of its own, and what is asked for where a pattern says it to machines
#: only.
_SAID = {
    "extra_forbidden": "there is no such setting",
    "string_pattern_mismatch": "it is not of the form that is asked for",
}
_FORMS = {
    "device": "Choose auto, cpu, mps, cuda, or one of several as cuda:1.",
    "baselines": "Choose auto, all, or names with commas between them, such as auto,ets.",
}


def _explained(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "the configuration"
    if first["type"] == "json_invalid":
        return ConfigError(
            f"The configuration is not JSON: {first['msg'].removeprefix('Invalid JSON: ')}.",
            "Correct the file.",
        )
    text = _SAID.get(first["type"], first["msg"].lower())
    hint = _FORMS.get(
        str(first["loc"][-1]) if first["loc"] else "", "Correct this value and try again."
    )
    return ConfigError(f"{name} = {first.get('input')!r}: {text}.", hint)


def _rule(shape: object) -> Shape | None:
    """Return what a shape asks for; None for anything that is no name of a shape, which the
    validation refuses.
    """
    return next((rule for name, rule in SHAPES.items() if name == shape), None)


def _set_by(rule: Shape, task: Mapping[str, Any]) -> dict[str, int]:
    """Return the lookback and the horizon that a shape asks for, where the task's own do not fit
    it.
    """
    found = {}
    for name, fits in (("input_size", rule.lookback), ("horizon", rule.horizon)):
        usual = int(TaskConfig.model_fields[name].default)
        if task.get(name, usual) not in fits:
            found[name] = usual if usual in fits else fits[0]
    return found


def _contradictions(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Yield what does not go together, and what to do about it."""
    _ = config.inputs.exog  # refused where it cannot be read
    yield from _shape_contradictions(config.task, config.model)
    yield from _training_contradictions(config.model, config.train)
    yield from _target_contradictions(config.task, config.model.strategy)


def _shape_contradictions(task: TaskConfig, model: ModelConfig) -> Iterator[tuple[str, str]]:
    """Yield what of lookback, horizon and decoding a shape of the network does not allow."""
    shape, rule, strategy = model.shape, SHAPES[model.shape], model.strategy
    if task.input_size not in rule.lookback:
        yield (
            f"input_size = {task.input_size}: a network of shape {shape} reads "
            f"{_bars(rule.lookback)}.",
            "Set the lookback to 1, or choose the shape many-to-one."
            if rule.lookback is _ONE
            else "Raise it, or choose one-to-one.",
        )
    if task.horizon not in rule.horizon:
        other = "one-to-many" if rule.lookback is _ONE else "many-to-one"
        yield (
            f"horizon = {task.horizon}: a network of shape {shape} forecasts "
            f"{_bars(rule.horizon)}.",
            f"Set the horizon to 1, or choose the shape {other}."
            if rule.horizon is _ONE
            else "Raise it, or choose a shape with one output.",
        )
    if strategy not in rule.strategies:
        able = [name for name, item in SHAPES.items() if strategy in item.strategies]
        yield (
            f"decoding = {strategy} does not go with shape = {shape}.",
            f"Choose the decoding {' or '.join(rule.strategies)}, or one of these shapes: "
            f"{', '.join(able)}.",
        )


def _training_contradictions(model: ModelConfig, train: TrainConfig) -> Iterator[tuple[str, str]]:
    """Yield what of a network its kind of training does not allow."""
    shape, strategy = model.shape, model.strategy
    sequence = train.supervision == "sequence"
    if model.bidirectional and (sequence or shape == "many-to-many" or strategy == "recursive"):
        why = (
            "supervision = sequence"
            if sequence
            else f"decoding = {strategy}"
            if strategy == "recursive"
            else f"shape = {shape}"
        )
        yield (
            f"bidirectional = True with {why}: answers given before the last bar would have "
            "read the bars that come after it.",
            "Read forwards only, or choose the shape many-to-one with the decoding direct, or "
            "encoder-decoder.",
        )
    if sequence and (
        SHAPES[shape].lookback is _ONE or strategy == "seq2seq" or not model.spec.recurrent
    ):
        why = f"shape = {shape}" if model.spec.recurrent else f"model = {model.model}"
        yield (
            f"supervision = sequence with {why}: a chunk is read by a recurrent network that "
            "carries its state from bar to bar.",
            f"Choose the supervision window, or the network {titles(recurrent=True)} with the "
            "shape many-to-one or many-to-many.",
        )
    if (
        not train.teacher_forcing
        and strategy == "recursive"
        and (sequence or shape == "many-to-many")
    ):
        yield (
            "teacher_forcing = False with "
            f"{'supervision = sequence' if sequence else 'shape = ' + shape}: an answer at "
            "every bar is "
            "learned from the true bars before it.",
            "Switch teacher forcing on, or choose the shape many-to-one with the supervision "
            "window.",
        )


def _target_contradictions(task: TaskConfig, strategy: str) -> Iterator[tuple[str, str]]:
    """Yield what of target and season does not go together, or not with the decoding."""
    if strategy != "direct" and (
        task.target in ("level", "seasonal") or task.season in ("additive", "multiplicative")
    ):
        yield (
            "The target level or seasonal, or a season taken off, measures each step by "
            "itself: steps made one by one do not add up.",
            "Choose the decoding direct with the shape many-to-one, or the target log-return "
            "or difference without a season.",
        )
    if task.target == "log-return" and task.season == "additive":
        yield (
            "season = additive with target = log-return: a season that is an amount does not "
            "add up with returns, which are shares.",
            "Choose the season multiplicative, or the target difference.",
        )
    if task.target == "seasonal" and task.season == "none":
        yield (
            "target = seasonal with season = none: there is nothing left to forecast beside.",
            "Choose another target, or another season.",
        )


def _bars(fits: range) -> str:
    return "one bar" if fits is _ONE else "two bars or more"
