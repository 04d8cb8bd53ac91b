"""The look of every tab: header, theme, style sheet, the script before Gradio's.

The head script settles language and light or dark before the page is drawn: from the
address, else from what the visitor chose last, else from the browser. It writes the
language back into the address, where handlers read it.
"""

import json
from dataclasses import dataclass

import gradio as gr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.shell.strings import label, strings
from pages.shell.templates import render
from xkde import paths

STYLE_SHEET = paths.ASSETS / "style.css"

HEAD_SCRIPT = """
(() => {
  const query = new URLSearchParams(location.search);
  const stored = (key, value) => {
    try {
      if (value) localStorage.setItem(key, value);
      return localStorage.getItem(key);
    } catch { return value || null; }
  };
  let language = query.get("lang") || stored("xkde_lang");
  if (["en", "zh-CN"].includes(language)) stored("xkde_lang", language);
  else language = (navigator.language || "en").startsWith("zh") ? "zh-CN" : "en";
  const theme = query.get("__theme") || stored("xkde_theme");
  if (["light", "dark"].includes(theme)) query.set("__theme", theme);
  query.set("lang", language);
  history.replaceState(null, "", location.pathname + "?" + query + location.hash);
  for (const [name, value] of [["language", language], ["languages", [language]]])
    Object.defineProperty(navigator, name, { get: () => value, configurable: true });
  if (query.has("q")) document.documentElement.dataset.opening = "";
  // One way to write the address: another tab or view is another place in the browser's
  // history, anything finer takes the place of what was there.
  let returning = false;
  const place = (search) => {
    const query = new URLSearchParams(search);
    return [query.get("tab") || "edit", query.get("view")];
  };
  window.xkdeAddress = (query) => {
    const search = "?" + query;
    if (search === location.search) return;
    const [[tab, view], [tabNow, viewNow]] = [place(search), place(location.search)];
    const moves = tab !== tabNow || (view && viewNow && view !== viewNow);
    history[moves && !returning ? "pushState" : "replaceState"](
      null, "", location.pathname + search + location.hash);
  };
  addEventListener("popstate", () => {
    returning = true;
    setTimeout(() => { returning = false; }, 1500);
    const [tab, view] = place(location.search);
    for (const name of [`tab-${tab}`, view && `view-${view}`]) {
      const button = name && document.getElementById(`${name}-button`);
      if (button && button.getAttribute("aria-selected") !== "true") button.click();
    }
    dispatchEvent(new CustomEvent("xkde-back", { detail: location.search }));
  });
  document.documentElement.lang = language;
  document.documentElement.dataset.say = language.slice(0, 2);
  // What is changed after an answer makes it the answer to an earlier question.
  addEventListener("input", (event) => {
    if (event.target.closest?.("#fact, #ask-in, #more"))
      document.querySelector("#answers")?.setAttribute("data-stale", "");
  });
  // What Gradio itself says of a lost connection or a full queue, it says in English
  // and in a corner: it is said in the page's language, and where the answer would be.
  const ours = GRADIO_SAYS;
  const title = TOAST_TITLE;
  new MutationObserver(() => {
    for (const toast of document.querySelectorAll(".toast-body:not([data-ours])")) {
      const head = toast.querySelector(".toast-title-row span")?.firstChild;
      if (head?.textContent.trim() === "Error")
        head.textContent = title[document.documentElement.dataset.say];
      const text = toast.textContent;
      const said = Object.keys(ours).find((each) => text.includes(each));
      if (!said) continue;
      toast.dataset.ours = "";
      const words = ours[said][document.documentElement.dataset.say];
      const message = toast.querySelector(".toast-text, .toast-message") || toast;
      message.textContent = words;
      const status = document.querySelector("#status .status");
      if (!status) continue;
      status.className = "status failed";
      status.textContent = words;
      const answers = document.querySelector("#answers");
      answers?.setAttribute("data-stale", "");
      answers?.removeAttribute("data-pending");
    }
  }).observe(document, { childList: true, subtree: true });
  addEventListener("click", (event) => {
    if (!event.target.closest?.("a.skip")) return;
    event.preventDefault();
    for (const place of ["#question", "[role=tabpanel]"]) {
      const fields = document.querySelectorAll(`${place} :is(input, textarea, button)`);
      const found = [...fields].find((each) => each.offsetParent);
      if (found) return found.focus();
    }
  });
})();
"""

# What Gradio's page says by itself -> our key
GRADIO_SAYS = {
    "Connection to the server was lost": "connection_lost",
    "Connection errored out": "connection_lost",
    "This application is currently busy": "connection_busy",
}


def head_script() -> str:
    """Return the head script with our words for what Gradio says."""

    def words(key: str) -> dict[str, str]:
        return {code: texts[key] for code, texts in strings().items()}

    said = json.dumps({said: words(key) for said, key in GRADIO_SAYS.items()})
    title = json.dumps(words("toast_title"))
    return HEAD_SCRIPT.replace("GRADIO_SAYS", said).replace("TOAST_TITLE", title)


THEME_SCRIPT = """
() => {
  const dark = document.body.classList.toggle("dark");
  const theme = dark ? "dark" : "light";
  try { localStorage.setItem("xkde_theme", theme); } catch { }
  const query = new URLSearchParams(location.search);
  query.set("__theme", theme);
  history.replaceState(null, "", location.pathname + "?" + query + location.hash);
}
"""

# Writes into the address which tab is open. The first tab says so once by itself, when
# the page is made: then the address may name another one.
TAB_SCRIPT = """
() => {
  const made = window.xkdeMade;
  window.xkdeMade = true;
  if (!made && "SLUG" === "edit") return;
  const query = new URLSearchParams(location.search);
  if (query.get("tab") !== "SLUG") query.delete("view");
  query.set("tab", "SLUG");
  xkdeAddress(query);
}
"""

# Reloads in the other language, with the form that the link states.
LANGUAGE_SCRIPT = """
(link) => {
  const query = new URLSearchParams(link);
  const address = new URLSearchParams(location.search);
  // Another tab's own parameters are in the address already, and stay there.
  if (!["edit", null].includes(address.get("tab")))
    for (const [name, value] of address) query.set(name, value);
  const now = document.documentElement.dataset.say;
  query.set("lang", now === "zh" ? "en" : "zh-CN");
  location.search = query;
}
"""

TEXT_FONTS: list[gr.themes.Font | str] = [
    # Gradio's file of 600 has no letters beyond Latin-1: “š” would come in pieces.
    gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)),
    "PingFang SC",
    "Noto Sans CJK SC",
    "Microsoft YaHei",
    "Noto Sans Thai",
    "Thonburi",
    "Leelawadee UI",
    "system-ui",
    "sans-serif",
]
CODE_FONTS: list[gr.themes.Font | str] = [
    gr.themes.LocalFont("IBM Plex Mono"),
    "ui-monospace",
    "monospace",
]

TEAL = gr.themes.Color(
    name="teal",
    c50="#f0faf8",
    c100="#d7f1ec",
    c200="#b0e3da",
    c300="#7fcec2",
    c400="#46b1a4",
    c500="#1f9488",
    c600="#0f766e",
    c700="#0d5f59",
    c800="#0f4c48",
    c900="#103f3c",
    c950="#062524",
)


def theme() -> gr.themes.Base:
    """Return the theme; everything finer is in the style sheet."""
    return gr.themes.Base(
        primary_hue=TEAL,
        neutral_hue="slate",
        font=TEXT_FONTS,
        font_mono=CODE_FONTS,
        radius_size="md",
    ).set(
        body_background_fill="#fbfaf7",
        body_background_fill_dark="#12171c",
        background_fill_primary="#fbfaf7",
        background_fill_primary_dark="#12171c",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
        block_padding="0",
        panel_background_fill="transparent",
        panel_background_fill_dark="transparent",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        input_background_fill="#ffffff",
        input_background_fill_dark="#1a2128",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        input_border_width="1px",
        input_border_color="#c9ced6",
        input_border_color_dark="#3b4652",
        input_border_color_focus="*primary_600",
        input_border_color_focus_dark="*primary_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        color_accent="*primary_700",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
    )


class HeadScript:
    """Middleware that puts the head script first into the page's ``<head>``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; rewrite the one HTML page."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def rewrite(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            page = bytes(body)
            headers = dict(start["headers"])
            if headers.get(b"content-type", b"").startswith(b"text/html"):
                script = ("<head><script>" + head_script() + "</script>").encode()
                page = page.replace(b"<head>", script, 1)
                headers[b"content-length"] = str(len(page)).encode()
            await send({**start, "headers": list(headers.items())})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, rewrite)


@dataclass(frozen=True)
class Header:
    """What a page may connect; the language switch takes its form along.

    ``asked`` holds the link of the question that was asked last, for other tabs.
    """

    language: gr.Button
    asked: gr.State


def layout() -> Header:
    """Make the header."""
    with gr.Row(elem_id="header"):
        gr.HTML(render("shell/header.html"), elem_id="brand")
        language = gr.Button(
            label("other_language"),
            size="sm",
            elem_id="language",
            scale=0,
            min_width=64,
        )
        theme = gr.Button(
            label("light_dark"), size="sm", elem_id="theme", scale=0, min_width=64
        )
    theme.click(None, js=THEME_SCRIPT, api_visibility="private")
    return Header(language, gr.State(""))
