import sys

from conversation import play

play("{{ role }}", *sys.argv[1:])
