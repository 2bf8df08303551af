"""A BERT classifier written down as an ONNX graph, in 32 bits or with its matrix products in 8.

Built node by node from the weights: torch's own export took 42 s and a further package where this takes none.
Operators with the domain com.microsoft are onnxruntime's own, described in
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md. Three choices are measured
(docs/sentiment.md): Add and LayerNormalization, not their fused form; the tokens of all texts of a batch lie
one after the other without padding, and only attention is computed apart, for the texts of each length; and
of the last layer the first token alone, which is all that is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

FUSED = "com.microsoft"
OPSET, FUSED_OPSET, IR_VERSION = 17, 1, 8

ENCODER = "bert.encoder.layer."
LENGTHS = 8  # the texts of a batch have at most so many different ones
LEAST_RANGE = 1e-5  # of an input that was always 0
PARTS = 4  # of the wide layer: more parts are smaller products, and no faster
EVENED = 0.85  # how much of the unevenness of the input columns goes over to the weights

Column = NDArray[np.float32]

# Least and greatest value of each input column of each matrix, by the matrix' name in the model.
Ranges = Mapping[str, tuple[Column, Column]]


def build_graph(weights: Mapping[str, Any], config: Any, ranges: Ranges | None = None) -> Any:
    """Return the model: ``graph_inputs`` in, logits (texts, 3) out; 8 bits where ranges are given.

    ``weights`` is the state_dict of transformers' BertForSequenceClassification, ``config`` its config.
    The scales of the 8 bits are constants: a text gets the same answer in any batch.
    """
    from onnx import TensorProto, helper

    graph = _Graph(weights, config, ranges)
    hidden = graph.embeddings()
    for layer in range(config.num_hidden_layers - 1):
        hidden = graph.layer(hidden, hidden, f"{ENCODER}{layer}.")
    first = graph.first_tokens(hidden)
    logits = graph.head(graph.layer(first, hidden, f"{ENCODER}{config.num_hidden_layers - 1}."))
    given = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT32, [1, "tokens"]),
        helper.make_tensor_value_info("places", TensorProto.INT32, [1, "tokens"]),
        helper.make_tensor_value_info("firsts", TensorProto.INT64, ["texts"]),
        helper.make_tensor_value_info("groups", TensorProto.INT64, [LENGTHS, 2]),
    ]
    answer = helper.make_tensor_value_info(logits, TensorProto.FLOAT, ["texts", config.num_labels])
    made = helper.make_graph(graph.nodes, "bert", given, [answer], graph.constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, FUSED_OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)


def graph_inputs(pieces: Sequence[Sequence[int]]) -> dict[str, NDArray[Any]]:
    """Return what the graph is given for texts of which those of one length follow each other.

    ``input_ids`` and ``places``, (1, tokens): all texts one after the other; ``firsts``, (texts,): where each
    begins; ``groups``, (8, 2): how many texts of which length follow each other. More lengths: IndexError.
    """
    lengths = [len(piece) for piece in pieces]
    groups = np.tile([0, 1], (LENGTHS, 1))
    for row, (length, same) in enumerate(groupby(lengths)):
        groups[row] = len(list(same)), length
    return {
        "input_ids": np.array([[*chain(*pieces)]], np.int32),
        "places": np.array([[*chain(*map(range, lengths))]], np.int32),
        "firsts": np.cumsum([0, *lengths[:-1]]),
        "groups": groups,
    }


@dataclass(frozen=True, slots=True)
class _Steps:
    """What each column of an input is divided by, and the scale and zero point of its 8 bits then."""

    balance: Column
    scale: NDArray[np.float32]
    zero: NDArray[np.uint8]


class _Graph:
    """Nodes and constants in the order in which they are computed."""

    def __init__(self, weights: Mapping[str, Any], config: Any, ranges: Ranges | None) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._weights = weights
        self._heads, self._epsilon = config.num_attention_heads, config.layer_norm_eps
        self._ranges = ranges
        self._shapes = self._read_groups(config.hidden_size)

    def embeddings(self) -> str:
        """Words, places and the first token type, then a norm: (tokens, hidden)."""
        at = "bert.embeddings."
        places = self._array(at + "position_embeddings.weight")
        places = places + self._array(at + "token_type_embeddings.weight")[0]
        words = self._constant(at + "words", self._array(at + "word_embeddings.weight"))
        inputs = ["input_ids", "", words, self._constant(at + "places", places), "", *self._norm(at)]
        outputs = ("embedded", "unused")
        self._node("EmbedLayerNormalization", [*inputs, "", "places"], outputs, FUSED, epsilon=self._epsilon)
        return self._node("Squeeze", ["embedded", self._constant("batch_axis", np.array([0]))], ("tokens",))

    def layer(self, asking: str, hidden: str, at: str) -> str:
        """Attention of some tokens to all, and feed-forward; each is added to what came in, then a norm."""
        own = at + "attention.self."
        query, others = own + "query", [own + "key", own + "value"]
        if asking == hidden:
            asked, *known = map(self._by_length, self._multiply(hidden, [query, *others]))
        else:
            asked = self._one_each(*self._multiply(asking, [query]))
            known = [self._by_length(product) for product in self._multiply(hidden, others)]
        seen = self._attention(at + "seen", asked, *known)
        (mixture,) = self._multiply(seen, [at + "attention.output.dense"])
        mixed = self._add_and_norm(mixture, asking, at + "attention.output.")
        return self._add_and_norm(self._feed_forward(mixed, at), mixed, at + "output.")

    def first_tokens(self, hidden: str) -> str:
        """The first token of each text, (texts, hidden)."""
        return self._node("Gather", [hidden, "firsts"], ("first_tokens",))

    def head(self, first: str) -> str:
        """The pooled first token, and the labels."""
        pooled = self._gemm(first, "bert.pooler.dense.", "pooled")
        return self._gemm(self._node("Tanh", [pooled], ("squashed",)), "classifier.", "logits")

    def _read_groups(self, hidden_size: int) -> list[str]:
        """The shape (texts, length, hidden) of each group, and how many tokens and texts it has."""
        self._node("ReduceProd", ["groups"], ("group_tokens",), axes=[1], keepdims=0)
        column = self._constant("texts_column", np.array(0))
        self._node("Gather", ["groups", column], ("group_texts",), axis=1)
        sizes = self._constant("hidden_sizes", np.full((LENGTHS, 1), hidden_size))
        self._node("Concat", ["groups", sizes], ("group_shapes",), axis=1)
        self._node("Reshape", ["group_shapes", self._constant("one_axis", np.array([-1]))], ("shape_list",))
        return self._split(["shape_list"], "shape")

    def _by_length(self, given: str) -> list[str]:
        """The rows (tokens, hidden) of each group apart, (texts, length, hidden)."""
        parts = self._split([given, "group_tokens"], given)
        pairs = zip(parts, self._shapes, strict=True)
        return [self._node("Reshape", [part, shape], (part + ".texts",)) for part, shape in pairs]

    def _one_each(self, given: str) -> list[str]:
        """The one row a text (texts, hidden) of each group apart, (texts, 1, hidden)."""
        axis = self._constant(given + ".axis", np.array([1]))
        rows = self._node("Unsqueeze", [given, axis], (given + ".rows",))
        return self._split([rows, "group_texts"], given)

    def _split(self, inputs: Sequence[str], name: str) -> list[str]:
        parts = [f"{name}.{group}" for group in range(LENGTHS)]
        self._node("Split", inputs, tuple(parts), axis=0)
        return parts

    def _attention(self, name: str, *asked_keys_values: list[str]) -> str:
        """Each group's attention for itself, and all rows one after the other again."""
        parts = []
        for group, inputs in enumerate(zip(*asked_keys_values, strict=True)):
            part = f"{name}.{group}"
            self._node("MultiHeadAttention", inputs, (part,), FUSED, num_heads=self._heads)
            parts.append(self._node("Flatten", [part], (part + ".rows",), axis=2))
        return self._node("Concat", parts, (name,), axis=0)

    def _multiply(self, given: str, matrices: Sequence[str]) -> list[str]:
        """The products of one input with each of some matrices, their biases added."""
        if self._ranges is None:
            return [self._exact(given, at) for at in matrices]
        steps = self._steps(self._ranges, matrices)
        small = self._in_8_bits(given, steps, matrices[0])
        return [self._product(small, steps, *self._matrix(at), at) for at in matrices]

    def _feed_forward(self, mixed: str, at: str) -> str:
        """The wide layer, GELU, and back; in 8 bits the wide one is made in parts of columns alike in range.

        The scale of a part's 8 bits evens it out; only the part of the largest is evened column by column.
        """
        wide, narrow = at + "intermediate.dense", at + "output.dense"
        if self._ranges is None:
            active = self._node("Gelu", [self._exact(mixed, wide)], (wide + ".active",), FUSED)
            return self._exact(active, narrow)
        steps, after = self._steps(self._ranges, [wide]), self._steps(self._ranges, [narrow])
        balance, order = after.balance.copy(), np.argsort(after.balance)
        for columns in np.array_split(order, PARTS)[:-1]:
            balance[columns] = balance[columns].max()
        small = self._in_8_bits(mixed, steps, wide)
        weight, bias = self._matrix(wide)
        parts: list[str] = []
        for columns in np.array_split(order, PARTS):
            part, level = f"{wide}.{len(parts)}", balance[columns].max()
            product = self._product(small, steps, weight[:, columns], bias[columns], part)
            active = self._node("Gelu", [product], (part + ".active",), FUSED)
            own = _Steps(balance[columns] / level, after.scale * level, after.zero)
            parts.append(self._in_8_bits(active, own, part + ".active"))
        active = self._node("Concat", parts, (wide + ".active",), axis=-1)
        weight, bias = self._matrix(narrow)
        ordered = _Steps(balance[order], after.scale, after.zero)
        return self._product(active, ordered, weight[order], bias, narrow)

    def _steps(self, ranges: Ranges, matrices: Sequence[str]) -> _Steps:
        """Return how the input of some matrices comes to 8 bits."""
        low, high = ranges[matrices[0]]
        weights = abs(np.concatenate([self._matrix(at)[0] for at in matrices], axis=1)).max(axis=1)
        balance = _balance(np.maximum(abs(low), abs(high)), weights)
        return _Steps(balance, *_scale_of((low / balance).min(), (high / balance).max()))

    def _in_8_bits(self, given: str, steps: _Steps, at: str) -> str:
        if (steps.balance != 1).any():
            given = self._node(
                "Mul", [given, self._constant(at + ".balance", 1 / steps.balance)], (at + ".even",)
            )
        constants = [self._constant(at + ".scale", steps.scale), self._constant(at + ".zero", steps.zero)]
        return self._node("QuantizeLinear", [given, *constants], (at + ".small",))

    def _product(self, small: str, steps: _Steps, weight: Column, bias: Column, at: str) -> str:
        """The product of an input in 8 bits with a matrix that is brought to 8 bits here."""
        sizes, matrix = _matrix_in_8_bits(weight * steps.balance[:, None])
        scale, zero = self._constant(at + ".from", steps.scale), self._constant(at + ".origin", steps.zero)
        inputs = [small, self._constant(at, matrix), scale, self._constant(at + ".sizes", sizes), zero, ""]
        inputs.append(self._constant(at + ".bias", bias))
        return self._node("MatMulIntegerToFloat", inputs, (at + ".out",), FUSED)

    def _exact(self, given: str, at: str) -> str:
        """The product in 32 bits."""
        weight, bias = self._matrix(at)
        product = self._node("MatMul", [given, self._constant(at, weight)], (at + ".product",))
        return self._node("Add", [product, self._constant(at + ".bias", bias)], (at + ".out",))

    def _matrix(self, at: str) -> tuple[Column, Column]:
        """Return weights (inputs, outputs) and bias."""
        return self._array(at + ".weight").T, self._array(at + ".bias")

    def _add_and_norm(self, given: str, before: str, at: str) -> str:
        total = self._node("Add", [given, before], (at + "sum",))
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


def _matrix_in_8_bits(weight: Column) -> tuple[Column, NDArray[np.int8]]:
    """Return the step of each column, and the matrix in steps, of two neighbouring rows at most 128 together.

    A processor without VNNI adds the products of two neighbours in 16 bits, and cuts off what is too large:
    255 * 128 is not, so that every processor gets the same sums.
    """
    together = abs(weight[::2] + weight[1::2]).max(axis=0)
    steps = np.maximum(np.maximum(abs(weight).max(axis=0), together), LEAST_RANGE) / 127
    return steps, np.rint(weight / steps).astype(np.int8)
