"""What the form's components are given, and what is read from them."""

from pages.edit_and_ask.form import FIELDS, form_of, values_of
from pages.shell.links import Form


def test_nothing_chosen_is_no_choice() -> None:
    """Gradio refuses "" for a radio: with it a link could not be asked."""
    assert dict(zip(FIELDS, values_of(Form()), strict=True))["follows"] is None
    assert values_of(Form(follows="no"), ["follows"]) == ["no"]
    assert form_of(values_of(Form())).follows == ""
