"""Opens the best index that this installation can carry."""

import logging
from pathlib import Path

from swarmstead.gateway.search.memory import MemoryIndex
from swarmstead.gateway.search.ports import ToolIndex
from swarmstead.gateway.search.weights import Weights

log = logging.getLogger(__name__)


def open_index(folder: Path, weights: Weights) -> ToolIndex:
    """The index on disk where the extra `search` is installed, else the one in memory, which knows keywords only.

    Cost: the first call of a process imports numpy, tantivy and usearch, and loads two embedding models.
    """
    try:
        from swarmstead.gateway.adapters.search.hybrid import HybridIndex

        return HybridIndex(folder, weights)
    except ImportError as missing:
        log.info("tool search is by keyword only: %s; install swarmstead[search] for search by meaning", missing)
        return MemoryIndex(weights)
