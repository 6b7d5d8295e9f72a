"""Links of a README to files beside it, which are no pages of the site: their names stand there without a link."""
from pathlib import Path
from typing import Optional

from docutils import nodes


def name_of_file(app, env, node: nodes.Element, content: nodes.Element) -> Optional[nodes.Element]:
    """The text of a link if there is such a file; else None, and the link is reported as lost."""
    target = node.get('reftarget', '')
    if node.get('reftype') == 'myst' and node.source and target:
        if (Path(node.source).parent / target.partition('#')[0]).is_file():
            return content
    return None


def setup(app) -> dict:
    app.connect('missing-reference', name_of_file)
    return dict(parallel_read_safe=True, parallel_write_safe=True)
