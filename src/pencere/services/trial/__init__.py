"""Trying a service: its cases.yaml against the real engine over registers in memory."""

from pencere.services.trial.cases import CaseResult, run_cases

__all__ = ["CaseResult", "run_cases"]
