"""The documents for those who write programs, from docs/, as sections of the page of the API."""

from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML

# The address that docs/api.md has in place of the clinic's own.
LOCAL_SITE = "http://localhost:8000"

# The documents on the page, by the ids of their sections.
DOCUMENTS = {"start": "api.md", "webhooks": "webhooks.md", "dialects": "dialects.md", "changelog": "api-changelog.md"}
# Chapters that only those need who change the code; the page has a title of its own.
LEFT_OUT = ("The API", "For those who change it")
LANGUAGES = {"curl": "curl", "Python": "python", "JavaScript": "javascript"}


@dataclass
class Section:
    """A document: its ``entries`` are its chapters, as (id, title), for the contents list."""

    id: str
    title: str
    html: SafeString
    entries: list = field(default_factory=list)


@lru_cache(maxsize=8)
def read_sections(site: str) -> list[Section]:
    """Return the sections of the page, with the address of the clinic in their examples."""
    return [read_section(id, name, site) for id, name in DOCUMENTS.items()]


def read_section(id, name, site):
    """Return a document of docs/ as a Section; where its title is left out, its first chapter gives the section's."""
    text = (settings.BASE_DIR / "docs" / name).read_text("utf-8").replace(LOCAL_SITE, site)
    tokens = MARKDOWN.parse(text)
    chapters = [chapter for chapter in split_at(tokens, "h1", "h2") if get_title(chapter) not in LEFT_OUT]
    if chapters[0][0].tag == "h2":
        chapters[0] = [promote(token) for token in chapters[0]]
    entries = [(f"{id}-{slugify(get_title(chapter))}", get_title(chapter)) for chapter in chapters[1:]]
    html = "".join(write_chapter(chapter, id) for chapter in chapters)
    return Section(id, get_title(chapters[0]), mark_safe(html), entries)  # noqa: S308 (escaped by the Markdown parser)


def promote(token):
    """Return a token, of a heading a level higher."""
    is_heading = token.type in ("heading_open", "heading_close")
    return token.copy(tag=f"h{int(token.tag[1]) - 1}") if is_heading else token


def split_at(tokens, *tags):
    """Return the tokens in parts, each but perhaps the first beginning with a heading of one of these tags."""
    parts = [[]]
    for token in tokens:
        if token.type == "heading_open" and token.tag in tags:
            parts.append([])
        parts[-1].append(token)
    return [part for part in parts if part]


def get_title(part):
    """Return the text of the heading that a part begins with."""
    return "".join(token.content for token in part[1].children) if part[0].type == "heading_open" else ""


def write_chapter(tokens, section_id):
    """Return a chapter as HTML: where it shows one thing in several languages, one is seen at a time."""
    html, examples = "", {}
    for part in split_at(tokens, "h1", "h2", "h3"):
        title = get_title(part)
        if title in LANGUAGES:
            examples[title] = write(part[3:], section_id)
            continue
        html, examples = html + write_examples(examples) + write(part, section_id), {}
    return html + write_examples(examples)


def write_examples(examples):
    """Return the same example in several languages, with a choice of one that works without JavaScript."""
    if not examples:
        return ""
    choices, panels = "", ""
    for number, (title, html) in enumerate(examples.items()):
        language = LANGUAGES[title]
        checked = "" if number else " checked"
        choices += f'<input type="radio" name="language" id="in-{language}"{checked}>'
        choices += f'<label for="in-{language}">{title}</label>'
        panels += f'<div class="language {language}">{html}</div>'
    return f'<fieldset class="languages"><legend>Language</legend>{choices}{panels}</fieldset>'


# Said outright, because on narrow screens the cells stand below one another: a browser takes that for no table.
ROLES = {
    "thead_open": "rowgroup",
    "tbody_open": "rowgroup",
    "tr_open": "row",
    "th_open": "columnheader",
    "td_open": "cell",
}


def write(tokens, section_id):
    for token in tokens:
        if token.type in ROLES:
            token.attrSet("role", ROLES[token.type])
        if token.children:
            token.children = list(resolve_links(token.children, section_id))
    return MARKDOWN.renderer.render(tokens, MARKDOWN.options, {"section": section_id})


def resolve_links(tokens, section_id):
    """Yield the tokens of a text, its links leading to where the page has it; those into the source are left out."""
    target = None
    for token in tokens:
        if token.type == "link_open":
            target = find_target(token.attrGet("href"), section_id)
            token.attrSet("href", target or "")
        if target or token.type not in ("link_open", "link_close"):
            yield token


def find_target(address, section_id):
    """Return where a link of a document leads on the page, or None if that is not served."""
    if address.startswith("https://"):
        return address
    if address == "openapi.yaml":
        return f"{reverse('schema')}?format=yaml"
    name, _, chapter = address.partition("#")
    sections = {document: id for id, document in DOCUMENTS.items()}
    id = sections.get(name) if name else section_id
    if id is None:
        return None
    return f"#{id}-{chapter}" if chapter else f"#{id}"


class Renderer(RendererHTML):
    """Writes headings a level lower and with ids, and boxes around code and tables."""

    def heading_open(self, tokens, index, options, env):
        level, title, id = int(tokens[index].tag[1]), slugify(tokens[index + 1].content), env["section"]
        return f'<h{level + 1} id="{id if level == 1 else f"{id}-{title}"}">'

    def heading_close(self, tokens, index, options, env):
        return f"</h{int(tokens[index].tag[1]) + 1}>\n"

    def fence(self, tokens, index, options, env):
        language = escape(tokens[index].info or "text")
        code = escape(tokens[index].content)
        return f'<div class="code"><pre><code class="language-{language}">{code}</code></pre></div>\n'

    code_block = fence

    def table_open(self, tokens, index, options, env):
        return '<div class="table"><table role="table">\n'

    def table_close(self, tokens, index, options, env):
        return "</table></div>\n"


MARKDOWN = MarkdownIt("commonmark", {"html": False}, renderer_cls=Renderer).enable("table")
