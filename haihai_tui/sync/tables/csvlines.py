"""CSV records as text: every value quoted, without a line end."""

from __future__ import annotations


def csv_line(values: list[str]) -> str:
    """One CSV record, every value quoted, without its line end."""
    if any('"' in value for value in values):
        values = [value.replace('"', '""') for value in values]
    return '"' + '","'.join(values) + '"'


def split_line(line: str) -> list[str]:
    """The values of a `csv_line`."""
    if line.count('"') == 2 * (line.count('","') + 1):
        return line[1:-1].split('","')
    values: list[str] = []
    at = 1
    while True:
        end = line.index('"', at)
        while line[end : end + 2] == '""':
            end = line.index('"', end + 2)
        values.append(line[at:end].replace('""', '"'))
        if end + 1 >= len(line):
            return values
        at = end + 3
