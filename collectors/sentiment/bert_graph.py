"""A BERT classifier written down as an ONNX graph, in 32 bits or with its matrix products in 8.

Built node by node from the weights: torch's own export took 42 s and a further package where this takes none.
Operators with the domain com.microsoft are onnxruntime's own, described in
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md. Three choices are measured
(docs/sentiment.md): Add and LayerNormalization, not their fused form; attention without a mask, so that the
texts of a batch have one length; and of the last layer the first token alone, which is all that is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FUSED = "com.microsoft"
OPSET, FUSED_OPSET, IR_VERSION = 17, 1, 8

ENCODER = "bert.encoder.layer."
LEAST_RANGE = 1e-5  # of an input that was always 0
EVENED = 0.85  # how much of the unevenness of the input columns goes over to the weights

Column = NDArray[np.float32]

# Least and greatest value of each input column of each matrix, by the matrix' name in the model.
Ranges = Mapping[str, tuple[Column, Column]]


def build_graph(weights: Mapping[str, Any], config: Any, ranges: Ranges | None = None) -> Any:
    """Return the model: input_ids (batch, tokens) in, logits (batch, 3) out; 8 bits where ranges are given.

    ``weights`` is the state_dict of transformers' BertForSequenceClassification, ``config`` its config.
    The scales of the 8 bits are constants: a text gets the same answer in any batch.
    """
    from onnx import TensorProto, helper

    graph = _Graph(weights, config, ranges)
    hidden = graph.embeddings()
    for layer in range(config.num_hidden_layers - 1):
        hidden = graph.layer(hidden, hidden, f"{ENCODER}{layer}.")
    first = graph.first_token(hidden)
    logits = graph.head(graph.layer(first, hidden, f"{ENCODER}{config.num_hidden_layers - 1}."))
    made = helper.make_graph(
        graph.nodes,
        "bert",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["batch", "tokens"])],
        [helper.make_tensor_value_info(logits, TensorProto.FLOAT, ["batch", config.num_labels])],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, FUSED_OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)


class _Graph:
    """Nodes and constants in the order in which they are computed."""

    def __init__(self, weights: Mapping[str, Any], config: Any, ranges: Ranges | None) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._weights = weights
        self._heads, self._epsilon = config.num_attention_heads, config.layer_norm_eps
        self._ranges = ranges

    def embeddings(self) -> str:
        """Words, places and the first token type, then a norm."""
        at = "bert.embeddings."
        places = self._array(at + "position_embeddings.weight")
        places = places + self._array(at + "token_type_embeddings.weight")[0]
        words = self._constant(at + "words", self._array(at + "word_embeddings.weight"))
        inputs = ["input_ids", "", words, self._constant(at + "places", places), "", *self._norm(at)]
        outputs = ("embedded", "unused")
        return self._node("EmbedLayerNormalization", inputs, outputs, FUSED, epsilon=self._epsilon)

    def layer(self, asking: str, hidden: str, at: str) -> str:
        """Attention of some tokens to all, and feed-forward; each is added to what came in, then a norm."""
        own = at + "attention.self."
        query = self._multiply(asking, [own + "query"])
        key_and_value = self._multiply(hidden, [own + "key", own + "value"])
        seen = self._node(
            "MultiHeadAttention", query + key_and_value, (at + "seen",), FUSED, num_heads=self._heads
        )
        mixed = self._add_and_norm(seen, asking, at + "attention.output.")
        wide = self._multiply(mixed, [at + "intermediate.dense"])
        active = self._node("Gelu", wide, (at + "active",), FUSED)
        return self._add_and_norm(active, mixed, at + "output.")

    def first_token(self, hidden: str) -> str:
        """The first token of each text, (batch, 1, hidden)."""
        return self._node(
            "Gather", [hidden, self._constant("first_place", np.array([0]))], ("first",), axis=1
        )

    def head(self, first: str) -> str:
        """The pooled first token, and the labels."""
        flat = self._node("Squeeze", [first, self._constant("token_axis", np.array([1]))], ("flat",))
        pooled = self._gemm(flat, "bert.pooler.dense.", "pooled")
        return self._gemm(self._node("Tanh", [pooled], ("squashed",)), "classifier.", "logits")

    def _multiply(self, given: str, matrices: Sequence[str]) -> list[str]:
        """The products of one input with each of some matrices, their biases added."""
        biases = [self._constant(at + ".bias", self._array(at + ".bias")) for at in matrices]
        weights = [self._array(at + ".weight").T for at in matrices]
        if self._ranges is None:
            products = [
                self._node("MatMul", [given, self._constant(at, weight)], (at + ".product",))
                for at, weight in zip(matrices, weights, strict=True)
            ]
            return [
                self._node("Add", [product, bias], (product + ".out",))
                for product, bias in zip(products, biases, strict=True)
            ]
        at = matrices[0]
        low, high = self._ranges[at]
        balance = _balance(np.maximum(abs(low), abs(high)), abs(np.concatenate(weights, axis=1)).max(axis=1))
        scale, zero = _scale_of((low / balance).min(), (high / balance).max())
        scale_name, zero_name = self._constant(at + ".scale", scale), self._constant(at + ".zero", zero)
        even = self._node("Mul", [given, self._constant(at + ".balance", 1 / balance)], (at + ".even",))
        small = self._node("QuantizeLinear", [even, scale_name, zero_name], (at + ".small",))
        outputs = []
        for name, weight, bias in zip(matrices, weights, biases, strict=True):
            steps, matrix = _in_8_bits(weight * balance[:, None])
            constants = [self._constant(name, matrix), scale_name, self._constant(name + ".steps", steps)]
            inputs = [small, *constants, zero_name, "", bias]
            outputs.append(self._node("MatMulIntegerToFloat", inputs, (name + ".out",), FUSED))
        return outputs

    def _add_and_norm(self, given: str, before: str, at: str) -> str:
        total = self._node("Add", [*self._multiply(given, [at + "dense"]), before], (at + "sum",))
        return self._node(
            "LayerNormalization", [total, *self._norm(at)], (at + "normed",), epsilon=self._epsilon
        )

    def _gemm(self, given: str, at: str, out: str) -> str:
        weight = self._constant(at + "matrix", self._array(at + "weight"))
        bias = self._constant(at + "shift", self._array(at + "bias"))
        return self._node("Gemm", [given, weight, bias], (out,), transB=1)

    def _norm(self, at: str) -> list[str]:
        return [
            self._constant(at + f"norm_{part}", self._array(at + f"LayerNorm.{part}"))
            for part in ("weight", "bias")
        ]

    def _array(self, name: str) -> Any:
        return self._weights[name].detach().numpy()

    def _constant(self, name: str, array: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def _node(
        self, kind: str, inputs: Sequence[str], outputs: tuple[str, ...], domain: str = "", **attributes: Any
    ) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), domain=domain, **attributes))
        return outputs[0]


def _balance(inputs: Column, weights: Column) -> Column:
    """Return by what each input column is divided and its row of weights multiplied, so that both are even.

    A few columns of a BERT are a hundred times as large as the others, which then share the few steps that
    are left (Xiao et al. 2023, SmoothQuant, eq. 4).
    """
    ratio = np.maximum(inputs, LEAST_RANGE) ** EVENED / np.maximum(weights, LEAST_RANGE) ** (1 - EVENED)
    return ratio.astype(np.float32)


def _scale_of(low: float, high: float) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return scale and zero point of 256 steps from low to high, with 0 among them."""
    low, high = min(low, 0.0), max(high, LEAST_RANGE)
    scale = (high - low) / 255
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)


def _in_8_bits(weight: NDArray[np.float32]) -> tuple[Column, NDArray[np.int8]]:
    """Return the step of each column, and the matrix in steps."""
    steps = np.maximum(abs(weight).max(axis=0), LEAST_RANGE) / 127
    return steps, np.rint(weight / steps).astype(np.int8)
