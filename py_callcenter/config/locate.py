"""Line numbers of a TOML document, which `tomllib` keeps to itself.

The scanner runs on text that `tomllib` has accepted, so it doesn't check syntax: it only has to find where
keys and elements begin.
"""

from __future__ import annotations

Path = tuple[str | int, ...]

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\", "e": "\x1b"}


def locate(text: str) -> dict[Path, int]:
    """Path of each table, key and array element to the line (from 1) where it is first written."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Line of a path, or of its nearest ancestor that is written down; 1 when there is none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._line = 1
        self._counted_to = 0
        self._array_tables: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while True:
            self._blank(newlines=True)
            if self.at >= len(self.text):
                return
            if self._peek("[["):
                line = self._line_now()
                self.at += 2
                table = self._array_table(self._key(), line)
            elif self._peek("["):
                line = self._line_now()
                self.at += 1
                table = self._resolve(self._key(), line)
                self._note(table, line)
            else:
                self._pair(table)
                continue
            self._skip_line()

    def _pair(self, table: Path) -> None:
        line = self._line_now()
        key = self._key()
        for length in range(1, len(key) + 1):
            self._note(table + key[:length], line)
        self._blank()
        self.at += 1  # the equals sign
        self._blank()
        self._value(table + key)

    def _array_table(self, key: tuple[str, ...], line: int) -> Path:
        path = self._resolve(key[:-1], line) + key[-1:]
        index = self._array_tables.get(path, -1) + 1
        self._array_tables[path] = index
        self._note(path, line)
        self._note((*path, index), line)
        return (*path, index)

    def _resolve(self, key: tuple[str, ...], line: int) -> Path:
        """A header names the last element of each array of tables on its way."""
        path: Path = ()
        for part in key:
            path = (*path, part)
            self._note(path, line)
            if path in self._array_tables:
                path = (*path, self._array_tables[path])
        return path

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self._blank()
            if self._peek('"') or self._peek("'"):
                parts.append(self._string())
            else:
                start = self.at
                while self.at < len(self.text) and self.text[self.at] in _BARE:
                    self.at += 1
                parts.append(self.text[start : self.at])
            self._blank()
            if not self._peek("."):
                return tuple(parts)
            self.at += 1

    def _value(self, path: Path) -> None:
        if self._peek("["):
            self._array(path)
        elif self._peek("{"):
            self._inline_table(path)
        elif self._peek('"') or self._peek("'"):
            self._string()
        else:  # numbers, dates and booleans end where something else begins
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.at += 1

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while True:
            self._blank(newlines=True)
            if self.at >= len(self.text) or self._peek("]"):
                self.at += 1
                return
            self._note((*path, index), self._line_now())
            self._value((*path, index))
            index += 1
            self._blank(newlines=True)
            if self._peek(","):
                self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self._blank(newlines=True)
            if self.at >= len(self.text) or self._peek("}"):
                self.at += 1
                return
            self._pair(path)
            self._blank(newlines=True)
            if self._peek(","):
                self.at += 1

    def _string(self) -> str:
        """Step over a string of any of the four kinds; give its value where it may be a key (one line)."""
        quote = self.text[self.at]
        if self._peek(quote * 3):
            self._long_string(quote)
            return ""
        self.at += 1
        out: list[str] = []
        while self.at < len(self.text) and self.text[self.at] != quote:
            char = self.text[self.at]
            self.at += 1
            if char == "\\" and quote == '"':
                char = self._escape()
            out.append(char)
        self.at += 1
        return "".join(out)

    def _escape(self) -> str:
        letter = self.text[self.at]
        self.at += 1
        digits = {"u": 4, "U": 8, "x": 2}.get(letter, 0)
        if not digits:
            return _ESCAPES.get(letter, letter)
        code = self.text[self.at : self.at + digits]
        self.at += digits
        return chr(int(code, 16))

    def _long_string(self, quote: str) -> None:
        self.at += 3
        while not self._peek(quote * 3):
            self.at += 2 if self._peek("\\") and quote == '"' else 1
        while self._peek(quote):  # up to two quotes may stand before the closing three
            self.at += 1

    def _blank(self, *, newlines: bool = False) -> None:
        """Step over blanks and comments, over line ends only where the grammar allows them."""
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "#" and newlines:
                while self.at < len(self.text) and self.text[self.at] != "\n":
                    self.at += 1
            elif char in " \t" or (newlines and char == "\n"):
                self.at += 1
            else:
                return

    def _skip_line(self) -> None:
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end

    def _peek(self, prefix: str) -> bool:
        return self.text.startswith(prefix, self.at)

    def _line_now(self) -> int:
        self._line += self.text.count("\n", self._counted_to, self.at)
        self._counted_to = self.at
        return self._line

    def _note(self, path: Path, line: int) -> None:
        self.lines.setdefault(path, line)
