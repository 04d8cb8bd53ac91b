"""Load a checkpoint, from a folder or by its Hub id, into a TransformersEngine.

If the folder holds an adapter, its base is loaded as well. Chooses devices and number
formats. The adapted model is a second tree of modules over the base's tensors, so the
base stays as it is and both may run at once. Where the adapted matrices are small they
are merged, W' = W + (alpha / r) B A, into copies of their own: two products fewer a
layer and token for, with Gemma 3 270M, 200 MB. All other tensors are shared. torch and
transformers are imported only when a checkpoint is loaded.

    load("assets/checkpoints/atlas-base")
"""

import copy
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xkde.checkpoints.catalogue import Reference, folder_of, resolve
from xkde.checkpoints.folders import ADAPTER_WEIGHTS, base_of, check_fits, is_adapter
from xkde.checkpoints.weights import read_headers, read_json
from xkde.engines.conversion import convert
from xkde.errors import CheckpointError, SettingsError, XkdeError
from xkde.paths import CHAT_TEMPLATE
from xkde.text import Json

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from xkde.engines.transformers import TransformersEngine

logger = logging.getLogger(__name__)

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
# Classes that take a tokenizer.json as it stands.
PLAIN_TOKENIZERS = ("TokenizersBackend", "PreTrainedTokenizerFast")
# Those that add nothing but the side that they pad.
PADS = {"GemmaTokenizer": "left", "GemmaTokenizerFast": "left"}
# What a tokenizer's configuration may say for its file to be taken as it stands.
SAID_BESIDE = frozenset(
    "backend bos_token eos_token is_local local_files_only mask_token model_max_length "
    "pad_token tokenizer_class unk_token".split()
)
CHATML_MARKS = ["<|im_start|>", "<|im_end|>"]
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# bf16 checkpoints of more parameters are not widened on a CPU: reading the weights
# takes most of a token's time there.
WIDENED_PARAMETERS = 100_000_000


def source_of(place: Reference) -> str:
    """Return a checkpoint's folder; a package is converted first, once.

    Raises CheckpointError for one that is only on the Hub.
    """
    if place.path is None and place.package is not None:
        logger.warning("%s is unpacked once; this takes 10 to 60 seconds", place.name)
        return str(convert(place.name, place.package))
    return str(folder_of(place))


def local_folder(reference: str, revision: str | None = None) -> Path:
    """Return where a checkpoint lies, as ``source_of`` does."""
    return Path(source_of(resolve(reference, revision)))


def load(
    folder_or_id: str | Path,
    *,
    device: str = "auto",
    dtype: Dtype = "auto",
    trust_remote_code: bool = False,
    revision: str | None = None,
    as_released: bool = False,
) -> "TransformersEngine":
    """Load a causal LM, its weights from safetensors files only.

    For ``device`` and ``dtype`` auto see ``choose_device`` and ``choose_dtype``, for
    ``as_released`` ``load_tokenizer``.
    Raises CheckpointError with the reason if the checkpoint cannot be found, read or
    used.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from xkde.engines.transformers import TransformersEngine

    name, folder = str(folder_or_id), Path(folder_or_id)
    if is_adapter(folder):
        own = source_of(base_of(folder))
        base = load(own, device=device, dtype=dtype, as_released=as_released)
        return with_adapter(base, folder)
    place = choose_device(device)
    where = _where(folder_or_id, revision, trust_remote_code)
    if not folder.is_dir():
        folder_of(resolve(name, revision))  # says how to fetch it
    tokenizer = load_tokenizer(
        folder_or_id,
        trust_remote_code=trust_remote_code,
        revision=revision,
        as_released=as_released,
    )
    with _in_words(name):
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                name,
                **where,
                dtype=choose_dtype(dtype, place, folder),
                use_safetensors=True,
                output_loading_info=True,
            )
            model, report = loaded
            model = model.to(place).eval()
            _project_whole_rows(model)
        except torch.OutOfMemoryError as error:
            raise CheckpointError(
                f"“{name}” does not fit into the memory of {place}. Choose another "
                "device, a narrower number format or a smaller model."
            ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise CheckpointError(
            f"“{name}” lacks {len(missing)} of its weights ({missing[0]}, …), so its "
            "answers would be random. Fetch or save it again."
        )
    return TransformersEngine(model, tokenizer, place)


def _project_whole_rows(model: "PreTrainedModel") -> None:
    """Hand the vocabulary projection its rows in one block of memory.

    A slice ``hidden_states[:, -1:]`` of a batch is not contiguous, and torch then
    copies the projection's matrix once for each row: 0.3 GB for Gemma's vocabulary.
    """
    head = model.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(lambda _, rows: (rows[0].contiguous(),))


def load_tokenizer(
    folder_or_id: str | Path,
    *,
    trust_remote_code: bool = False,
    revision: str | None = None,
    as_released: bool = False,
) -> "PreTrainedTokenizerBase":
    """Load a checkpoint's fast tokenizer, with the rules that it was trained with.

    For some architectures AutoTokenizer overrides rules of a checkpoint's
    tokenizer.json (Qwen2: it splits words otherwise and may add a token past the end of
    the embeddings). If the checkpoint names no class of its own, its file is used;
    ``as_released`` it is AutoTokenizer all the same, as in the paper's evaluation.
    An adapter without one has its base's, with its own chat template.
    """
    folder = Path(folder_or_id)
    if is_adapter(folder) and not (folder / "tokenizer.json").is_file():
        return adapter_tokenizer(load_tokenizer(source_of(base_of(folder))), folder)
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    from transformers.models.auto.tokenization_auto import get_tokenizer_config

    name = str(folder_or_id)
    where = _where(folder_or_id, revision, trust_remote_code)
    with _in_words(name):
        settings = get_tokenizer_config(name, **where)
        kind = settings.get("tokenizer_class")
        if _is_said_by_its_file(folder, settings) and not as_released:
            return _from_file(folder, settings)
        plain = kind in PLAIN_TOKENIZERS and not as_released
        loader = PreTrainedTokenizerFast if plain else AutoTokenizer
        tokenizer = loader.from_pretrained(name, **where)
    if not isinstance(tokenizer.model_max_length, int | float):
        raise CheckpointError(
            f"The tokenizer of “{name}” takes {tokenizer.model_max_length!r:.40} "
            "tokens, which is no number. Mend model_max_length in its "
            "tokenizer_config.json."
        )
    if not tokenizer.is_fast:
        raise CheckpointError(
            f"“{name}” has no fast tokenizer, which tells where each token stands in "
            "the text. Add its tokenizer.json."
        )
    return tokenizer


def _is_said_by_its_file(folder: Path, settings: Json) -> bool:
    """Tell whether a tokenizer.json needs nothing that only from_pretrained reads."""
    others = ("special_tokens_map.json", "added_tokens.json")
    return (
        settings.get("tokenizer_class") in PADS
        and SAID_BESIDE.issuperset(settings)
        and isinstance(settings.get("model_max_length", 0), int | float)
        and (folder / "tokenizer.json").is_file()
        and not any((folder / other).is_file() for other in others)
    )


def _from_file(folder: Path, settings: Json) -> "PreTrainedTokenizerBase":
    """Return the tokenizer of a file, which is parsed once.

    from_pretrained parses it four times, which takes seconds for Gemma's 33 MB.
    """
    from transformers import PreTrainedTokenizerFast

    given = {**settings, "padding_side": PADS[settings["tokenizer_class"]]}
    template = folder / CHAT_TEMPLATE
    if template.is_file():
        given["chat_template"] = template.read_text(encoding="utf-8")
    tokenizer: PreTrainedTokenizerBase = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        name_or_path=str(folder),
        **{k: v for k, v in given.items() if k not in ("tokenizer_class", "backend")},
    )
    return tokenizer


def adapter_tokenizer(
    base: "PreTrainedTokenizerBase", folder: Path
) -> "PreTrainedTokenizerBase":
    """Return the tokenizer of an adapter's folder, or its base's with its template."""
    if (folder / "tokenizer.json").is_file():
        return load_tokenizer(folder)
    tokenizer = copy.copy(base)  # the vocabulary stays one
    if (folder / CHAT_TEMPLATE).is_file():
        template = (folder / CHAT_TEMPLATE).read_text(encoding="utf-8")
        tokenizer.chat_template = template
    return tokenizer


def stop_ids_of(folder_or_id: str | Path) -> tuple[int, ...]:
    """Return the ids that end an answer, by a folder's generation_config.json."""
    file = Path(folder_or_id) / "generation_config.json"
    ids = read_json(file).get("eos_token_id") if file.is_file() else None
    return tuple(ids) if isinstance(ids, list) else () if ids is None else (int(ids),)


def choose_device(device: str = "auto") -> "torch.device":
    """Return a device; auto is the first available of CUDA, MPS and CPU."""
    import torch

    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return torch.device(next(kind for kind, is_on in available.items() if is_on))
    if not available.get(device.split(":")[0], False):
        raise SettingsError(
            f"There is no device “{device}” here. Choose auto, or one of "
            f"{', '.join(kind for kind, is_on in available.items() if is_on)}."
        )
    return torch.device(device)


def choose_dtype(
    dtype: Dtype, device: "torch.device", folder: Path | None = None
) -> "torch.dtype":
    """Return the number format; auto is bfloat16 on CUDA, float32 elsewhere.

    On a CPU narrow weights are widened, since a batch of one then answers like one of
    many; those of a folder with more than WIDENED_PARAMETERS stay bfloat16.
    """
    import torch

    is_narrow = device.type == "cuda" or (
        dtype == "auto" and device.type == "cpu" and _is_large_bf16(folder)
    )
    formats = {
        "auto": torch.bfloat16 if is_narrow else torch.float32,
        "float32": torch.float32,
        "bfloat16": torch.bfloat16,
        "float16": torch.float16,
    }
    if dtype not in formats:
        raise SettingsError(
            f"There is no number format “{dtype}”. Choose one of {', '.join(formats)}."
        )
    return formats[dtype]


def random_qwen2(
    tokenizer_folder: Path, shape: Mapping[str, Any], seed: int = 0
) -> "TransformersEngine":
    """Return a random Qwen2 model on the CPU, to measure speed without its weights.

    It reads ChatML with another checkpoint's tokenizer; ``shape`` holds parameters of
    its configuration. Its answers mean nothing.
    """
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from xkde.engines.transformers import TransformersEngine

    tokenizer = load_tokenizer(tokenizer_folder)
    tokenizer.add_special_tokens({"extra_special_tokens": list(CHATML_MARKS)})
    tokenizer.chat_template = CHATML
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(Qwen2Config(**shape)).eval()
    return TransformersEngine(model, tokenizer, torch.device("cpu"))


def _is_large_bf16(folder: Path | None) -> bool:
    if folder is None or not (folder / "config.json").is_file():
        return False
    headers = read_headers(folder).values()
    tensors = [tensor for header in headers for tensor in header.values()]
    return (
        all(tensor.dtype == "BF16" for tensor in tensors)
        and sum(tensor.parameters for tensor in tensors) > WIDENED_PARAMETERS
    )


def _where(
    folder_or_id: str | Path, revision: str | None, trust_remote_code: bool
) -> dict[str, Any]:
    """Return from_pretrained's options for a folder or a Hub id."""
    name, folder = str(folder_or_id), Path(folder_or_id)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise CheckpointError(
                f"The folder “{name}” holds no config.json, so it is no checkpoint. "
                "Choose the folder that has it beside the weights."
            )
        return {"local_files_only": True, "trust_remote_code": trust_remote_code}
    if isinstance(folder_or_id, Path) or folder.is_absolute() or name.count("/") != 1:
        raise CheckpointError(
            f"There is no folder “{name}”. Give a checkpoint's folder, or a Hub id "
            "such as Qwen/Qwen2.5-0.5B-Instruct."
        )
    return {"revision": revision, "trust_remote_code": trust_remote_code}


@contextmanager
def _in_words(name: str) -> Iterator[None]:
    """Let the libraries read files of anybody; raise CheckpointError if they cannot."""
    try:
        yield
    except XkdeError:
        raise
    # No narrower class: tokenizers raises Exception itself for a file that it cannot
    # read, huggingface_hub and transformers what their own code stumbles on (a
    # StrictDataclassError, a ZeroDivisionError for 0 heads, a KeyError for an unknown
    # activation).
    except Exception as error:
        raise CheckpointError(
            "“{name}” could not be loaded, because {reason}. Check that it is a whole "
            "checkpoint with safetensors weights and a tokenizer, then try again.",
            name=name,
            reason=reason_of(error),
        ) from error


def reason_of(error: BaseException) -> str:
    """Return the first line of what a library says; its error's name where that helps.

    A KeyError says nothing but the key.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # "Validation error for field 'hidden_size':", and what is wrong in the next line
    text = " ".join(lines[:2] if lines and lines[0].endswith(":") else lines[:1])
    says_little = isinstance(error, LookupError) or not text
    name = type(error).__name__
    return (
        f"{name}: {text}".rstrip(": .")[:300] if says_little else text.rstrip(".")[:300]
    )


MERGED_BYTES = 1 << 30  # adapted matrices of more are not copied but left unmerged


def with_adapter(
    base: "TransformersEngine", folder: Path, merged_bytes: int = MERGED_BYTES
) -> "TransformersEngine":
    """Return an engine of the base with a folder's adapter; ``base`` is not changed.

    Raises CheckpointError for an adapter of another base.
    """
    from peft import PeftModel
    from safetensors import SafetensorError
    from transformers import GenerationConfig

    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise CheckpointError(
            "There is no {file} in {folder}. Copy the adapter again, or save it with "
            "PEFT's save_pretrained.",
            file=ADAPTER_WEIGHTS,
            folder=folder,
        )
    parameters = base.model.named_parameters(remove_duplicate=False)
    check_fits(folder, {name: tuple(each.shape) for name, each in parameters})
    try:
        adapted: Any = PeftModel.from_pretrained(
            shared_tree(base.model),
            str(folder),
            torch_device=str(base.device),
            low_cpu_mem_usage=True,  # no random weights first
        )
    except (OSError, ValueError, RuntimeError, TypeError, SafetensorError) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CheckpointError(
            "The adapter in {folder} could not be loaded: {reason}. Check that it was "
            "made for this base, and by a PEFT of this version or an earlier one.",
            folder=folder,
            reason=reason.rstrip("."),
        ) from error
    network = _merged(adapted, merged_bytes).eval().requires_grad_(False)
    own = folder / "generation_config.json"
    if own.is_file():
        network.generation_config = GenerationConfig.from_pretrained(folder)
    tokenizer = adapter_tokenizer(base.tokenizer, folder)
    return replace(base, model=network, tokenizer=tokenizer)


def shared_tree(model: "PreTrainedModel") -> "PreTrainedModel":
    """Return the model again: other modules over the same tensors."""
    tensors = (*model.parameters(), *model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def _merged(adapted: Any, merged_bytes: int) -> Any:
    """Return the network with its adapter merged, or active in it if that is large."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers: list[Any] = [
        module.get_base_layer()
        for module in adapted.modules()
        if isinstance(module, BaseTunerLayer)
    ]
    if sum(layer.weight.nbytes for layer in layers) > merged_bytes:
        return adapted.get_base_model()
    for layer in layers:  # else the base's own weights would be changed
        weight = layer.weight.detach().clone()
        layer.weight = torch.nn.Parameter(weight, requires_grad=False)
    return adapted.merge_and_unload()
