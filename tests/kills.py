"""What a kill leaves: a directory as it is before each operation on its files, and when one was just opened."""

import contextlib
import hashlib
import os
import shutil
import sys
import threading
from pathlib import Path

CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate"}
UNFINISHED = "orbax-checkpoint-tmp"  # what lies below such a directory is never read: states that differ there are one

_watch = None


def _audit(event, arguments):
    if _watch is not None:
        _watch(event, arguments)


sys.addaudithook(_audit)  # for good: Python takes none away


def killed_at_each_operation(root, snapshots, work):
    """Does `work()`, and returns copies below `snapshots` of all that a kill could have left in `root`, in their order.

    Those that differ in nothing that is ever read are one.
    """
    global _watch
    states, busy, lock = [], threading.local(), threading.RLock()

    def watch(event, arguments):
        if getattr(busy, "copying", False):
            return
        opened = event == "open" and isinstance(arguments[0], (str, bytes)) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if opened or event in CHANGES:
            busy.copying = True
            with lock:
                _copy(root, snapshots / str(len(states)), states)
                path = Path(os.fsdecode(arguments[0])) if opened else root
                if path.is_relative_to(root) and path != root and arguments[2] & os.O_TRUNC:
                    _copy(root, snapshots / str(len(states)), states, emptied=path.relative_to(root))
            busy.copying = False

    _watch = watch
    try:
        work()
    finally:
        _watch = None
    _copy(root, snapshots / str(len(states)), states)
    found = {_key(state): state for state in reversed(states)}
    return sorted(found.values(), key=states.index)


def _copy(root, place, states, emptied=None):
    place.mkdir(parents=True)
    for folder, _, names in os.walk(root):
        target = place / os.path.relpath(folder, root)
        target.mkdir(exist_ok=True)
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # another thread has just moved it
                shutil.copyfile(Path(folder, name), target / name)
    if emptied is not None and (place / emptied).parent.is_dir():
        (place / emptied).write_bytes(b"")
    states.append(place)


def _key(state):
    parts = []
    for path in sorted(state.rglob("*")):
        name = str(path.relative_to(state))
        if UNFINISHED in name.rpartition(UNFINISHED)[0] or UNFINISHED in str(path.parent.relative_to(state)):
            continue
        parts += [name, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""]
    return tuple(parts)
