"""One case as HTML: edit, question, gold, both answers, what the machine calls it."""

from dataclasses import dataclass

from pages.errors.session import LabellingSession, count_done
from pages.shell.strings import Interface, in_words, strings, tr, words_for
from pages.shell.templates import render
from xkde.evaluation.analysis.of_runs import found_of
from xkde.labelling import store
from xkde.labelling.records import FailedCase, LabelledCase
from xkde.labelling.sharing import kept_where
from xkde.languages import LANGUAGES

LONG = 40  # characters from which on an answer is set smaller


@dataclass(frozen=True)
class AnswerShown:
    """One answer: under which title, what it means; None: there is none."""

    side: str  # "base" or "edited"
    title: str
    text: str | None
    gloss: str
    kind: str = ""

    @property
    def is_long(self) -> bool:
        """Whether it is set smaller."""
        return len(self.text or "") > LONG


def language_name(code: str, interface: Interface) -> str:
    """Return a language's name in the interface's language."""
    name = LANGUAGES[code].name if code in LANGUAGES else code
    return strings()[interface].get(f"language_{code}", name)


def gloss_of(case: FailedCase, text: str | None, interface: Interface) -> str:
    """Return what a text means, where that is known and is something else."""
    gloss = case.glosses.get(text or "", {}).get(interface, "")
    return "" if gloss == text else gloss


def evidence_of(case: FailedCase, interface: Interface) -> str:
    """Return what shows the machine's kind, in words."""
    return in_words(found_of(case.kind, case.evidence).evidence, interface)


def answers_of(case: FailedCase, interface: Interface) -> list[AnswerShown]:
    """Return both answers: the other run's or the base's, then the one to label."""
    other = case.beside_answer if case.beside else case.base_answer
    title = case.beside or tr("errors_base", interface)
    shown = [("base", title, other, case.beside_kind)]
    shown.append(("edited", f"{case.checkpoint} · {case.editor}", case.answer, ""))
    return [
        AnswerShown(side, its, text, gloss_of(case, text, interface), kind)
        for side, its, text, kind in shown
    ]


def case_html(
    session: LabellingSession, labelled: list[LabelledCase], interface: Interface
) -> str:
    """Return the case at the session's place, or what comes after the last one."""
    case = session.case
    address = session.choice.to_query() if session.choice else "tab=errors"
    frame = {"step": session.step, "address": address, "total": len(session.cases)}
    if case is None:
        done = count_done(session, labelled)
        return render("errors/end.html", interface, done=done, **frame)
    about = (case.benchmark, case.case, words_for("probe_", case.probe, interface),
             case.relation)  # fmt: skip
    others = next((each for each in labelled if each.case.id == case.id), None)
    return render(
        "errors/case.html",
        interface,
        case=case,
        at=session.at + 1,
        about=" · ".join(filter(None, about)),
        languages={code: language_name(code, interface)
                   for code in (case.source, case.target)},
        known=LANGUAGES,
        answers=answers_of(case, interface),
        gold_gloss=gloss_of(case, case.gold, interface),
        evidence="" if session.blind else evidence_of(case, interface),
        said=sorted(others.own.items()) if others and session.settles else [],
        **frame,
    )  # fmt: skip


def status_html(
    session: LabellingSession, labelled: list[LabelledCase], interface: Interface
) -> str:
    """Return how much is done, where labels are kept, and who else uses the name."""
    elsewhere = bool(session.annotator) and store.is_elsewhere(
        store.default_file(), session.annotator, session.browser, session.since
    )
    return render(
        "errors/status.html",
        interface,
        session=session,
        done=count_done(session, labelled),
        kept=in_words(kept_where(), interface),
        elsewhere=elsewhere,
    )
