"""Sends predictions to the model's collector, after the fact: never waits, never fails an answer, and bounds what it holds."""

import json
import logging
import queue
import threading
import urllib.request

BATCH = 200
WAITING = 10_000
END = object()


class Capture:
    """A queue, and a thread that posts what is in it."""

    def __init__(self, url: str | None):
        self.url = url
        self.waiting = queue.Queue(maxsize=WAITING)
        self.thread = threading.Thread(target=self._send, daemon=True)
        if url:
            self.thread.start()

    def add(self, predictions: list[dict]) -> None:
        """Hands predictions over; drops them when too many wait."""
        if not self.url:
            return
        try:
            for prediction in predictions:
                self.waiting.put_nowait(prediction)
        except queue.Full:
            logging.warning("predictions were not captured: %d wait already", WAITING)

    def close(self, seconds: float = 10) -> None:
        """Sends what waits."""
        if not self.url:
            return
        self.waiting.put(END)
        self.thread.join(seconds)

    def _send(self) -> None:
        ended = False
        while not ended:
            batch = [self.waiting.get()]
            while len(batch) < BATCH and not self.waiting.empty():
                batch.append(self.waiting.get_nowait())
            ended = END in batch
            self._post([each for each in batch if each is not END])

    def _post(self, predictions: list[dict]) -> None:
        if not predictions:
            return
        body = json.dumps({"predictions": predictions}).encode()
        try:
            urllib.request.urlopen(urllib.request.Request(f"{self.url}/v1/predictions", body), timeout=5).close()
        except OSError as error:
            logging.warning("%d predictions were not captured: %s", len(predictions), error)
