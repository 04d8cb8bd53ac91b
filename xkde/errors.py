"""What can go wrong by a person's doing, each with the way out in its message.

XkdeError
├── InputError        something typed or sent: an edit, a query, an option
├── CheckpointError   a model that cannot be found, read or used
├── DownloadError     a transfer from the Hub that did not come to its end
├── DataError         a file of records that cannot be read
│   └── BenchmarkError   one that is no benchmark, or lacks what is asked of it
└── SettingsError     a settings file or override that does not fit

Every message is one or two sentences for the person who reads it. Anything else that is
raised is a mistake of ours and may end the program.

A message that the app shows is an English template with its values, as in
``InputError("“{name}” is not offered.", name=name)``: ``str(error)`` is the English
sentence, ``error.notice`` keeps both, so that ``pages.shell.strings`` can translate it
with ``assets/strings/notices_zh.json``.
"""

from collections.abc import Mapping
from typing import Self


class Notice(str):
    """An English sentence for a person that keeps its template and values.

    A value may be a notice itself, as the reason within an error, or a tuple of them.
    Without values nothing is formatted, so a text may hold braces.
    """

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Self:
        """Format the template."""
        plain = {name: plain_text(value) for name, value in values.items()}
        made = super().__new__(cls, template.format(**plain) if values else template)
        made.template, made.values = template, values
        if isinstance(template, Notice) and not values:
            made.template, made.values = template.template, template.values
        return made


def plain_text(value: object) -> object:
    """Return a notice's value as English shows it: a tuple as a list with commas."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


class XkdeError(Exception):
    """Base of all errors that a person can mend; ``str(error)`` says how."""

    def __init__(self, template: str, /, **values: object) -> None:
        self.notice = Notice(template, **values)
        super().__init__(self.notice)


class InputError(XkdeError):
    """Something typed or sent cannot be used as it is."""


class CheckpointError(XkdeError):
    """A checkpoint cannot be found, read or used."""


class NotFiniteError(CheckpointError):
    """A model, or an edit of its weights, gives values that are no numbers."""


class DownloadError(XkdeError):
    """A transfer from the Hub did not come to its end."""


class DataError(XkdeError):
    """A file of records cannot be read."""


class BenchmarkError(DataError):
    """A file is no benchmark that X-KDE reads, or lacks what is asked of it."""


class SettingsError(XkdeError):
    """A settings file or an override does not fit."""
