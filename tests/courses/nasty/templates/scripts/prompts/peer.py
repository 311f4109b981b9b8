"""Prints its arguments: `read` reads a line and prints it, and `\\n` in an argument is a newline."""

import sys

for word in sys.argv[1:]:
    if word == "read":
        print(sys.stdin.readline().rstrip("\n").upper())
    else:
        sys.stdout.write(word.replace("_", " ").replace("\\n", "\n"))
        sys.stdout.flush()
