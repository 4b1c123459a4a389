"""Health, which the server around the application answers (serving/service.py): described here, not answered."""

from __future__ import annotations

from serving.http.operations import Answer, Operation

TEXT = "text/plain"
OPERATIONS = (
    Operation("/livez", "get", "alive", "Whether the process answers",
              {200: (Answer("It does.", TEXT),)}, tag="health"),
    Operation("/healthz", "get", "alive_too", "Whether the process answers, by another name",
              {200: (Answer("It does.", TEXT),)}, tag="health"),
    Operation("/readyz", "get", "ready", "Whether requests are answered",
              {200: (Answer("A model has passed its self-check, and the audit log takes entries.", TEXT),),
               503: (Answer("Not yet, or not any more.", TEXT),)}, tag="health"),
)  # fmt: skip
