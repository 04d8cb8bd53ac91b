"""X-KDE: state a fact once, in one language, and ask about it in any other.

Imports go down only: __main__, speedrun > evaluation > editors, training > engines >
data, prompts, memory, checkpoints > types, languages, errors, paths.
"""

__version__ = "0.1.0"
