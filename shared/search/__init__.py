"""Finding Chinese text: every pair of neighbouring characters is a word of the index.

Words need a dictionary and miss what it does not know; pairs find every substring of two
characters or more, whatever the engine (FTS5 here, `tsvector` on PostgreSQL).
"""

from shared.search.bigrams import (
    fold,
    index_text,
    index_vector,
    match_query,
    match_vector,
    terms_of,
)

__all__ = ["fold", "index_text", "index_vector", "match_query", "match_vector", "terms_of"]
