"""Files below a folder, or in a zip archive, by name: sources read both in the same way."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from jgan.data.folders import scan, top_of, without_written
from jgan.data.names import clean_names
from jgan.errors import UserError, did_you_mean
from jgan.rundir.paths import nearest_path
from jgan.untrusted.bounded_read import MAX_FILE_BYTES, read_file


class Files(Protocol):
    """Bytes by name. Names are relative, with `/` between folders."""

    title: str

    def sizes(self) -> dict[str, int]:
        """Every file that is not hidden, nor written by jgan itself, with its size in bytes."""
        ...

    def top(self) -> tuple[set[str], set[str]]:
        """Names of the folders and of the files at the top, without those that are hidden."""
        ...

    def below(self, folder: str) -> Files:
        """Those below one of the folders at the top, by their names from there on."""
        ...

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises OSError."""
        ...


class FolderFiles:
    """Files below a directory, as `scan` finds them."""

    def __init__(self, directory: str, scheme: str = "folder") -> None:
        self.title = f"{scheme}:{directory}"
        self.directory = Path(directory)
        if not self.directory.is_dir():
            hint = nearest_path(directory) or "; give the path of a directory of images"
            hint = "; it is a file: give zip: for an archive" if self.directory.is_file() else hint
            raise UserError(f"{self.title}: no such directory{hint}")

    def sizes(self) -> dict[str, int]:
        """Every file that is not hidden, with its size in bytes (folders.NO_FILE: a link to nothing)."""
        return scan(self.directory, self.title)

    def top(self) -> tuple[set[str], set[str]]:
        """Names of the folders and of the files at the top, without those that are hidden."""
        return top_of(self.directory, self.title)

    def below(self, folder: str) -> FolderFiles:
        """Those below one of the folders at the top."""
        return FolderFiles(str(self.directory / folder))

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises OSError."""
        return read_file(f"{self.directory}/{name}")  # Path costs as much as a read


class ZipFiles:
    """Entries of a zip archive, read in memory, by names that `clean_names` made clean.

    `photos.zip/train` are those below the folder train of it.
    """

    def __init__(self, path: str, scheme: str = "zip") -> None:
        self.title = f"{scheme}:{path}"
        self._given = path
        self.path, self._inner = in_archive(path)
        self._archive: zipfile.ZipFile | None = None
        if not self.path:
            hint = nearest_path(path) or "; give the path of a zip archive"
            hint = "; it is a directory: give folder:" if Path(path).is_dir() else hint
            raise UserError(f"{self.title}: no such file{hint}")
        try:
            names = self._open().namelist()
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(f"{self.title}: not a zip archive ({error}); zip the images again") from None
        clean = _below(clean_names(self.title, names), self._inner)
        data = without_written(self.title, clean)
        self._names = {name: entry for name, entry in clean.items() if name in data}
        if self._inner and not self._names:
            folders = {str(folder) for name in clean_names(self.title, names) for folder in PurePosixPath(name).parents}
            hint = did_you_mean(self._inner, folders - {"."}) or "; it has none"
            raise UserError(f"{self.title}: no folder {self._inner} in the archive {self.path}{hint}")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_archive": None}  # each process opens the archive for itself

    def _open(self) -> zipfile.ZipFile:
        if self._archive is None:
            self._archive = zipfile.ZipFile(self.path)
        return self._archive

    def sizes(self) -> dict[str, int]:
        """Every entry that is not hidden, by its clean name, with its size in bytes."""
        archive = self._open()
        return {clean: archive.getinfo(name).file_size for clean, name in self._names.items()}

    def top(self) -> tuple[set[str], set[str]]:
        """Names of the folders and of the files at the top, without those that are hidden."""
        parts = [name.partition("/") for name in self._names]
        return {head for head, slash, _ in parts if slash}, {head for head, slash, _ in parts if not slash}

    def below(self, folder: str) -> ZipFiles:
        """Those below one of the folders at the top."""
        return ZipFiles(f"{self._given}/{folder}")

    def read(self, name: str) -> bytes:
        """The bytes of one entry. Raises OSError."""
        entry = self._open().getinfo(self._names[name])
        if entry.file_size > MAX_FILE_BYTES:
            raise OSError(f"declares {entry.file_size:,} bytes")
        try:
            return self._open().read(entry)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
            raise OSError(str(error)) from None
        except Exception as error:  # zlib.error, lzma.LZMAError: each compression has its own
            raise OSError(f"cannot be decompressed: {error}") from None


def open_files(path: str, scheme: str = "", holding: str = "images") -> Files:
    """The files of a folder, of an archive, or of a folder in an archive; `scheme` begins their title.

    `holding` says what should be in them.

    Raises:
      UserError: there is none.
    """
    if Path(path).is_dir():
        return FolderFiles(path, scheme or "folder")
    if in_archive(path)[0]:
        return ZipFiles(path, scheme or "zip")
    title = f"{scheme}:{path}" if scheme else path
    hint = nearest_path(path) or f"; give the path of one with {holding}"
    raise UserError(f"{title}: no such directory or zip archive{hint}")


def in_archive(path: str) -> tuple[str, str]:
    """The file that a path names or leads into, "" where there is none, and the folder within it."""
    place = Path(path)
    archive = next((parent for parent in (place, *place.parents) if parent.is_file()), None)
    if archive is None:
        return "", ""
    inner = place.relative_to(archive).as_posix()
    return str(archive), "" if inner == "." else inner


def _below(names: dict[str, str], folder: str) -> dict[str, str]:
    if not folder:
        return names
    return {name.removeprefix(f"{folder}/"): entry for name, entry in names.items() if name.startswith(f"{folder}/")}
