import sys

from conversation import dial

dial(sys.argv[1])
