from conversation import listen

listen()
