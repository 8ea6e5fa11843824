"""Makes a small model of made-up loans, to try the server with: python sample_model.py DIRECTORY

Writes model.skops, and holdout.json with loans that it has not seen, how they ended, and what the model says of them.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["age", "income", "loan_amount", "debt_ratio", "late_payments"]
CATEGORIES = ["employment", "purpose"]


def loans(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Loans of which some 2 % default: who owes much and paid late before."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 80, count).astype(float),
            "income": random.lognormal(8, 0.5, count).round(),
            "loan_amount": random.lognormal(6.5, 0.8, count).round(),
            "debt_ratio": random.beta(2, 5, count).round(3),
            "late_payments": random.poisson(0.4, count).astype(float),
            "employment": random.choice(["employed", "self-employed", "retired", "none"], count, p=[0.7, 0.1, 0.15, 0.05]),
            "purpose": random.choice(["electronics", "furniture", "travel", "fashion", "other"], count),
        }
    )
    risk = 6 * frame.debt_ratio + 1.8 * frame.late_payments + 1.5 * (frame.employment == "none") - 7.2
    defaults = random.random(count) < 1 / (1 + np.exp(-1.5 * risk))
    # Nobody knows of the payments of some.
    frame.loc[random.random(count) < 0.05, "late_payments"] = np.nan
    return frame, defaults.astype(int)


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            ("categories", OneHotEncoder(handle_unknown="ignore"), CATEGORIES),
        ]
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    model.fit(*loans(20_000, seed=1))
    skops.io.dump(model, directory / "model.skops")
    frame, defaults = loans(4_000, seed=2)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    probabilities = model.predict_proba(frame)[:, 1].tolist()
    holdout = {"loans": rows, "defaults": defaults.tolist(), "probabilities": probabilities}
    (directory / "holdout.json").write_text(json.dumps(holdout))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
