"""X-KDE: state a fact once, in one language, and ask about it in any other.

    __main__.py   the command line
    errors.py     errors that a person can mend
    languages.py  53 languages with their codes in other projects
    locks.py      one process for each folder or file
    paths.py      folders and file names
    prompts.py    every prompt, and the way from a conversation to token ids
    speedrun.py   the paper in miniature, from nothing
    text.py       normalisation and comparison of text
    types.py      the records that all parts exchange
    writing.py    files that are there wholly or not at all
    asking/       what happens when somebody states an edit and asks
    bench/        measurements of speed
    checkpoints/  checkpoints
    commands/     the commands of ``python -m xkde``
    data/         what models are taught and asked
    editors/      how a model is made to obey an edit
    engines/      what runs models
    evaluation/   whether an answer is right
    hub/          downloads from the Hub
    memory/       the memory
    training/     the stages of training

Imports go down only: __main__, speedrun > evaluation > editors, training > engines >
data, prompts, memory, checkpoints > types, languages, errors, paths.
"""

__version__ = "0.1.0"
