"""Put the app on a Hugging Face Space of one's own.

python -m xkde deploy space OWNER/NAME --dry-run
python -m xkde deploy space OWNER/NAME --gemma --private

Needs a token that may write: HF_TOKEN, or “hf auth login”.
"""

import argparse

from xkde.commands.output import print_json, print_table
from xkde.hub import size_text
from xkde.hub.space import SpaceFile, space_files, upload


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("what", choices=("space",))
    parser.add_argument("name", help="the Space, as OWNER/NAME")
    parser.add_argument(
        "--dry-run", action="store_true", help="list what would be uploaded, only"
    )
    parser.add_argument(
        "--gemma", action="store_true", help="let it install Gemma 3 270M (240 MB)"
    )
    parser.add_argument(
        "--index", default="", help="address of PyTorch's builds for a CPU, for pip"
    )
    parser.add_argument("--private", action="store_true", help="make a private Space")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """List the files, or upload them."""
    files = space_files(with_gemma=arguments.gemma, index=arguments.index)
    about = {
        "space": arguments.name,
        "files": len(files),
        "size": size_text(sum(file.size for file in files)),
        "large files": sum(file.is_large for file in files),
    }
    if arguments.dry_run:
        _list(files, about, arguments.json)
        return
    about["address"] = upload(arguments.name, files, private=arguments.private)
    if arguments.json:
        print_json(about)
    else:
        print(f"Space: {about['address']}")


def _list(files: list[SpaceFile], about: dict[str, object], as_json: bool) -> None:
    if as_json:
        rows = [
            {"name": file.name, "bytes": file.size, "large": file.is_large}
            for file in files
        ]
        print_json({**about, "uploads": rows})
        return
    print_table(
        ["file", "size", "where"],
        [
            [
                file.name,
                size_text(file.size),
                "storage for large files" if file.is_large else "commit",
            ]
            for file in files
        ],
    )
    for key, value in about.items():
        print(f"{key}: {value}")
