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
"""


class XkdeError(Exception):
    """Base of all errors that a person can mend; ``str(error)`` says how."""


class InputError(XkdeError):
    """Something typed or sent cannot be used as it is."""


class CheckpointError(XkdeError):
    """A checkpoint cannot be found, read or used."""


class DownloadError(XkdeError):
    """A transfer from the Hub did not come to its end."""


class DataError(XkdeError):
    """A file of records cannot be read."""


class BenchmarkError(DataError):
    """A file is no benchmark that X-KDE reads, or lacks what is asked of it."""


class SettingsError(XkdeError):
    """A settings file or an override does not fit."""
