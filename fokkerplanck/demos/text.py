"""Tables of the demonstrations."""


def aligned(rows) -> str:
    """Text of rows (name, value, remark): one line each, columns aligned."""
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)]
    lines = (f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c}" for a, b, c in rows)
    return "\n".join(line.rstrip() for line in lines)
