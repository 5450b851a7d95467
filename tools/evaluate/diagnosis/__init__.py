"""Why a version is as good as it is: read from its files, without any training library."""

from __future__ import annotations

from .cause import ACCUSED, Cause, Expectation
from .diagnosis import Diagnosis, diagnose
from .standing import Result, result_of

__all__ = ["ACCUSED", "Cause", "Diagnosis", "Expectation", "Result", "diagnose", "result_of"]
