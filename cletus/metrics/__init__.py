"""The figures of a service for Prometheus: ``metrics_port``. What they count from is ``cletus.meters``."""

from cletus.metrics.port import metrics_of

__all__ = ["metrics_of"]
