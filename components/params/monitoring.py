"""How served traffic is watched: what is kept of it, and when it counts as changed."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from components.params.section import Section, Seed, Share

DAYS_A_YEAR = 365.0
LEAST_LEVEL = 0.001


class SignalParams(Section):
    """What is kept of served traffic (components/monitoring/writer.py).

    Rows carry their time in steps of `bucket_minutes`, which stand for an examination: of the rows of one step no more
    than one counts in a test. `queue_rows` may wait for the disk, further ones are dropped and counted; they are
    written every `flush_seconds`, and a crash loses no more than that. Files older than `keep_days` go, and the oldest
    where all together pass `keep_megabytes`.
    """

    bucket_minutes: int = Field(ge=1, le=1440)
    queue_rows: int = Field(ge=1)
    flush_seconds: float = Field(gt=0, le=600)
    keep_days: int = Field(ge=1)
    keep_megabytes: float = Field(gt=0)

    @model_validator(mode="after")
    def _buckets_fill_the_day(self) -> Self:
        if 1440 % self.bucket_minutes:
            raise ValueError(f"bucket_minutes {self.bucket_minutes} doesn't divide a day of 1440 minutes")
        return self


class MonitorParams(Section):
    """When traffic counts as changed (components/monitoring/drift.py).

    Every `window_days` days are judged once. Windows share out `false_alarms_per_year`: where nothing changes, so many
    windows of a year may be called DRIFT in expectation, and each by itself with a probability of at most `level`. A
    change that is significant counts only from `min_effect` on: the largest distance of two distribution functions, of
    two shares, or the root of the energy coefficient. A signal is judged where both sides have `min_units` units or
    more, what people made of the outlines where there are `min_feedback`. At most `max_units` of either side are
    compared. `seed` draws them, and the permutations.
    """

    window_days: int = Field(ge=1, le=366)
    false_alarms_per_year: float = Field(gt=0)
    min_effect: Share = Field(ge=0, lt=1)
    min_units: int = Field(ge=10)
    min_feedback: int = Field(ge=10)
    max_units: int = Field(ge=20, le=2000)
    seed: Seed

    @property
    def level(self) -> float:
        """The probability with which a window without any change may be called DRIFT."""
        return self.false_alarms_per_year * self.window_days / DAYS_A_YEAR

    @model_validator(mode="after")
    def _a_level_is_a_probability(self) -> Self:
        if self.level > 0.2:
            raise ValueError(
                f"{self.false_alarms_per_year:g} false alarms a year in windows of {self.window_days} days are one in "
                f"{1 / self.level:.1f} windows: at most one in 5"
            )
        if self.level < LEAST_LEVEL:
            raise ValueError(
                f"{self.false_alarms_per_year:g} false alarms a year in windows of {self.window_days} days give each a "
                f"level of {self.level:.2g}: at least {LEAST_LEVEL:g}, which permutations can still tell"
            )
        if self.max_units < max(self.min_units, self.min_feedback):
            raise ValueError("max_units lies below min_units or min_feedback")
        return self
