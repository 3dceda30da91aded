"""Keywords over tantivy: BM25, scored against what a tool with every word of the request would get."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tantivy

from swarmstead.gateway.search.contract import ToolDocument
from swarmstead.gateway.search.memory import K1, rarity
from swarmstead.gateway.search.text import clean, tool_words, words

_HEAP = 128_000_000
_SMALL_HEAP = 15_000_000
_MUST, _SHOULD = tantivy.Occur.Must, tantivy.Occur.Should

Hits = tuple[list[int], list[float]]
_Row = tuple[int, str, str, bytes]


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("words", stored=True, tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("server", stored=False, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("key", stored=False, indexed=True, fast=True)
    builder.add_bytes_field("document", stored=True, indexed=False)
    return builder.build()


class WordIndex:
    """Words of tools, and the tools themselves. In a folder, or in memory when there is none."""

    def __init__(self, folder: Path | None = None) -> None:
        self._schema = _schema()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self._index = tantivy.Index(self._schema, None if folder is None else str(folder))
        self._heap = _SMALL_HEAP if folder is None else _HEAP
        self._searcher = self._index.searcher()

    def __len__(self) -> int:
        return self._searcher.num_docs

    def change(self, add: Iterable[ToolDocument], remove: Sequence[int]) -> None:
        """Put tools in and take keys out, in one commit."""
        rows = ((tool.key, clean(tool.server), " ".join(_words(tool)), _packed(tool)) for tool in add)
        self._write(rows, remove)

    def slice_of(self, keys: Sequence[int]) -> "WordIndex":
        """An index in memory of these tools alone, so that scores say nothing of the others. Cost: 30 us a tool."""
        made = WordIndex()
        made._write(map(_row, self._stored(keys)), ())
        return made

    def hits(self, text: str, most: int, servers: Sequence[str] | None = None) -> Hits:
        """Keys of the tools that share a word with the text, best first, and their share of the information, 0 to 1."""
        asked = sorted(set(words(text)))
        weights = [rarity(len(self), self._searcher.doc_freq("words", word)) for word in asked]
        if not asked or not len(self):
            return [], []
        terms = [(_SHOULD, tantivy.Query.term_query(self._schema, "words", word, "freq")) for word in asked]
        query = tantivy.Query.boolean_query(terms)
        if servers is not None:
            allowed = tantivy.Query.const_score_query(
                tantivy.Query.term_set_query(self._schema, "server", [clean(server) for server in servers]), 0.0
            )
            query = tantivy.Query.boolean_query([(_MUST, query), (_MUST, allowed)])
        found = self._searcher.search(query, most, count=False).hits
        full = (K1 + 1) * sum(weights)
        keys: Any = self._searcher.fast_field_values("key", [address for _, address in found])
        return keys, [float(score) / full for score, _ in found]

    def documents(self, keys: Sequence[int]) -> list[ToolDocument]:
        """The tools with these keys, in this order."""
        by_key = {document.key: document for document in map(_unpacked, self._stored(keys))}
        return [by_key[key] for key in keys if key in by_key]

    def _stored(self, keys: Sequence[int]) -> Iterable[Any]:
        if not keys:
            return
        for _, address in self._searcher.search(self._with_keys(keys), len(keys), count=False).hits:
            yield self._searcher.doc(address)

    def _with_keys(self, keys: Sequence[int]) -> tantivy.Query:
        return tantivy.Query.term_set_query(self._schema, "key", list(keys))

    def _write(self, rows: Iterable[_Row], remove: Sequence[int]) -> None:
        writer = self._index.writer(self._heap, 1)
        try:
            if remove:
                writer.delete_documents_by_query(self._with_keys(remove))
            for key, server, said, packed in rows:
                document = tantivy.Document(words=said, server=server)
                document.add_unsigned("key", key)
                document.add_bytes("document", packed)
                writer.add_document(document)
            writer.commit()
        finally:
            writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()


def _words(document: ToolDocument) -> list[str]:
    return tool_words(document.name, document.description, document.parameters)


def _packed(document: ToolDocument) -> bytes:
    return json.dumps(asdict(document), ensure_ascii=True).encode()


def _row(stored: Any) -> _Row:
    tool = _unpacked(stored)
    return tool.key, clean(tool.server), str(stored["words"][0]), bytes(stored["document"][0])


def _unpacked(stored: Any) -> ToolDocument:
    return ToolDocument(**json.loads(bytes(stored["document"][0])))
