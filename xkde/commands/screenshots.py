"""Take the README's pictures of the app: light, dark, phone, English and Chinese.

    python -m xkde screenshots

Starts the app on a free port, uses it in a real browser, writes PNG files into
``assets/screenshots``.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: none."""


def run(arguments: argparse.Namespace) -> None:
    """Take the pictures and name them."""
    from xkde.bench.screenshots import take

    for path in take():
        print(path)
