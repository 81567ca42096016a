"""Speed and exactness, measured beside what one would use instead."""
