"""A BERT classifier written down as an ONNX graph of onnxruntime's fused operators.

Built node by node from the weights: torch's own export took 42 s and a further package where this takes none,
and its graph of forty small operators a layer ran no faster. The operators are those of
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md (domain com.microsoft).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FUSED = "com.microsoft"
OPSET, FUSED_OPSET, IR_VERSION = 17, 1, 8
# Tells onnxruntime's quantiser that shapes need no inference: it cannot infer those of fused operators.
PREPARED = {"onnx.quant.pre_process": "onnxruntime.quant"}


def build_graph(weights: Mapping[str, Any], config: Any) -> Any:
    """Return the model: input_ids (batch, tokens) and lengths (batch,) in, logits (batch, 3) out, all 32 bit.

    ``weights`` is the state_dict of transformers' BertForSequenceClassification, ``config`` its config.
    """
    from onnx import TensorProto, helper

    graph = _Graph(weights, config.layer_norm_eps)
    hidden = graph.embeddings()
    for layer in range(config.num_hidden_layers):
        hidden = graph.layer(hidden, f"bert.encoder.layer.{layer}.", config.num_attention_heads)
    logits = graph.head(hidden)
    made = helper.make_graph(
        graph.nodes,
        "bert",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["batch", "tokens"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"]),
        ],
        [helper.make_tensor_value_info(logits, TensorProto.FLOAT, ["batch", config.num_labels])],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, FUSED_OPSET)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)
    helper.set_model_props(model, PREPARED)
    return model


class _Graph:
    """Nodes and constants in the order in which they are computed."""

    def __init__(self, weights: Mapping[str, Any], epsilon: float) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._weights = weights
        self._epsilon = epsilon

    def embeddings(self) -> str:
        """Words, places and the first token type, then a norm."""
        at = "bert.embeddings."
        places = self._array(at + "position_embeddings.weight")
        places = places + self._array(at + "token_type_embeddings.weight")[0]
        inputs = [
            "input_ids",
            "",
            self._constant(at + "words", self._array(at + "word_embeddings.weight")),
            self._constant(at + "places", places),
            "",
            *self._norm(at),
        ]
        return self._node(
            "EmbedLayerNormalization", inputs, ("embedded", "unused"), FUSED, epsilon=self._epsilon
        )

    def layer(self, hidden: str, at: str, heads: int) -> str:
        """Attention and feed-forward, each added to what came in, then a norm."""
        own = [at + f"attention.self.{name}." for name in ("query", "key", "value")]
        joined = np.concatenate([self._array(name + "weight").T for name in own], axis=1)
        bias = np.concatenate([self._array(name + "bias") for name in own])
        names = (self._constant(at + "qkv", joined), self._constant(at + "qkv_bias", bias))
        seen = self._node("Attention", [hidden, *names, "lengths"], (at + "seen",), FUSED, num_heads=heads)
        mixed = self._add_and_norm(
            self._multiply(seen, at + "attention.output."), hidden, at + "attention.output."
        )
        wide = self._multiply(mixed, at + "intermediate.")
        bias_name = self._constant(at + "intermediate.bias", self._array(at + "intermediate.dense.bias"))
        active = self._node("BiasGelu", [wide, bias_name], (at + "active",), FUSED)
        return self._add_and_norm(self._multiply(active, at + "output."), mixed, at + "output.")

    def head(self, hidden: str) -> str:
        """The pooled first token, and the labels."""
        first = self._node("Gather", [hidden, self._constant("first_place", np.array(0))], ("first",), axis=1)
        pooled = self._linear(first, "bert.pooler.dense.", "pooled")
        return self._linear(self._node("Tanh", [pooled], ("squashed",)), "classifier.", "logits")

    def _multiply(self, given: str, at: str) -> str:
        weight = self._constant(at + "weight", self._array(at + "dense.weight").T)
        return self._node("MatMul", [given, weight], (at + "product",))

    def _add_and_norm(self, given: str, before: str, at: str) -> str:
        bias = self._constant(at + "bias", self._array(at + "dense.bias"))
        inputs = [given, before, *self._norm(at), bias]
        return self._node("SkipLayerNormalization", inputs, (at + "normed",), FUSED, epsilon=self._epsilon)

    def _linear(self, given: str, at: str, out: str) -> str:
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
