"""Five looks at one question, at one model.

    lens         the first tokens of new and old answer through the layers
    map          the first of them at every layer and place
    attribution  what the model's own answer looks at
    trace        which states carry the fact
    languages    the question's hidden states in every language that Atlas has it in

The base model is asked the bare query, the edited one with the edit prompt, as in Edit
& Ask.
"""

from collections.abc import Callable

from xkde.asking.looking_inside import InsideQuestion, Look
from xkde.engines.transformers import TransformersEngine
from xkde.inside.attribution import Attribution, attribute
from xkde.inside.lens import Lens, LensMap, lens_words, read_lens, read_map
from xkde.inside.parts import read_prompt
from xkde.inside.states import LanguageStates, read_states
from xkde.inside.trace import CausalTrace, trace

Seen = Lens | LensMap | Attribution | CausalTrace | LanguageStates
Progress = Callable[[int, int], None]


def look_inside(
    look: Look,
    engine: TransformersEngine,
    asked: InsideQuestion,
    is_edited: bool,
    on_progress: Progress,
) -> Seen:
    """Take one look at one model; what ``on_progress`` raises ends it.

    Raises InputError or CheckpointError in words for what cannot be looked into.
    """
    edit = asked.edit if is_edited else None
    prompt = read_prompt(engine, asked.query, edit, asked.subjects)
    on_progress(0, 1)
    if look == "attribution":
        return attribute(engine, prompt)
    if look == "trace":
        return trace(engine, prompt, on_progress=on_progress)
    if look == "languages":
        prompts = [read_prompt(engine, query, edit) for query in asked.queries]
        return read_states(engine, prompts, on_progress)
    words = lens_words(engine, prompt, asked.answers)
    if look == "map":
        return read_map(engine, prompt, words[0].token_id, on_progress)
    return read_lens(engine, prompt, words)
