"""Tables of the report."""


def aligned(header, rows, left=(0, 1)):
    """A Markdown table whose columns line up, so that it reads the same on a terminal; left: columns that are text."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row):
        return "| " + " | ".join(
            cell.ljust(width) if i in left else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))
        ) + " |"

    rule = "|" + "|".join(
        "-" * (width + 2) if i in left else "-" * (width + 1) + ":" for i, width in enumerate(widths)
    ) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])
