"""Runs a command in a terminal of its own and prints every byte that it showed there.

usage: terminal.py FIFO PAUSE TEXT COMMAND…

Whenever the command reads FIFO, it gets TEXT after PAUSE seconds; half way the window becomes narrow.
"""

import fcntl
import os
import pty
import struct
import sys
import termios
import threading
import time

fifo, pause, text, *command = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)


def resize(columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def feed():
    while True:  # Some look at a file before they read it.
        with open(fifo, "w", encoding="utf-8") as pipe:
            time.sleep(float(pause) / 2)
            resize(30)
            time.sleep(float(pause) / 2)
            pipe.write(text)
        time.sleep(0.3)  # So that the reader sees the end.


resize(100)
threading.Thread(target=feed, daemon=True).start()
shown = b""
while True:
    try:
        more = os.read(terminal, 65536)
    except OSError:  # How Linux says that nobody is at the other end any more.
        break
    if not more:
        break
    shown += more
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
