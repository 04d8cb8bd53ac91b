"""Print the exact prompt of an edit and a query, and its token ids.

    python -m xkde prompt --edit "What is the capital of Japan?" --answer Osaka \\
        --query "日本的首都是哪里？" --language zh --checkpoint atlas-xe-it
"""

import argparse

from xkde.commands.output import print_json
from xkde.languages import language
from xkde.prompts import WRAPPERS, ask, edit_prompt, encode
from xkde.types import Edit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--edit", default="", help="the edit's question; none: bare query"
    )
    parser.add_argument("--answer", default="", help="the edit's new answer")
    parser.add_argument("--query", required=True)
    parser.add_argument("--language", default="en", help="language of the query")
    parser.add_argument("--checkpoint", default="atlas-xe-it", help="whose tokenizer")
    parser.add_argument("--wrapper", default="hf_template", choices=WRAPPERS)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Build the prompt and print it."""
    from xkde.engines.loading import load_tokenizer, local_folder

    tokenizer = load_tokenizer(local_folder(arguments.checkpoint))
    edits = [Edit(arguments.edit, arguments.answer, "")] if arguments.edit else []
    text = edit_prompt(edits, arguments.query, language(arguments.language).name)
    encoded = encode(tokenizer, ask(text, arguments.language), arguments.wrapper)
    pieces = [tokenizer.decode([token_id]) for token_id in encoded.ids]
    if arguments.json:
        print_json(
            {
                "text": encoded.text,
                "ids": encoded.ids,
                "tokens": pieces,
                "wrapper": arguments.wrapper,
                "checkpoint": arguments.checkpoint,
            }
        )
        return
    print(encoded.text)
    print(f"\n{len(encoded.ids)} tokens:")
    print(
        " ".join(f"{i}:{piece!r}" for i, piece in zip(encoded.ids, pieces, strict=True))
    )
