"""Trains, logs and registers versions of a classifier, one for each baseline, with what gates compare: metrics, feature importances and
predictions paired with those of the baseline. The candidate of the baseline `bad` learned from shuffled labels.

usage: gate-evaluator-train.py TRACKING_URI MODEL DIRECTORY BASELINE...
"""

import json
import pathlib
import sys
import time

import mlflow
import numpy
import pandas
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

tracking_uri, model, directory, *baselines = sys.argv[1:]
mlflow.set_tracking_uri(tracking_uri)
mlflow.set_experiment(model)

x, y = make_classification(6000, n_features=8, n_informative=5, n_redundant=0, class_sep=1.5, random_state=7)
held_out_x, held_out_y = x[4000:], y[4000:]
predictions = {}

for number, baseline in enumerate(baselines, start=1):
    rows = 2000 + 200 * (number - 1)
    labels = numpy.random.default_rng(3).permutation(y[:rows]) if baseline == "bad" else y[:rows]
    classifier = RandomForestClassifier(n_estimators=12, max_depth=8, random_state=5).fit(x[:rows], labels)
    predictions[str(number)] = classifier.predict(held_out_x)

    times = []
    for row in held_out_x[:30]:
        start = time.perf_counter()
        classifier.predict(row.reshape(1, -1))
        times.append((time.perf_counter() - start) * 1000)

    folder = pathlib.Path(directory, str(number))
    folder.mkdir(parents=True)
    importances = {f"feature_{index}": float(value) for index, value in enumerate(classifier.feature_importances_)}
    (folder / "importance.json").write_text(json.dumps(importances))
    against = predictions.get(baseline, predictions.get("1"))
    paired = {"label": held_out_y, "prediction": predictions[str(number)], "baseline_prediction": against}
    pandas.DataFrame(paired).to_parquet(folder / "predictions.parquet")

    with mlflow.start_run(run_name=f"training-{number}"):
        mlflow.log_metrics(
            {
                "accuracy": float((predictions[str(number)] == held_out_y).mean()),
                "latency_p95_ms": float(numpy.percentile(times, 95)),
            }
        )
        mlflow.set_tag("evaluation.dataset_digest", "held-out-1")
        mlflow.sklearn.log_model(
            classifier,
            name="model",
            registered_model_name=model,
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )
