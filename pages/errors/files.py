"""What is made of labels: agreement on the page, reports, exports, imports."""

import re
import tempfile
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from pages.errors.case import answers_of, evidence_of, gloss_of, language_name
from pages.errors.session import LabellingSession
from pages.shell.components import Outputs
from pages.shell.strings import Interface, interface_language, shown_error, tr
from pages.shell.templates import render
from xkde.errors import DataError, XkdeError
from xkde.labelling import store
from xkde.labelling.agreement import MACHINE
from xkde.labelling.exchange import FORMATS, read_labels
from xkde.labelling.records import LabelledCase
from xkde.labelling.report import LabelReport, report_of
from xkde.writing import write_aside

LARGEST = 50_000_000  # bytes of an imported file
_MARKDOWN = re.compile(r"([\\`*_\[\]|])")


def compare(request: gr.Request, session: LabellingSession) -> str:
    """Return counts, agreement and disagreements as HTML."""
    interface = interface_language(request)
    return report_html(_report(session, interface), interface, "errors/findings.html")


def report(request: gr.Request, session: LabellingSession) -> Outputs:
    """Write the report as HTML that opens offline, and as Markdown."""
    interface = interface_language(request)
    made = _report(session, interface)
    page = report_html(made, interface, "errors/report.html")
    files = [
        _written("report.html", page),
        _written("report.md", report_markdown(made, interface)),
    ]
    return {"file": gr.File(files, visible=True)}


def export(request: gr.Request, session: LabellingSession, name: str) -> Outputs:
    """Write labels in one of the forms."""
    interface = interface_language(request)
    form = FORMATS[name if name in FORMATS else "jsonl"]
    text = form.write(_labelled(session, interface))
    return {"file": gr.File([_written(f"labels{form.suffix}", text)], visible=True)}


def take_over(request: gr.Request, file: str | None) -> None:
    """Add the labels of a file; none of them where one cannot be read."""
    interface = interface_language(request)
    if not file:
        return
    try:
        cases = read_labels(_text(Path(file)))
        new = store.store_all(store.default_file(), cases)
    except XkdeError as error:
        raise shown_error(error, interface) from error
    total = sum(len(each.labels) for each in cases)
    gr.Info(tr("errors_imported", interface, n=new, of=total))


def _text(file: Path) -> str:
    if file.stat().st_size > LARGEST:
        raise DataError("The file is larger than {most} MB: split it.", most=50)
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            "The file is not in UTF-8. Save it as UTF-8, then import it again."
        ) from error


def _labelled(session: LabellingSession, interface: Interface) -> list[LabelledCase]:
    try:
        found = session.labelled()
    except XkdeError as error:
        raise shown_error(error, interface) from error
    if not found:
        raise gr.Error(tr("errors_no_labels", interface), print_exception=False)
    return found


def _report(session: LabellingSession, interface: Interface) -> LabelReport:
    return report_of(
        _labelled(session, interface),
        session.choice,
        len(session.cases),
        session.matching,
    )


def report_html(report: LabelReport, interface: Interface, template: str) -> str:
    """Return a report as HTML: within the page, or as a page of its own."""
    return render(
        template,
        interface,
        report=report,
        machine=MACHINE,
        answers_of=lambda case: answers_of(case, interface),
        gloss_of=lambda case, text: gloss_of(case, text, interface),
        evidence_of=lambda case: evidence_of(case, interface),
        language_name=lambda code: language_name(code, interface),
    )


def report_markdown(report: LabelReport, interface: Interface) -> str:
    """Return a report as Markdown; what models said stays text."""
    # Markdown may hold HTML, so "<" and "&" stay escaped; its own marks come on top.
    made = render(
        "errors/report.md",
        interface,
        report=report,
        machine=MACHINE,
        plain=lambda text: _MARKDOWN.sub(r"\\\1", " ".join(str(text).split())),
        evidence_of=lambda case: evidence_of(case, interface),
    )
    made = made.replace("&#39;", "'").replace("&#34;", '"')
    return re.sub(r"\n{3,}", "\n\n", made).strip() + "\n"


def _written(name: str, text: str) -> str:
    """Write a file that a visitor can download; return its path."""
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=get_upload_folder())) / name
    write_aside(path, text)
    return str(path)
