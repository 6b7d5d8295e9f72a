"""XML files, read without what makes them dangerous: a document type is refused, and with it every entity."""

from pathlib import Path
from typing import Any, NoReturn, TypeAlias
from xml.etree import ElementTree
from xml.parsers import expat

from .problems import Problem
from .text_files import parse_number, read_content


class _Element(ElementTree.Element):
    """One that knows the line at which it begins."""

    line = 0


Element: TypeAlias = Any  # such a one: ElementTree's own type says nothing of lines


def read_xml(path: Path) -> Element:
    """The root of an XML file.

    Text is UTF-8 wherever it can be, whatever the file says: dlib writes names as they are and calls them ISO-8859-1.

    Raises:
        Problem: If it cannot be read, is no XML, or has a document type.
    """
    content = read_content(path)
    try:
        content.decode()
        encoding = 'utf-8'
    except UnicodeDecodeError:
        encoding = None  # what the file says
    parser = expat.ParserCreate(encoding)

    def start(name: str, attributes: dict[str, str]) -> None:
        element: Element = builder.start(name, attributes)
        element.line = parser.CurrentLineNumber

    def refuse(*_: object) -> NoReturn:
        raise Problem('document type', 'found <!DOCTYPE>, expected none', path, parser.CurrentLineNumber)

    builder = ElementTree.TreeBuilder(element_factory=_Element)
    parser.StartElementHandler, parser.EndElementHandler = start, builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, Problem):
            raise
        raise Problem('bad xml', f'found no valid XML ({error})', path, parser.ErrorLineNumber) from error
    return builder.close()


def attribute(element: Element, name: str, path: Path) -> str:
    """An attribute that has to be there.

    Raises:
        Problem: If it is not.
    """
    if name not in element.attrib:
        raise Problem('missing attribute', f'found <{element.tag}> without {name}', path, element.line)
    return element.attrib[name]


def image_size(element: Element, path: Path) -> tuple[int, int]:
    """``width`` and ``height`` in pixels.

    Raises:
        Problem: If one is not there, or no whole number of at least 1.
    """
    width, height = (
        parse_number(attribute(element, side, path), 'size', path, element.line) for side in ('width', 'height')
    )
    if width < 1 or height < 1 or width % 1 or height % 1:
        raise Problem('bad size', f'found {width:g} x {height:g}, expected whole pixels', path, element.line)
    return int(width), int(height)
