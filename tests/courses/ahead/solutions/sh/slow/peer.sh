echo word
