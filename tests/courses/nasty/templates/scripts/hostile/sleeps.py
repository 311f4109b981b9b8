import select
import socket
import threading
import time

PAUSE = 0.1

time.sleep(PAUSE)
print("slept")
select.select([], [], [], PAUSE)
print("selected")
select.poll().poll(PAUSE * 1000)
print("polled")
with socket.create_server(("127.0.0.1", 0)) as listener:
    listener.settimeout(PAUSE)
    try:
        listener.accept()
    except TimeoutError:
        print("timed out")
thread = threading.Thread(target=time.sleep, args=[PAUSE])
thread.start()
thread.join()
print("joined")
