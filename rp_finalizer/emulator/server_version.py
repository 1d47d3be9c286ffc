"""What differs between versions of service-api, as far as a caller can see it."""

from __future__ import annotations

import re
from dataclasses import dataclass

NEWEST = (5, 15, 1)
TYPED_DATES_SINCE = (5, 13)
PLAIN_401_SINCE = (5, 14)
STEPPED_RETRIES_SINCE = (5, 12)
STEPPED_RETRIES = (*(0.5,) * 6, *(5.0,) * 5, *(120.0,) * 9)
EVEN_RETRIES = (60.0,) * 10


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """A version by its text; one that holds no number counts as the newest."""

    text: str

    @property
    def typed_dates(self) -> bool:
        """Tell whether dates are ISO 8601 where no older form is kept, and media types choose between the two.

        Before, every date was milliseconds since the epoch, and there was `application/json` only.
        """
        return self._number() >= TYPED_DATES_SINCE

    @property
    def plain_401(self) -> bool:
        """Tell whether a refused key is answered without repeating it, and always as `invalid_token`."""
        return self._number() >= PLAIN_401_SINCE

    @property
    def retry_waits(self) -> tuple[float, ...]:
        """Give the seconds before each further attempt of a queued message; after the last it is given up."""
        return STEPPED_RETRIES if self._number() >= STEPPED_RETRIES_SINCE else EVEN_RETRIES

    def _number(self) -> tuple[int, ...]:
        found = re.match(r"\d+(\.\d+)*", self.text)
        return tuple(int(part) for part in found[0].split(".")) if found else NEWEST
