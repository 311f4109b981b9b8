import sys

count = 0
for line in sys.stdin:
    print(line.rstrip("\n").upper())
    count += 1
print(f"{count} lines")
