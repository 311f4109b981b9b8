import os
import signal
import socket
import sys
import time


def tell(port):
    """Leaves a file, whole or not at all: this peer is up, it knows this port, and it has a child."""
    with open(f".{role}.up", "w") as file:
        file.write(str(port))
    os.rename(f".{role}.up", f"{role}.up")


def never_end():
    # Always a timer ahead: nobody can say that it is stuck.
    while True:
        time.sleep(0.05)


def leave_files(folder):
    """Makes the folder again as soon as somebody has removed it."""
    while True:
        os.makedirs(folder, exist_ok=True)
        try:
            open(f"{folder}/file", "w").close()
        except FileNotFoundError:
            pass


role = sys.argv[1]
for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(each, signal.SIG_IGN)
if role == "listener":
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    os.mkdir(sys.argv[2])
    if os.fork() == 0:
        leave_files(sys.argv[2])
    print(f"listening on 127.0.0.1:{port}")
    connection, _ = listener.accept()
else:
    port = int(sys.argv[2].rsplit(":", 1)[1])
    connection = socket.create_connection(("127.0.0.1", port))
    if os.fork() == 0:
        never_end()
tell(port)
never_end()
