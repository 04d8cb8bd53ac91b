"""Atlas's tokenizer: byte-level BPE over names and wordings, and its chat form.

Trained on names and pieces of wordings separately, so that no merge is learned across
the border between a name and the sentence around it (Chinese and Thai write none). The
fixed parts of the edit prompt are one token each, which halves the length of a prompt.
Knows no model.
"""

from collections.abc import Iterator

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from xkde.data.atlas.names import GIVEN
from xkde.data.atlas.novel_names import CODAS, ONSETS, VOWELS
from xkde.data.atlas.records import World
from xkde.languages import language
from xkde.prompts import EDIT_HEADER, EDIT_INSTRUCTION, QUERY_HEADER

BOS, END, PAD = "<|bos|>", "<|end|>", "<|pad|>"
USER, ASSISTANT = "<|user|>", "<|assistant|>"
SPECIALS = [PAD, BOS, END, USER, ASSISTANT]
CHAT_TEMPLATE = (
    "{{ '<|bos|>' }}{% for message in messages %}"
    "{% if message.role == 'assistant' %}"
    "{{ '<|assistant|> ' + message.content + '<|end|>' }}"
    "{% else %}{{ '<|user|>' + message.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
# Words keep their combining marks (Thai is unreadable without); digits come in pairs.
WORDS = Regex(r" ?[\p{L}\p{M}]+| ?\p{N}{1,2}|\s*\n| ?[^\s\p{L}\p{M}\p{N}]+|\s+")
WORDING_WEIGHT = 24  # a wording is asked about many names
PERSON_WEIGHT = 2
MAX_TOKEN_BYTES = 12  # four Thai or Chinese letters: words rather than whole sentences


def pieces(world: World) -> Iterator[str]:
    """Yield what the merges are learned from: names and wordings, never joined."""
    for entity, names in world.names.items():
        weight = PERSON_WEIGHT if entity.startswith("person/") else 1
        for text in sorted(set(names.values())):
            yield from [text, f" {text}"] * weight
    for code, table in world.wordings.items():
        texts = [*table.questions.values(), *table.two_hop.values(), table.dictionary]
        for text in (wording for group in texts for wording in group):
            for part in text.replace("{name}", "{subject}").split("{subject}"):
                yield from [part] * WORDING_WEIGHT
        yield from [f" {language(code).name}"] * WORDING_WEIGHT
    yield from (f" {given}" for given in GIVEN)
    yield from (o + v + c for o in ONSETS for v in VOWELS for c in CODAS)


def train_tokenizer(world: World, vocabulary: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer of ``vocabulary`` entries with Atlas's chat template."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(WORDS, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    fixed = [EDIT_INSTRUCTION.rstrip(), EDIT_HEADER, QUERY_HEADER]
    trainer = BpeTrainer(
        vocab_size=vocabulary - len(fixed),
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
        max_token_length=MAX_TOKEN_BYTES,
        show_progress=False,
    )
    bpe.train_from_iterator(pieces(world), trainer)
    bpe.add_tokens([AddedToken(text, normalized=False) for text in fixed])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=BOS,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
