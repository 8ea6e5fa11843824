"""Evidently's default data drift report on two Parquet files: python evidently_drift.py CURRENT REFERENCE."""

import json
import sys

import pandas
from evidently import Report
from evidently.presets import DataDriftPreset


def main(current: str, reference: str) -> None:
    report = Report([DataDriftPreset()])
    result = report.run(pandas.read_parquet(current), pandas.read_parquet(reference)).dict()
    print(json.dumps(result["metrics"][0]["value"]))


main(*sys.argv[1:])
