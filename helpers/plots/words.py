"""Phrases for alt texts and captions, from the tables that a figure draws."""


def spoken(form: str, *columns, between: str = "; ") -> str:
    """Each name with its values, as one phrase: ``spoken("{:.1%}", {"cat": 0.862})`` is "cat 86.2%".

    Parameters
    ----------
    form : str
        A format of `str.format` with a field per column: ``"{:.1%}, then {:.1%}"``, ``"{.points.mean:+.1f}"``.
    columns : mapping or pandas.Series
        Values by name. The first one says which names, and in what order. Lists of values are told one by one:
        ``spoken("{:.1%}", {"cat": [0.8, 0.9]})`` is "cat 80.0%, 90.0%".
    between : str
        What parts one name from the next.

    Raises
    ------
    ValueError
        For a name that a further column does not have.
    """
    first, *others = columns
    for column in others:
        missing = [name for name in first.keys() if name not in column]
        if missing:
            raise ValueError(f"no value for {missing[0]!r}: each column needs all of {list(first.keys())}")
    return between.join(f"{name} {_told(form, [column[name] for column in columns])}" for name in first.keys())


def _told(form: str, values: list) -> str:
    """The values in their form; where each is a list, all the first ones, then all the second ones, and so on."""
    if not all(isinstance(value, list) for value in values):
        return form.format(*values)
    return ", ".join(form.format(*together) for together in zip(*values, strict=True))
