"""Phrases for alt texts and captions, from the tables that a figure draws."""


def spoken(form: str, *columns, between: str = "; ") -> str:
    """Each name with its values, as one phrase: ``spoken("{:.1%}", {"cat": 0.862})`` is "cat 86.2%".

    Parameters
    ----------
    form : str
        A format of `str.format` with a field per column: ``"{:.1%}, then {:.1%}"``, ``"{.points.mean:+.1f}"``.
    columns : mapping or pandas.Series
        Values by name. The first one says which names, and in what order.
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
    return between.join(f"{name} {form.format(*(column[name] for column in columns))}" for name in first.keys())
