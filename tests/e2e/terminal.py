"""The command line on a terminal of its own."""

import fcntl
import os
import struct
import subprocess
import termios
from threading import Thread

from process import CLICKSTREAM, ROOT, end, require, wait_until

SIZE = struct.pack("HHHH", 50, 200, 0, 0)


class Terminal:
    """Runs the command line with standard error on a terminal, and standard output too if it is not given."""

    def __init__(self, arguments, variables, stdout=None):
        self.screen = ""
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, SIZE)
        command = [require(CLICKSTREAM), *arguments]
        # TERM is what terminals say of themselves.
        variables = {**variables, "TERM": "xterm"}
        output = slave if stdout is None else stdout
        self.process = subprocess.Popen(
            command, env=variables, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.reading = Thread(target=self.read, daemon=True)
        self.reading.start()

    def read(self):
        try:
            while text := os.read(self.master, 65536):
                self.screen += text.decode(errors="replace")
        except OSError:
            # Linux says so when nobody has the other side any more.
            pass

    def wait_for(self, pattern):
        """Waits until the screen shows what a compiled pattern finds."""
        return wait_until(lambda: pattern.search(self.screen), f"{pattern.pattern} on the terminal")

    def wait(self):
        """Returns the exit code, once everything is read."""
        code = self.process.wait(timeout=120)
        self.reading.join(timeout=120)
        return code

    def close(self):
        end(self.process)
        self.reading.join(timeout=120)
        os.close(self.master)
