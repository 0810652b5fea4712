"""Output → metrics: what a program's own lines say about its training (CONTRACTS A and D).

A line is read only where its form is sure: prose, clock times, paths and ports give no metric. Every pattern looks at
a bounded piece of text: a line costs time in proportion to its length. Recorded output of well-known programs lies in
`tests/unit/model/console`.
"""

from .found import metric_name
from .parser import LogParser, Parsed
from .prefixes import strip_prefix
from .ranks import ranked, split_rank

__all__ = ["LogParser", "Parsed", "metric_name", "ranked", "split_rank", "strip_prefix"]
