"""A model of two layers and four tokens whose inside is known by hand.

Embeddings: token 1 is (1, 0), token 2 is (0, 1), tokens 0 and 3 are (0, 0). The first
layer doubles every state, the second adds up all states so far. The head scores token n
by U[n] · h with U = (0,0), (1,0), (0,1), (1,1). For the prompt (1, 2) the states at its
end are (0,1), (0,2) and (2,2), so the logits there are (0,0,1,1), (0,0,2,2), (0,2,2,4).
"""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from xkde.engines.transformers import TransformersEngine
from xkde.inside.parts import PartToken, ReadPrompt
from xkde.types import Query

HEAD = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
EMBEDDINGS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])


class Doubling(nn.Module):
    def forward(self, states: Tensor) -> Tensor:
        return 2 * states


class AddingUp(nn.Module):
    def forward(self, states: Tensor) -> Tensor:
        return states.cumsum(dim=1)


class TwoLayers(PreTrainedModel):
    """The model; ``layers`` is found by its length."""

    config_class = PretrainedConfig

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__(config)
        self.embed = nn.Embedding(4, 2)
        self.embed.weight.data.copy_(EMBEDDINGS)
        self.layers = nn.ModuleList([Doubling(), AddingUp()])

    def get_input_embeddings(self) -> nn.Module:
        return self.embed

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, use_cache: bool = False
    ) -> CausalLMOutput:
        states = self.embed(input_ids)
        for layer in self.layers:
            states = layer(states)
        return CausalLMOutput(logits=states @ HEAD.T)


def two_layers() -> TransformersEngine:
    """Return an engine of the model; token n is written as n."""
    config = PretrainedConfig(num_hidden_layers=2, hidden_size=2, vocab_size=4)
    tokenizer: Any = SimpleNamespace(
        decode=lambda ids, **_: "".join(map(str, ids)), eos_token_id=0
    )
    return TransformersEngine(TwoLayers(config).eval(), tokenizer, torch.device("cpu"))


def prompt_of(*ids: int, subject: tuple[int, ...] = (0,)) -> ReadPrompt:
    """Return a prompt of these tokens; ``subject`` are the places of its name."""
    tokens = tuple(
        PartToken(str(token), "query", place in subject)
        for place, token in enumerate(ids)
    )
    return ReadPrompt(Query("?", "en"), "?", ids, tokens)
