"""Numbers of things in messages."""


def how_many(number: int, thing: str, things: str | None = None) -> str:
    """A number and what it is of: ``'1 face'``, ``'2 faces'``, ``'0 faces'``.

    Args:
        number (int): How many.
        thing (str): One of them; more words may follow, ``'frame is missing'``, if ``things`` says how they change.
        things (str, optional): Several of them. Default: with an s.
    """
    return f'{number} {thing if number == 1 else things or f"{thing}s"}'
