"""The flows that run on a schedule, as Prefect itself loads them: one deployment for each.

A worker reads them from this file in a clone's folder. Leaves out: what they do (retrain.py, monitor.py), and how they
get onto a server (schedule.py).
"""

from pipelines import monitor as monitoring
from pipelines import retrain as retraining
from pipelines.schedule import as_flow

retrain = as_flow(retraining.retrain, retraining.TIMEOUT_S)
monitor = as_flow(monitoring.monitor, monitoring.TIMEOUT_S)
