"""What tests of the tables share."""

from tests.builders import everything_available

__all__ = ["everything_available"]
