"""HTML as tests read it."""

from html.parser import HTMLParser

VOID = {"meta", "img", "link", "input", "br"}


class Page(HTMLParser):
    """Tags, attributes, text and data blocks; refuses tags that do not close as they open."""

    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.text, self.data = [], [], "", ""
        self.feed(path.read_text(encoding="utf-8"))
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.data += data
        else:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]
