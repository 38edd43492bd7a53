"""What tests of scenarios share."""

from tests.builders import everything_available

__all__ = ["everything_available"]
