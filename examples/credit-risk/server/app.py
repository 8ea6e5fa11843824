"""Serves a scikit-learn classifier by the Open Inference Protocol (V2), one tensor for each feature."""

import os
import time
import uuid
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
import skops.io
from capture import Capture
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest
from pydantic import BaseModel

NAME = os.environ["MODEL_NAME"]
VERSION = os.environ.get("CAPTURE_VERSION", "")
THRESHOLD = float(os.environ["DECISION_THRESHOLD"])
MODEL = Path(os.environ.get("MODEL_DIR", "/mnt/models")) / "model.skops"
# Of the model's answers 0 and 1.
CLASSES = ["repaid", "default"]
FEATURES = {
    "age": "FP64",
    "income": "FP64",
    "loan_amount": "FP64",
    "debt_ratio": "FP64",
    "late_payments": "FP64",
    "employment": "BYTES",
    "purpose": "BYTES",
}
PREDICT_SECONDS = Histogram("predict_seconds", "Time that the model took for the instances of a request")


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float | str | None]


class InferRequest(BaseModel):
    id: str | None = None
    inputs: list[Tensor]


@asynccontextmanager
async def lifespan(app: FastAPI):
    # Unlike a pickle it runs no code of whoever could write to the bucket. A server without its model does not start.
    model = skops.io.load(MODEL, trusted=["numpy.dtype"])
    if list(model.classes_) != [0, 1] or list(model.feature_names_in_) != list(FEATURES):
        raise ValueError(f"{MODEL} has the classes {model.classes_} and features {model.feature_names_in_}")
    app.state.model = model
    app.state.capture = Capture(os.environ.get("CAPTURE_URL"))
    yield
    app.state.capture.close()


app = FastAPI(lifespan=lifespan)


@app.exception_handler(HTTPException)
def refused(_: Request, error: HTTPException):
    return JSONResponse({"error": error.detail}, error.status_code)


@app.exception_handler(RequestValidationError)
def invalid(_: Request, error: RequestValidationError):
    problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return JSONResponse({"error": "; ".join(problems)}, 400)


@app.get("/v2/health/live")
def live():
    return {"live": True}


@app.get("/v2/health/ready")
def ready():
    return {"ready": True}


@app.get("/v2/models/{name}")
def metadata(name: str):
    known(name)
    outputs = [
        {"name": "prediction", "datatype": "BYTES", "shape": [-1]},
        {"name": "probability", "datatype": "FP64", "shape": [-1]},
    ]
    inputs = [{"name": each, "datatype": kind, "shape": [-1]} for each, kind in FEATURES.items()]
    return {"name": NAME, "versions": [VERSION], "platform": "sklearn", "inputs": inputs, "outputs": outputs}


@app.get("/v2/models/{name}/ready")
def model_ready(name: str):
    known(name)
    return {"name": NAME, "ready": True}


@app.get("/metrics")
def metrics():
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.post("/v2/models/{name}/infer")
def infer(name: str, call: InferRequest, request: Request, response: Response):
    begin = time.monotonic()
    at = datetime.now(timezone.utc).isoformat()
    known(name)
    instances = instances_of(call.inputs)
    # The id by which labels come back; a caller that gives none learns it from the answer.
    call_id = call.id or request.headers.get("x-request-id") or str(uuid.uuid4())
    # An answer that never comes is recorded, too: that is what an error rate is made of.
    answers = [(None, None)] * len(instances)
    try:
        with PREDICT_SECONDS.time():
            probabilities = app.state.model.predict_proba(instances)[:, 1].tolist()
        answers = [(CLASSES[probability >= THRESHOLD], probability) for probability in probabilities]
    finally:
        record(call_id, at, time.monotonic() - begin, call.inputs, answers)
    response.headers["x-request-id"] = call_id
    shape = [len(answers)]
    return {
        "model_name": NAME,
        "model_version": VERSION,
        "id": call_id,
        "outputs": [
            {"name": "prediction", "datatype": "BYTES", "shape": shape, "data": [each for each, _ in answers]},
            {"name": "probability", "datatype": "FP64", "shape": shape, "data": [each for _, each in answers]},
        ],
    }


def known(name: str) -> None:
    if name != NAME:
        raise HTTPException(404, f"there is no model '{name}' here, only '{NAME}'")


def instances_of(inputs: list[Tensor]) -> pd.DataFrame:
    """A row for each instance: every feature once, all of the same length, numbers as numbers."""
    given = {tensor.name: tensor.data for tensor in inputs}
    unknown, missing = sorted(given.keys() - FEATURES.keys()), sorted(FEATURES.keys() - given.keys())
    if unknown or missing or len(given) < len(inputs):
        raise HTTPException(400, f"inputs must be {list(FEATURES)}, once each; missing: {missing}, unknown: {unknown}")
    lengths = {len(data) for data in given.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise HTTPException(400, f"inputs must have as many values each, at least one; they have {sorted(lengths)}")
    for name, data in given.items():
        wanted = str if FEATURES[name] == "BYTES" else float
        if wrong := [each for each in data if each is not None and not isinstance(each, wanted)]:
            raise HTTPException(400, f"input '{name}' must have values of {FEATURES[name]} or null, got {wrong[0]!r}")
    frame = pd.DataFrame({name: given[name] for name in FEATURES})
    return frame.astype({name: float for name, datatype in FEATURES.items() if datatype == "FP64"})


def record(call_id: str, at: str, seconds: float, inputs: list[Tensor], answers: list[tuple]) -> None:
    """One prediction for each instance; of several in a call each has an id of its own."""
    common = {"timestamp": at, "version": VERSION, "duration_seconds": seconds}
    app.state.capture.add(
        [
            {
                **common,
                "request_id": call_id if len(answers) == 1 else f"{call_id}#{row}",
                "features": {tensor.name: tensor.data[row] for tensor in inputs},
                "prediction": prediction,
                "prediction_score": probability,
            }
            for row, (prediction, probability) in enumerate(answers)
        ]
    )
