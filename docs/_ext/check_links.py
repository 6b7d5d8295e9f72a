"""Whether a built site is whole by itself: links within it lead somewhere, and nothing of it is fetched from elsewhere.

    python docs/_ext/check_links.py docs/_build/html

Prints what is not, and ends with status 1 if there is something.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, what it needs to be shown, and its anchors."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.needed: list[str] = []
        self.anchors: set[str] = {''}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str]]) -> None:
        found = dict(attrs)
        self.anchors |= {found[name] for name in ('id', 'name') if found.get(name)}
        if tag == 'a' and found.get('href'):
            self.links.append(found['href'])
        elif found.get('src') or tag == 'link' and found.get('href'):
            self.needed.append(found.get('src') or found['href'])


def faults(site: Path) -> list[str]:
    """A sentence for each link that leads nowhere, and for each part of a page that lies elsewhere."""
    pages: dict[Path, Page] = {path: Page(path.read_text(encoding='utf-8')) for path in sorted(site.rglob('*.html'))}
    found = []
    for path, page in pages.items():
        where = path.relative_to(site)
        for target in page.needed + page.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                if target in page.needed and parts.scheme != 'data':
                    found.append(f'{where}: needs {target}, expected a file of the site')
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not file.exists():
                found.append(f'{where}: links to {target}, which does not exist')
            elif file in pages and unquote(parts.fragment) not in pages[file].anchors:
                found.append(f'{where}: links to {target}, which has no such anchor')
    return found


if __name__ == '__main__':
    lines = faults(Path(sys.argv[1]).resolve())
    print(*lines, sep='\n', end='\n' if lines else '')
    sys.exit(1 if lines else 0)
