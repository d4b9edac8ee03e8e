"""The recommendation from a log and its model: candidates, their evaluation, evidence and texts."""

from typing import TYPE_CHECKING

from twin.lazy import lazy_names

if TYPE_CHECKING:
    from controllers.recommend.case import Effort
    from controllers.recommend.make import recommend

__all__ = ["Effort", "recommend"]

__getattr__ = lazy_names(
    __name__, {"Effort": "controllers.recommend.case", "recommend": "controllers.recommend.make"}
)
