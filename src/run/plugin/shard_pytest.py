"""Tells `shard run` what each suite of a pytest session takes: memory at collection, before, at most
and after, time, and how it ended.

It is put on PYTHONPATH for the run and found as an installed plugin is, so where that variable is lost
nothing breaks. Without SHARD_EVENTS it does nothing. It prints nothing, starts no thread where the kernel
keeps the marks, keeps no file open between two looks (a test may close any), and whatever fails inside it is
nobody's problem. Python 3.8 and pytest 6 or newer.
"""

import json
import os
import sys
import time

import pytest

_HERE = os.path.dirname(os.path.abspath(__file__))
_quoted = json.encoder.encode_basestring_ascii
_NAMES = ("PYTHONPATH", "PYTEST_PLUGINS", "SHARD_EVENTS")


def _is_here(path):
    return bool(path) and os.path.abspath(path) == _HERE


def _hide():
    """Takes what is ours out of the environment, and returns what was there.

    A test that starts another pytest starts it as if we were not here.
    """
    was = {name: os.environ.get(name) for name in _NAMES}
    for name, separator, ours in (
        ("PYTHONPATH", os.pathsep, _HERE),
        ("PYTEST_PLUGINS", ",", __name__),
        ("SHARD_EVENTS", None, None),
    ):
        parts = (was[name] or "").split(separator) if separator else []
        left = [part for part in parts if part != ours and not _is_here(part)]
        if was[name] is None or parts and left == parts:
            continue
        if left:
            os.environ[name] = separator.join(left)
        else:
            del os.environ[name]
    return was


class _System:
    """What the machine is asked. The functions are taken before a test can put others in their place."""

    def __init__(self, events):
        self.events = events
        self.pid = os.getpid()
        self.open, self.close, self.read, self.write = os.open, os.close, os.read, os.write
        self.getpid, self.clock, self.sleep = os.getpid, time.perf_counter, time.sleep
        self.highest = 0
        self.resident = _resident()
        # What is asked most, and where a few pages that are shared do not matter.
        self.quick = self.resident or self.level
        self.marks = self.reset() and self.status() is not None
        if not self.marks and self.level() is not None:
            # A thread that `threading` does not know of: tests may count theirs.
            import _thread

            _thread.start_new_thread(self.sample, ())

    def alive(self):
        """A process that a test forked is not the one that is measured."""
        return self.getpid() == self.pid

    def put(self, lines):
        """Adds whole lines, by one write."""
        file = self.open(self.events, os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0))
        try:
            self.write(file, lines)
        finally:
            self.close(file)

    def status(self):
        """Bytes of private and shared memory, of mapped files, and the high-water mark of both."""
        try:
            file = self.open("/proc/self/status", os.O_RDONLY)
            try:
                text = self.read(file, 8192)
            finally:
                self.close(file)
        except OSError:
            return None
        try:
            _, _, rest = text.partition(b"\nVmHWM:")
            mark, _, rest = rest.partition(b" kB")
            _, _, rest = rest.partition(b"\nRssAnon:")
            # RssFile and RssShmem follow in this order, each with its unit.
            own, _, _, files, _, _, shared = rest.split(None, 7)[:7]
            return (int(own) + int(shared)) * 1024, int(files) * 1024, int(mark) * 1024
        except ValueError:
            return None

    def reset(self):
        """Begins a new high-water mark."""
        try:
            file = self.open("/proc/self/clear_refs", os.O_WRONLY)
            try:
                return self.write(file, b"5") == 1
            finally:
                self.close(file)
        except OSError:
            return False

    def level(self):
        status = self.status()
        if status is not None:
            return status[0]
        return self.resident() if self.resident else None

    def sample(self):
        while self.alive():
            try:
                self.highest = max(self.highest, self.level() or 0)
                self.sleep(0.02)
            except Exception:
                return


def _resident():
    """What tells resident memory where /proc does not say all that it says on Linux."""
    try:
        if os.path.exists("/proc/self/statm"):
            unit = os.sysconf("SC_PAGE_SIZE")
            open_, read, close = os.open, os.read, os.close

            def resident():
                file = open_("/proc/self/statm", os.O_RDONLY)
                try:
                    words = read(file, 256).split()
                finally:
                    close(file)
                return (int(words[1]) - int(words[2])) * unit

            return resident
        if sys.platform == "darwin":
            import ctypes

            library = ctypes.CDLL("/usr/lib/libproc.dylib")
            room = (ctypes.c_uint64 * 64)()
            pid = os.getpid()

            def resident():
                # rusage_info_v0: a UUID, then numbers of 64 bits; resident size is the seventh.
                return room[8] if library.proc_pid_rusage(pid, 0, ctypes.byref(room)) == 0 else None

            return resident
        if sys.platform == "win32":
            import ctypes
            from ctypes import wintypes

            class Counters(ctypes.Structure):
                _fields_ = [("size", wintypes.DWORD), ("faults", wintypes.DWORD)]
                _fields_ += [(name, ctypes.c_size_t) for name in "peak now a b c d page peak_page".split()]

            kernel = ctypes.WinDLL("kernel32")
            kernel.GetCurrentProcess.restype = wintypes.HANDLE
            ask = kernel.K32GetProcessMemoryInfo
            ask.argtypes = [wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD]
            counters = Counters(size=ctypes.sizeof(Counters))

            def resident():
                done = ask(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.size)
                return counters.now if done else None

            return resident
    except Exception:
        pass
    return None


def _used_at_most():
    """The most that this process ever held, where nothing better is known."""
    try:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    except Exception:
        return None


class _Stretch:
    """The time from one look to another: what was held before, at most and after."""

    def __init__(self, system, status=None):
        """`status` is what the last one ended with, where nothing happened since."""
        self.system, self.last, self.ended, self.shared = system, None, 0, 0
        self.begun, self.used = system.clock(), None
        if status is None and system.marks:
            status = system.status()
        if status is not None:
            self.before, self.file = status[0], status[1]
            system.reset()
        else:
            self.before, self.file, self.used = system.level(), 0, _used_at_most()
            system.highest = self.before or 0

    def end(self):
        """Milliseconds, and the most and the last that was held."""
        system = self.system
        self.ended = system.clock()
        ms = round((self.ended - self.begun) * 1000)
        status = self.last = system.status() if system.marks else None
        if status is not None:
            after, file, mark = status
            # The mark counts files too. How many there were at that moment is not known: rather too few.
            peak = max(self.before, after, mark - min(file, self.file))
        else:
            after, used = system.level(), _used_at_most()
            # A mark that has moved since is this stretch's; one that has not says nothing of it.
            peak = used if used is not None and used > (self.used or 0) else None
            if after is not None:
                peak = max(self.before or 0, after, system.highest, peak or 0)
        return ms, peak, after


class _Suites:
    """Which suite a test belongs to, by the session's selection; without one, its file."""

    def __init__(self, folder, selection):
        self.folder = folder
        self.files, self.real = {}, None
        # What was found out, by path and by the name that pytest gives a file.
        self.known = {}
        self.nodes = {}
        for word in _selected(selection):
            # A name that begins like an option has `./` in front, which is not part of it.
            name = word[2:] if word[:3] in ("./-", "./@") else word
            path, separator, rest = word.partition("::")
            path = os.path.normpath(os.path.join(folder, path))
            self.files.setdefault(path, {})[rest if separator else ""] = name

    def of_file(self, path):
        """The suites in a file, by what stands behind their first `::`."""
        path = str(path)
        if path in self.known:
            return self.known[path]
        found, above = None, os.path.normpath(path)
        while found is None:
            found = self.files.get(above)
            parent = os.path.dirname(above)
            if parent == above:
                break
            above = parent
        if found is None:
            # A link on the way; some versions follow it.
            if self.real is None:
                self.real = {os.path.realpath(known): ids for known, ids in self.files.items()}
            found = self.real.get(os.path.realpath(path))
        if found is None:
            try:
                name = os.path.relpath(path, self.folder)
            except ValueError:
                name = path
            found = {"": name.replace(os.sep, "/")}
        self.known[path] = found
        return found

    def of(self, item):
        file, _, rest = item.nodeid.partition("::")
        suites = self.nodes.get(file)
        if suites is None:
            suites = self.nodes[file] = self.of_file(_path(item))
        if len(suites) == 1:
            return next(iter(suites.values()))
        best = ""
        for known in suites:
            inside = rest.startswith(known) and rest[len(known) :][:1] in ("", ":", "[")
            if inside and len(known) > len(best):
                best = known
        return suites.get(best) or next(iter(suites.values()))

    def all(self):
        """Each suite, and whether it is all of a file."""
        return [(id, not rest) for ids in self.files.values() for rest, id in ids.items()]


def _number(bytes):
    return "null" if bytes is None else str(bytes)


def _selected(path):
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        if path.endswith(".json"):
            return [str(id) for id in json.loads(text)]
        return [id for id in text.split("\0" if path.endswith(".nul") else "\n") if id]
    except Exception:
        return []


def _path(node):
    return getattr(node, "path", None) or getattr(node, "fspath", None) or ""


class _Watcher:
    """The hooks of a session that is measured."""

    def __init__(self, config, system, hidden):
        worker = getattr(config, "workerinput", None)
        self.worker = worker["workerid"] if worker else "main"
        self.config, self.system, self.hidden = config, system, hidden
        self.suites = _Suites(_FOLDER, os.environ.get("SHARD_SELECTION", ""))
        self.level, self.lines, self.name = None, b"", _quoted(self.worker)
        # Of collection: the file at hand, what it has added so far, how the files of suites came out, and
        # all tests.
        self.file, self.added, self.files, self.items = None, 0, {}, []
        # Of the suite that runs: its name, its stretch, and how its tests came out.
        self.id, self.stretch, self.came = None, None, set()
        # The test that is said to be next, with its suite.
        self.next = (None, None)
        # A fixture for more than one suite is being made, and whatever it asks for is part of it.
        self.making = False

    def line(self, event, id, rest):
        """An event as it is written; nothing where that is longer than anybody would read."""
        id = "" if id is None else ',"id":' + _quoted(id)
        line = ('{"event":"%s","worker":%s%s%s}\n' % (event, self.name, id, rest)).encode("ascii")
        return line if len(line) <= 65536 else b""

    def put(self, event, id, rest):
        """Writes what was held back, and an event."""
        lines, self.lines = self.lines + self.line(event, id, rest), b""
        self.system.put(lines)

    # Workers of pytest-xdist are started with our environment: they need what is hidden from tests.
    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self):
        for name, value in self.hidden.items():
            if value is not None:
                os.environ[name] = value

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session):
        try:
            floor = self.system.level()
            if floor is not None:
                self.level = self.system.quick()
                self.put("floor", None, ',"bytes":%d,"pid":%d' % (floor, self.system.pid))
        except Exception:
            pass

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector):
        outcome = yield
        try:
            if isinstance(collector, pytest.Item) or collector.parent is None:
                return
            node = collector
            while node is not None and not isinstance(node, pytest.File):
                node = node.parent
            # A package is a file to older versions, and a folder to us: the next file pays for it.
            if node is None or isinstance(node, pytest.Package):
                return
            path = str(_path(node))
            if path != self.file:
                self.imported()
                self.file = path
            if self.level is not None:
                level = self.system.quick()
                self.added += level - self.level
                self.level = level
            report = outcome.get_result()
            if node is collector or report.outcome == "failed":
                for id in self.suites.of_file(path).values():
                    if self.files.get(id) != "failed":
                        self.files[id] = report.outcome
        except Exception:
            pass

    def imported(self):
        """Takes down what collecting the file at hand has added, evenly where it has several suites."""
        if self.file is not None and self.level is not None:
            suites = list(self.suites.of_file(self.file).values())
            for id in suites:
                self.lines += self.line("import", id, ',"bytes":%d' % (self.added // len(suites)))
        self.added = 0
        if len(self.lines) > 4096:
            self.flush()

    def flush(self):
        lines, self.lines = self.lines, b""
        if lines:
            self.system.put(lines)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items):
        try:
            # Before any is deselected.
            self.items = list(items)
        except Exception:
            pass

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session):
        try:
            if not session.items and self.file is None:
                # The controller of pytest-xdist: its workers collect.
                return
            if self.level is not None:
                self.added += self.system.quick() - self.level
            self.imported()
            self.flush()
            if session.config.option.collectonly or self.worker not in ("main", "gw0"):
                return
            left = {self.suites.of(item) for item in session.items}
            gone = [(id, whole) for id, whole in self.suites.all() if id not in left]
            seen = {self.suites.of(item) for item in self.items} if gone else ()
            self.items = []
            for id, whole in gone:
                # Nothing of it will run: it says so itself, or its tests were deselected.
                came = self.files.get(id)
                if came == "failed":
                    self.put("suite", id, ',"status":"failed"')
                elif id in seen or (whole and came is not None):
                    self.put("suite", id, ',"status":"skipped"')
        except Exception:
            pass

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        id = None
        try:
            id = self.next[1] if item is self.next[0] else self.suites.of(item)
            if id != self.id and self.system.alive():
                # Its last test was not followed by what had been announced.
                self.end(self.status(), False)
                self.begin(id)
        except Exception:
            pass
        outcome = yield
        try:
            after = None if nextitem is None else self.suites.of(nextitem)
            self.next = (nextitem, after)
            if (outcome.excinfo is not None or after != id) and self.system.alive():
                whole = outcome.excinfo is None
                self.end(self.status() if whole else "unfinished", nextitem is None or not whole)
                if nextitem is None or not whole:
                    self.flush()
        except Exception:
            pass

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef):
        # Whoever asks for it first pays for it, but it stays for others: as an import does.
        before = None
        if fixturedef.scope in ("session", "package") and not self.making:
            try:
                if self.stretch is not None and self.system.alive():
                    before = self.system.quick()
                    self.making = before is not None
            except Exception:
                pass
        yield
        if before is not None:
            self.making = False
            try:
                self.stretch.shared += max(0, self.system.quick() - before)
            except Exception:
                pass

    def pytest_runtest_logreport(self, report):
        try:
            if report.outcome == "failed":
                self.came.add("failed")
            elif report.outcome == "skipped":
                self.came.add("passed" if hasattr(report, "wasxfail") else "skipped")
            elif report.when == "call":
                self.came.add("passed")
        except Exception:
            pass

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        try:
            if self.system.alive():
                # Only where the session is given up: a suite ends with its last test.
                self.end("unfinished", True)
                self.flush()
        except Exception:
            pass

    def begin(self, id):
        self.id, self.came = id, set()
        # One look and one write for the end of a suite and the beginning of the next where they are one moment.
        last, self.stretch = self.stretch, None
        at_once = last is not None and last.last is not None and self.system.clock() - last.ended < 0.002
        self.stretch = _Stretch(self.system, last.last if at_once else None)
        self.put("begin", id, ',"level_bytes":%s' % _number(self.stretch.before))

    def end(self, status, last):
        """Holds the line back: the next suite begins at once, or somebody flushes."""
        id, self.id = self.id, None
        if id is None:
            return
        stretch = self.stretch
        ms, peak, after = stretch.end()
        figures = (ms, _number(stretch.before), _number(peak), _number(after))
        rest = ',"ms":%d,"before_bytes":%s,"peak_bytes":%s,"after_bytes":%s' % figures
        if stretch.shared > 0:
            rest += ',"shared_bytes":%d' % stretch.shared
        self.lines += self.line("suite", id, rest + ',"status":"%s","last":%s' % (status, "true" if last else "false"))

    def status(self):
        return next((word for word in ("failed", "passed", "skipped") if word in self.came), "passed")


def _stacks():
    """Writes the stacks of all threads upon SIGQUIT, before it ends the process as ever."""
    import faulthandler
    import signal

    if signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL:
        # Standard error as it is now: pytest captures it later.
        faulthandler.register(signal.SIGQUIT, file=os.dup(2), all_threads=True, chain=True)


_hidden = _FOLDER = None
try:
    # Suites are relative to the folder of the command, wherever that has gone since.
    _hidden, _FOLDER = _hide(), os.environ.get("SHARD_ROOT") or os.getcwd()
    if _hidden["SHARD_EVENTS"] and hasattr(os, "fork"):
        _stacks()
except Exception:
    pass


def pytest_configure(config):
    global _hidden
    hidden, _hidden = _hidden, None
    try:
        # Not sooner: pytest-xdist hands on to its workers what stood there when it was loaded.
        sys.path[:] = [path for path in sys.path if not _is_here(path)]
        # Our name in the header would be output.
        known = getattr(config.pluginmanager, "_plugin_distinfo", None)
        if known is not None:
            known[:] = [one for one in known if getattr(one[0], "__name__", "") != __name__]
        if hidden and hidden["SHARD_EVENTS"]:
            system = _System(hidden["SHARD_EVENTS"])
            config.pluginmanager.register(_Watcher(config, system, hidden), "shard-watcher")
    except Exception:
        pass
