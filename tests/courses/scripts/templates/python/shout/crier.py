import sys

# Reads all that will ever be typed before it answers.
lines = sys.stdin.read().splitlines()
for line in lines:
    print(line.upper())
print(f"{len(lines)} lines")
