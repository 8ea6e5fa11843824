"""Evidently's default data drift report on simulated windows: python evidently_false_alarms.py '{"scenarios": ...}'."""

import json
import sys
import warnings

import numpy
import pandas
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

NORMAL_QUARTILE = 0.6744897501960817
T_QUARTILE = 0.8725946625415716

# How a value is drawn, and what a shift of one standard deviation is: as in features.ts.
NORMAL = (lambda random, rows: random.standard_normal(rows), 1)
LOGNORMAL = (
    lambda random, rows: random.lognormal(size=rows),
    (numpy.exp(NORMAL_QUARTILE) - numpy.exp(-NORMAL_QUARTILE)) / (2 * NORMAL_QUARTILE),
)
STUDENT_T = (lambda random, rows: random.standard_t(1.5, rows), T_QUARTILE / NORMAL_QUARTILE)
UNIFORM = (lambda random, rows: random.random(rows), 1 / numpy.sqrt(12))
NUMERIC = [NORMAL] * 6 + [LOGNORMAL] * 3 + [STUDENT_T] * 3 + [UNIFORM] * 2

FIVE = [0.4, 0.3, 0.15, 0.1, 0.05]
THIRTY = [0.85**index for index in range(30)]
ZIPF = [1 / (index + 1) for index in range(500)]
CATEGORICAL = [numpy.array(weights) / sum(weights) for weights in (FIVE, FIVE, THIRTY, THIRTY, ZIPF, ZIPF)]

COLUMNS = DataDefinition(
    numerical_columns=[f"numeric-{index}" for index in range(len(NUMERIC))],
    categorical_columns=[f"categorical-{index}" for index in range(len(CATEGORICAL))],
)


def window(random, rows, shift=0.0, shifted=0):
    moved = random.choice(len(NUMERIC), shifted, replace=False) if shift else []
    data = {}
    for index, (draw, deviation) in enumerate(NUMERIC):
        by = random.choice([-shift, shift]) * deviation if index in moved else 0
        data[f"numeric-{index}"] = draw(random, rows) + by
    for index, weights in enumerate(CATEGORICAL):
        data[f"categorical-{index}"] = random.choice(len(weights), rows, p=weights).astype(str)
    return Dataset.from_pandas(pandas.DataFrame(data), COLUMNS)


def main(run) -> None:
    warnings.filterwarnings("ignore")
    random = numpy.random.default_rng(run["seed"])
    tallies = [{"windows": 0, "any": 0, "model": 0, "features": 0} for _ in run["scenarios"]]
    for repeat in range(run["repeats"]):
        reference = window(random, run["referenceRows"])
        for tally, scenario in zip(tallies, run["scenarios"]):
            current = window(random, scenario["rows"], scenario["shift"], run["shifted"])
            drifted = Report([DataDriftPreset()]).run(current, reference).dict()["metrics"][0]
            tally["windows"] += 1
            tally["features"] += drifted["value"]["count"]
            tally["any"] += int(drifted["value"]["count"] > 0)
            tally["model"] += int(drifted["value"]["share"] >= drifted["config"]["drift_share"])
        print(f"Evidently: {repeat + 1} of {run['repeats']} references ...", file=sys.stderr)
    print(json.dumps(tallies))


main(json.loads(sys.argv[1]))
